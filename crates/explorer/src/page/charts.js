// The charts, on uPlot: each is made once, and redraws itself from `scene()`.
//
// scene() is { run, frame, curve, temperature, bias, numerics, theme, trained, biasRange, logRange, … }.

// A plot in `element`. `x` and `y`: { range(), log, splits(), label }; `drag(x, y)` is told
// where in the plot the pointer is held.
function plot(element, { height, scene, x, y, series, under, over, drag, right = RIGHT }) {
  const axis = ({ splits, values, label }, size) => ({
    stroke: () => scene().theme.muted,
    font: scene().theme.font,
    labelFont: scene().theme.font,
    grid: { stroke: () => scene().theme.line, width: 1 },
    ticks: { show: false },
    gap: 4,
    size,
    label,
    labelSize: 16,
    labelGap: 0,
    // uPlot would leave labels out on a logarithmic axis.
    filter: (_, shown) => shown,
    ...(splits && { splits }),
    ...(values && { values }),
  });
  const chart = new uPlot(
    {
      width: chartWidth(element),
      height,
      padding: [8, right, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: () => x.range() }, y: { distr: y.log ? 3 : 1, range: () => y.range() } },
      axes: [axis(x, x.hidden ? 4 : 20), axis(y, 46)],
      series: [{}, ...series],
      hooks: { drawClear: [(u) => under?.(u, u.ctx)], draw: [(u) => clipped(u, over)] },
    },
    [[0, 1], ...series.map(() => [null, null])],
    element,
  );
  if (drag) {
    chart.over.classList.add("draggable");
    listenToDrag(chart, drag);
  }
  return chart;
}

// uPlot cannot do without any width, as in a tab that is not shown.
const chartWidth = (element) => Math.max(element.clientWidth, 120);

// Room on the right of the two charts that share the axis of b_rel, for the colours' key.
const RIGHT = 48;

function clipped(u, draw) {
  if (!draw) return;
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  draw(u, u.ctx, { left, top, width, height, px: devicePixelRatio });
  u.ctx.restore();
}

function clipTo(g, { left, top, width, height }) {
  g.beginPath();
  g.rect(left, top, width, height);
  g.clip();
}

function listenToDrag(chart, drag) {
  let held = false;
  const tell = (event) => {
    const box = chart.over.getBoundingClientRect();
    drag(chart.posToVal(event.clientX - box.left, "x"), chart.posToVal(event.clientY - box.top, "y"));
  };
  chart.over.addEventListener("pointerdown", (event) => {
    held = true;
    chart.over.setPointerCapture(event.pointerId);
    tell(event);
  });
  chart.over.addEventListener("pointermove", (event) => held && tell(event));
  for (const end of ["pointerup", "pointercancel"]) chart.over.addEventListener(end, () => (held = false));
}

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (exponent) => `10${[...String(exponent)].map((c) => SUPERSCRIPTS[c]).join("")}`;

// An axis in powers of ten, with at most `most` labels.
function logAxis(range, most, rest) {
  const splits = () => {
    const [low, high] = range().map(Math.log10);
    const step = Math.max(1, Math.ceil((high - low) / most));
    const first = Math.ceil(low / step - 1e-9) * step;
    return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, k) => 10 ** (first + k * step));
  };
  const values = (_, shown) => shown.map((value) => (value >= 1 && value <= 1000 ? String(Math.round(value)) : power(Math.round(Math.log10(value)))));
  return { log: true, range, splits, values, ...rest };
}

function verticalLine(u, g, x, colour, { width = 1, dash = [] } = {}) {
  const px = devicePixelRatio;
  const at = u.valToPos(x, "x", true);
  g.strokeStyle = colour;
  g.lineWidth = width * px;
  g.setLineDash(dash.map((length) => length * px));
  g.beginPath();
  g.moveTo(at, u.bbox.top);
  g.lineTo(at, u.bbox.top + u.bbox.height);
  g.stroke();
  g.setLineDash([]);
}

