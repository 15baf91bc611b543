// The vectors as points in a ball that can be turned.

class Ball {
  constructor(canvas, { choose, changed }) {
    Object.assign(this, { canvas, choose, changed });
    this.listen();
  }

  // With more than three dimensions the first two principal axes lie in the picture's plane.
  face({ modalities, dim }) {
    const isTurned = this.dim === dim;
    Object.assign(this, { modalities, dim });
    this.home = dim === 3 ? multiply(rotation("x", 0.35), rotation("y", -0.5)) : rotation("x", 0);
    if (!isTurned) this.turn = this.home;
  }

  listen() {
    const { canvas } = this;
    let last = null;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return this.hover(event);
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      last = [event.clientX, event.clientY];
      moved += Math.abs(dx) + Math.abs(dy);
      this.rotate(dx / 150, dy / 150);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (last && moved < 4) this.choose(this.nearest(event), true);
      last = null;
    });
    canvas.addEventListener("pointercancel", () => (last = null));
    canvas.addEventListener("pointerleave", () => this.choose(null, false));
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (step) this.rotate(...step);
      else if (event.key === "Home") this.reset();
      else return;
      event.preventDefault();
    });
  }

  hover(event) {
    if (event.pointerType === "mouse") this.choose(this.nearest(event), false);
  }

  rotate(right, down) {
    this.turn = multiply(multiply(rotation("y", right), rotation("x", down)), this.turn);
    this.changed();
  }

  reset() {
    this.turn = this.home;
    this.changed();
  }

  // The pair nearest to the pointer, or null.
  nearest(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let distance = 12;
    for (const point of this.placed ?? []) {
      const here = Math.hypot(point.x - x, point.y - y) - point.depth;
      if (here < distance) [best, distance] = [point.pair, here];
    }
    return best;
  }

  // scene: { run, frame, points, bias, chosen, theme }
  draw(scene) {
    const { canvas } = this;
    this.face(scene.run);
    const size = canvas.clientWidth;
    if (size < 50) return; // not laid out yet, as in a tab that is not shown
    const ratio = window.devicePixelRatio || 1;
    const pixels = Math.round(size * ratio);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, size, size);
    this.centre = size / 2;
    this.radius = size / 2 - 12;
    this.drawGlobe(g, scene.theme);
    this.placed = this.place(scene.points, scene.frame.drawn);
    this.drawPairs(g, scene);
    if (scene.chosen !== null && this.dim === 3) this.drawCap(g, scene);
    this.drawPoints(g, scene);
  }

  place(points, drawn) {
    const placed = [];
    for (let k = 0; k < this.modalities * drawn; k++) {
      const point = [points[3 * k], points[3 * k + 1], points[3 * k + 2]];
      placed.push({ ...this.project(point), pair: k % drawn, modality: Math.floor(k / drawn), at: point });
    }
    return placed;
  }

  // depth runs from -1 (back) to 1 (front).
  project(point) {
    const [x, y, z] = this.turn.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
    return { x: this.centre + this.radius * x, y: this.centre - this.radius * y, depth: z };
  }

  drawGlobe(g, theme) {
    g.strokeStyle = theme.line;
    g.lineWidth = 1;
    g.beginPath();
    g.arc(this.centre, this.centre, this.radius, 0, 2 * Math.PI);
    g.stroke();
    if (this.dim !== 3) return;
    const circle = (at) => this.drawCurve(g, Array.from({ length: 61 }, (_, k) => at((k / 60) * 2 * Math.PI)), 0.75);
    for (let k = 0; k < 6; k++) {
      const longitude = (k / 6) * Math.PI;
      circle((a) => [Math.cos(a) * Math.cos(longitude), Math.sin(a), Math.cos(a) * Math.sin(longitude)]);
    }
    for (let k = 1; k < 6; k++) {
      const latitude = (k / 6) * Math.PI - Math.PI / 2;
      circle((a) => [Math.cos(latitude) * Math.cos(a), Math.sin(latitude), Math.cos(latitude) * Math.sin(a)]);
    }
  }

  // A curve in space, fainter where it is behind.
  drawCurve(g, points, width) {
    const placed = points.map((point) => this.project(point));
    g.lineWidth = width;
    for (let k = 1; k < placed.length; k++) {
      g.globalAlpha = placed[k].depth > 0 ? 0.8 : 0.25;
      g.beginPath();
      g.moveTo(placed[k - 1].x, placed[k - 1].y);
      g.lineTo(placed[k].x, placed[k].y);
      g.stroke();
    }
    g.globalAlpha = 1;
  }

  // Partners are joined; in the colour of a wrong pair where they lie below the threshold.
  drawPairs(g, { frame, bias, chosen, theme }) {
    const { drawn } = frame;
    for (let pair = 0; pair < drawn; pair++) {
      for (let second = 1; second < this.modalities; second++) {
        const [a, b] = [this.placed[pair], this.placed[second * drawn + pair]];
        const wrong = frame.similarity?.(pair, second) < bias;
        g.strokeStyle = wrong ? theme["non-matching"] : theme.text;
        g.globalAlpha = alpha(chosen, pair) * (0.35 + 0.25 * Math.min(a.depth, b.depth)) + (wrong ? 0.15 : 0);
        g.lineWidth = pair === chosen ? 2.5 : 1.25;
        g.beginPath();
        g.moveTo(a.x, a.y);
        g.lineTo(b.x, b.y);
        g.stroke();
      }
    }
    g.globalAlpha = 1;
  }

  drawPoints(g, { frame, chosen, theme }) {
    const base = frame.drawn * this.modalities > 120 ? 2.4 : 4;
    for (const point of [...this.placed].sort((a, b) => a.depth - b.depth)) {
      const size = base * (1 + 0.25 * point.depth) * (point.pair === chosen ? 1.6 : 1);
      g.globalAlpha = alpha(chosen, point.pair) * (0.65 + 0.35 * point.depth);
      g.fillStyle = theme.modalities[point.modality % theme.modalities.length];
      g.strokeStyle = theme.background;
      g.lineWidth = 1;
      g.beginPath();
      // The first modality is round, the others are diamonds: colour is not the only sign.
      if (point.modality === 0) g.arc(point.x, point.y, size, 0, 2 * Math.PI);
      else diamond(g, point.x, point.y, 1.25 * size);
      g.fill();
      g.stroke();
    }
    g.globalAlpha = 1;
  }

  // The circle of points whose similarity to the chosen U_i is the threshold.
  drawCap(g, { frame, bias, chosen, theme }) {
    if (Math.abs(bias) > 1 || chosen >= frame.drawn) return;
    const pole = this.placed[chosen].at;
    const aside = Math.abs(pole[0]) < 0.8 ? [1, 0, 0] : [0, 1, 0];
    const first = unit(cross(pole, aside));
    const second = cross(pole, first);
    const radius = Math.sqrt(1 - bias * bias);
    g.strokeStyle = theme.accent;
    const at = (a) => pole.map((p, k) => bias * p + radius * (Math.cos(a) * first[k] + Math.sin(a) * second[k]));
    this.drawCurve(g, Array.from({ length: 91 }, (_, k) => at((k / 90) * 2 * Math.PI)), 2);
  }
}

const alpha = (chosen, pair) => (chosen === null || chosen === pair ? 1 : 0.45);

function diamond(g, x, y, size) {
  g.moveTo(x, y - size);
  g.lineTo(x + size, y);
  g.lineTo(x, y + size);
  g.lineTo(x - size, y);
  g.closePath();
}

function rotation(axis, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return axis === "x"
    ? [[1, 0, 0], [0, c, -s], [0, s, c]]
    : [[c, 0, s], [0, 1, 0], [-s, 0, c]];
}

const multiply = (a, b) => a.map((row) => [0, 1, 2].map((j) => row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]));
const dot3 = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => a.map((x) => x / Math.sqrt(dot3(a, a)));
