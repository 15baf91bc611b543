// The loss over (b_rel, log t) as a heat map, with the path of training on it.

// Colours cover these powers of ten, in every explorer the same.
const LOSS_DECADES = [-6, 2];
const COLUMNS = 90;
const ROWS = 60;
// A map takes longer than a frame of the page lasts: while a training goes on it is computed in
// parts of so many milliseconds, and at half the resolution.
const MAP_SLICE = 4;

function landscapeChart(element, scene, drag, again) {
  const chart = plot(element, {
    height: 260,
    scene,
    x: { range: () => scene().biasRange, label: "similarity and relative bias b_rel" },
    y: logAxis(() => scene().logRange.map((x) => 10 ** x), 6, { label: "temperature t" }),
    series: [{ points: { show: false }, width: 0 }],
    drag,
    over: draw,
  });
  const image = document.createElement("canvas");
  let contours = [];
  let [drawn, work] = [null, null];

  // Goes on with the map if what it depends on has changed; calls `again` while it is not done.
  function compute() {
    const { frame, numerics, biasRange, logRange, isMoving } = scene();
    const wanted = [frame.sample, numerics, ...biasRange, ...logRange, isMoving];
    const isSame = (other) => other?.every((value, k) => value === wanted[k]);
    if (!work && isSame(drawn)) return;
    if (!work || (!isMoving && !isSame(work.wanted))) {
      const [columns, rows] = isMoving ? [COLUMNS / 2, ROWS / 2] : [COLUMNS, ROWS];
      work = { wanted, columns, rows, steps: landscape(frame.sample, numerics, biasRange, logRange, columns, rows) };
    }
    const end = performance.now() + (isMoving ? MAP_SLICE : Infinity);
    let step = null;
    do step = work.steps.next();
    while (!step.done && performance.now() < end);
    if (!step.done) return again();
    const { columns, rows } = work;
    paint(image, step.value, columns, rows);
    element.dataset.columns = columns;
    contours = contourLines(step.value, columns, rows, LOSS_DECADES);
    [drawn, work] = [work.wanted, null];
    if (!isSame(drawn)) again();
  }

  function draw(u, g, box) {
    compute();
    const { theme, temperature, bias, trained, frame, curve } = scene();
    colourBar(g, box, theme);
    if (drawn) g.drawImage(image, box.left, box.top, box.width, box.height);
    clipTo(g, box);
    const at = ([x, y]) => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
    drawContours(g, box, contours);
    for (const edge of frame.extremes) verticalLine(u, g, edge, "#ffffffb0", { dash: [3, 3] });
    drawPath(g, box, curve.relative_bias.map((x, k) => at([x, curve.temperature[k]])));
    spot(g, at([trained.bias, trained.temperature]), 5 * box.px, "#fff", "#000");
    crosshair(g, box, at([bias, temperature]));
  }

  return { chart, refresh: () => chart.setData([[0, 1], [null, null]]) };
}

function paint(image, values, columns, rows) {
  [image.width, image.height] = [columns, rows];
  const g = image.getContext("2d");
  const pixels = g.createImageData(columns, rows);
  const [low, high] = LOSS_DECADES;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const share = (values[row * columns + column] - low) / (high - low);
      // Rows of an image run downwards, those of the map upwards.
      pixels.data.set([...viridis(share), 255], 4 * ((rows - 1 - row) * columns + column));
    }
  }
  g.putImageData(pixels, 0, 0);
}

// Segments [x1, y1, x2, y2], in shares of the map, where the loss is a power of ten.
function contourLines(values, columns, rows, [lowest, highest]) {
  const segments = [];
  const corner = (row, column) => values[row * columns + column];
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const corners = [[0, 0], [0, 1], [1, 1], [1, 0]].map(([r, c]) => [column + c, row + r, corner(row + r, column + c)]);
      const heights = corners.map(([, , height]) => height);
      const from = Math.max(lowest, Math.ceil(Math.min(...heights)));
      const to = Math.min(highest, Math.floor(Math.max(...heights)));
      for (let level = from; level <= to; level++) segments.push(...crossings(corners, level));
    }
  }
  return segments.map((segment) => segment.map((x, k) => (x + 0.5) / (k % 2 ? rows : columns)));
}

// Where the edges of one square cross `level`, joined in turn.
function crossings(corners, level) {
  const points = [];
  corners.forEach(([x1, y1, h1], k) => {
    const [x2, y2, h2] = corners[(k + 1) % 4];
    if (h1 < level === h2 < level) return;
    const share = (level - h1) / (h2 - h1);
    points.push([x1 + share * (x2 - x1), y1 + share * (y2 - y1)]);
  });
  return points.length === 2 ? [points.flat()] : points.length === 4 ? [points.slice(0, 2).flat(), points.slice(2).flat()] : [];
}

function drawContours(g, { left, top, width, height, px }, contours) {
  g.strokeStyle = "#00000055";
  g.lineWidth = px;
  g.beginPath();
  for (const [x1, y1, x2, y2] of contours) {
    g.moveTo(left + x1 * width, top + (1 - y1) * height);
    g.lineTo(left + x2 * width, top + (1 - y2) * height);
  }
  g.stroke();
}

function drawPath(g, { px }, points) {
  for (const [colour, width] of [["#000000b0", 4], ["#ffffff", 2]]) {
    g.strokeStyle = colour;
    g.lineWidth = width * px;
    g.lineJoin = "round";
    g.beginPath();
    points.forEach(([x, y], k) => (k ? g.lineTo(x, y) : g.moveTo(x, y)));
    g.stroke();
  }
  if (points.length) spot(g, points[0], 3.5 * px, "#000", "#fff");
}

function spot(g, [x, y], radius, fill, stroke) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  g.fillStyle = fill;
  g.fill();
  g.strokeStyle = stroke;
  g.lineWidth = radius / 3;
  g.stroke();
}

function crosshair(g, { px }, [x, y]) {
  for (const [colour, width] of [["#000", 5], ["#ffb000", 2.5]]) {
    g.strokeStyle = colour;
    g.lineWidth = width * px;
    g.beginPath();
    g.arc(x, y, 9 * px, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      g.moveTo(x + 9 * px * dx, y + 9 * px * dy);
      g.lineTo(x + 14 * px * dx, y + 14 * px * dy);
    }
    g.stroke();
  }
}

function colourBar(g, { left, top, width, height, px }, theme) {
  const [low, high] = LOSS_DECADES;
  const x = left + width + 8 * px;
  const scale = g.createLinearGradient(0, top + height, 0, top + 16 * px);
  VIRIDIS.forEach((rgb, k) => scale.addColorStop(k / (VIRIDIS.length - 1), `rgb(${rgb})`));
  g.fillStyle = scale;
  g.fillRect(x, top + 16 * px, 10 * px, height - 16 * px);
  g.fillStyle = theme.muted;
  g.font = scaled(theme.font, px);
  g.textAlign = "left";
  g.textBaseline = "middle";
  g.fillText("loss", x, top + 5 * px);
  for (let decade = low; decade <= high; decade += 2) {
    const y = top + height - ((decade - low) / (high - low)) * (height - 22 * px) - 4 * px;
    g.fillText(decade === 0 ? "1" : power(decade), x + 14 * px, y);
  }
}