// Similarities of matching and non-matching pairs, the threshold, and the band that separates them.
function histogramChart(element, scene, drag) {
  const bins = HISTOGRAM_BINS;
  const step = uPlot.paths.stepped({ align: 1 });
  const kind = (name, fill) => ({
    stroke: () => scene().theme[name],
    fill: () => scene().theme[name] + fill,
    width: 1.5,
    paths: step,
    points: { show: false },
    pxAlign: 0,
  });
  const chart = plot(element, {
    height: 190,
    scene,
    x: { range: () => scene().biasRange, label: undefined },
    y: logAxis(() => [0.6, 1.3 * scene().largestCount], 5, { label: "pairs in a bin" }),
    series: [kind("non-matching", "40"), kind("matching", "40")],
    drag: (x) => drag(x),
    under: (u, g) => drawBand(u, g, scene()),
    over: drawThreshold,
  });

  function drawBand(u, g, { frame, theme }) {
    const [low, high] = [frame.extremes[1], frame.extremes[0]];
    g.save();
    clipTo(g, u.bbox);
    if (high > low) {
      const [left, right] = [low, high].map((s) => u.valToPos(s, "x", true));
      g.fillStyle = theme.band;
      g.fillRect(left, u.bbox.top, Math.max(right - left, devicePixelRatio), u.bbox.height);
    }
    verticalLine(u, g, low, theme["non-matching"], { dash: [3, 3] });
    verticalLine(u, g, high, theme.matching, { dash: [3, 3] });
    g.restore();
  }

  function drawThreshold(u, g, box) {
    const { bias, theme, chosenSimilarity, trained } = scene();
    clipTo(g, box);
    verticalLine(u, g, bias, theme.text, { width: 2 });
    triangle(g, u.valToPos(trained.bias, "x", true), box.top, 6 * box.px, theme.accent);
    if (chosenSimilarity !== null) verticalLine(u, g, chosenSimilarity, theme.accent, { width: 2, dash: [2, 2] });
  }

  return {
    chart,
    refresh() {
      const { frame, biasRange, zoomed } = scene();
      const [low, high] = zoomed || !frame.counts ? biasRange : [-1, 1];
      const edges = Array.from({ length: bins + 1 }, (_, k) => low + (k / bins) * (high - low));
      const counts = ["matching", "nonMatching"].map((name, k) =>
        !zoomed && frame.counts ? frame.counts[k] : histogram(frame.sample[name], low, high, bins),
      );
      // A count of zero has no logarithm: it is drawn below the axis.
      const column = (values) => [...values, values[bins - 1]].map((count) => count || 0.01);
      chart.setData([edges, column(counts[1]), column(counts[0])]);
    },
  };
}

const scaled = (font, px) => font.replace(/^[\d.]+/, (size) => size * px);

function triangle(g, x, y, size, colour) {
  g.fillStyle = colour;
  g.beginPath();
  g.moveTo(x - size, y);
  g.lineTo(x + size, y);
  g.lineTo(x, y + 1.3 * size);
  g.fill();
}

// One curve of training above the scrubber: `curve[column]` after each of its epochs.
function curveChart(element, scene, { column, label, log, hidden, scrub }) {
  let drawn = null;
  let ends = [1, 1];
  let range = [1, 2];
  const isLong = () => log && ends[1] > 15 * ends[0];
  const powers = logAxis(() => range, 3);
  const plain = { splits: () => (ends[1] > ends[0] ? ends : [ends[0]]), values: (_, shown) => shown.map(shortValue) };
  const chart = plot(element, {
    height: hidden ? 62 : 80,
    right: 12,
    scene,
    x: {
      range: () => [-0.05, Math.log1p(scene().run.lastEpoch)],
      splits: () => epochTicks(scene().run.lastEpoch).map(Math.log1p),
      values: (_, shown) => shown.map((x) => (hidden ? "" : shortNumber(Math.round(Math.expm1(x))))),
      hidden,
    },
    y: {
      log,
      label,
      range: () => range,
      splits: (...rest) => (isLong() ? powers : plain).splits(...rest),
      values: (...rest) => (isLong() ? powers : plain).values(...rest),
    },
    series: [{ stroke: () => scene().theme.text, width: 1.5, points: { show: false }, pxAlign: 0 }],
    drag: (x) => scrub(Math.expm1(x)),
    over: (u, g) => verticalLine(u, g, Math.log1p(scene().frame.epoch), scene().theme.accent, { width: 2 }),
  });
  return {
    chart,
    refresh() {
      const { curve } = scene();
      if (curve === drawn) return chart.redraw(false);
      drawn = curve;
      const shown = curve[column].map((value) => (value === null || (log && !(value > 0)) ? null : value));
      const finite = shown.filter((value) => value !== null);
      if (finite.length) ends = [Math.min(...finite), Math.max(...finite)];
      const [low, high] = ends;
      const [pad, factor] = [0.1 * (high - low) || 0.01, (high / low) ** 0.1 * 1.001];
      range = log ? [low / factor, high * factor] : [low - pad, high + pad];
      chart.setData([curve.epoch.map(Math.log1p), shown]);
    },
  };
}

const epochTicks = (last) => [0, ...Array.from({ length: Math.floor(Math.log10(Math.max(last, 1))) + 1 }, (_, k) => 10 ** k)];
const shortValue = (value) => (Math.abs(value) < 0.001 && value ? value.toExponential(0) : String(Number(value.toPrecision(3))));
const shortNumber = (n) => (n >= 1e6 ? `${n / 1e6}M` : n >= 1e3 ? `${n / 1e3}k` : String(n));
