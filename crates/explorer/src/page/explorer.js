// Joins the views: one state, one scene computed from it, all views drawn from the scene.

// Puts an explorer of `data` into the element around `script`. The engine, base64 or null, is for all
// explorers on the page.
function start(script, style, body, data, engine) {
  shareEngine(engine);
  const host = script?.closest(".siglip-explorer") ?? document.querySelector(".siglip-explorer:not([data-alive])");
  if (!host || host.shadowRoot) return;
  host.dataset.alive = "";
  // JupyterLab's shortcuts would take the keys that move sliders.
  host.dataset.lmSuppressShortcuts = "true";
  const shadow = host.attachShadow({ mode: "open" });
  shadow.innerHTML = `<style>${style}</style>${body}`;
  explore(host, shadow, data);
}

function explore(host, shadow, data) {
  const find = (id) => shadow.getElementById(id);
  const root = shadow.querySelector(".explorer");
  // `k` null is the newest moment of a run.
  const state = { run: recordedRun(data), k: null, follow: true, zoomed: false, hovered: null, pinned: null, playing: false, training: null, movedAt: -Infinity };
  const frameShown = () => (state.k === null ? state.run.newest() : state.run.frameAt(state.k));
  let scene = null;
  let waiting = false;
  const isMoving = () => Boolean(state.training?.isRunning) || performance.now() - state.movedAt < MILLISECONDS_OF_MOTION;
  const meter = makeMeter(isMoving);

  // Applies `change` to the state; the views follow in the next frame.
  function update(change) {
    Object.assign(state, change);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(render);
  }

  function look() {
    const frame = frameShown();
    if (state.follow) Object.assign(state, { temperature: frame.temperature, bias: frame.relativeBias });
    scene = makeScene(state, frame, readTheme(root), isMoving(), scene);
  }

  function render() {
    waiting = false;
    const before = scene;
    look();
    const moved = before.frame !== scene.frame || String(before.biasRange) !== String(scene.biasRange);
    for (const { chart, refresh } of charts) (moved && refresh ? refresh : () => chart.redraw(false))();
    ball.draw(scene);
    if (before.run !== scene.run) describe(find, scene);
    showSetting(find, scene, state);
    showReadouts(find, scene);
    meter.run();
    trainer.show(meter);
  }

  Object.assign(state, { numerics: data.numerics });
  look();
  const actions = makeActions(state, update, () => scene);
  const ball = new Ball(find("ball"), { changed: () => update({}), choose: actions.choose });
  const charts = makeCharts(find, () => scene, actions, () => update({}));
  const trainer = makeTraining({ host, root, find, data, state, update, scene: () => scene });
  listen(find, actions, () => scene, trainer);
  onThemeChange(() => update({}), render);
  new ResizeObserver(() => {
    for (const { chart } of charts) chart.setSize({ width: chartWidth(chart.root.parentElement), height: chart.height });
    update({});
  }).observe(root);
  for (const { refresh } of charts) refresh();
  describe(find, scene);
  render();
}

// After the last report the page is taken to move for so long, while a reader turns a knob.
const MILLISECONDS_OF_MOTION = 300;

// All that the views draw.
function makeScene(state, frame, theme, isMoving, before) {
  const { run } = state;
  if (!run.isRecorded && run.axesOf !== run.moment) {
    const start = run.axes ?? (before?.run.dim === run.dim ? before.run.axes : null);
    [run.axes, run.axesOf] = [principalAxes(run.moment.vectors, run.dim, start, isMoving ? 1 : 100), isMoving ? null : run.moment];
  }
  const ranges = settingRanges(run.curve);
  const chosen = state.hovered ?? state.pinned;
  const hasChosen = chosen !== null && chosen < frame.drawn;
  return {
    run, frame, theme, isMoving, ranges,
    points: frame.points ?? project(frame.vectors, run.axes, run, frame.drawn),
    chosen: hasChosen ? chosen : null,
    curve: run.curve,
    temperature: state.temperature, bias: state.bias, numerics: state.numerics, zoomed: state.zoomed,
    trained: { temperature: frame.temperature, bias: frame.relativeBias },
    biasRange: state.zoomed ? zoomedRange(frame, ranges.bias) : ranges.bias,
    logRange: ranges.log,
    largestCount: sizeOf(frame.sample.nonMatching),
    chosenSimilarity: hasChosen ? (frame.similarity?.(chosen) ?? null) : null,
  };
}

// All that a reader can do with a run.
function makeActions(state, update, scene) {
  const last = () => state.run.epochs().length - 1;
  const ranges = () => scene().ranges;
  const actions = {
    // The setting no longer follows training once it is chosen by hand.
    setTemperature: (t) => update({ temperature: clamp(t, ranges().log.map((x) => 10 ** x)), follow: false }),
    setBias: (bias) => update({ bias: clamp(bias, ranges().bias), follow: false }),
    setBoth(bias, t) {
      actions.setBias(bias);
      actions.setTemperature(t);
    },
    // Moves by shares of the ranges.
    nudge(right, up, [low, high]) {
      const [from, to] = ranges().log;
      actions.setBoth(state.bias + right * (high - low), state.temperature * 10 ** (up * (to - from)));
    },
    placeTemperature: (share) => actions.setTemperature(10 ** between(ranges().log, share)),
    placeBias: (share) => actions.setBias(between(ranges().bias, share)),
    follow: (follow) => update({ follow }),
    zoom: (zoomed) => update({ zoomed }),
    useNumerics: (numerics) => update({ numerics }),
    scrub: (epoch) => actions.show(nearestEpoch(state.run.epochs(), epoch)),
    // The end of a run is its newest moment.
    show: (k) => update({ k: k >= last() ? null : Math.max(k, 0), playing: false }),
    choose: (pair, pin) => update(pin ? { pinned: pair === state.pinned ? null : pair } : { hovered: pair }),
    // Steps through the frames, from the start if it stands at the end.
    play(isShown) {
      if (state.playing) return update({ playing: false });
      update({ playing: true, k: state.k ?? 0 });
      let shown = performance.now();
      const tick = (now) => {
        if (state.k === null || !isShown()) update({ playing: false });
        if (!state.playing) return;
        if (now - shown > MILLISECONDS_A_FRAME) {
          shown = now;
          update({ k: state.k + 1 >= last() ? null : state.k + 1 });
        }
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    },
  };
  return actions;
}

const MILLISECONDS_A_FRAME = 110;

function makeCharts(find, scene, actions, again) {
  const curveOf = (id, options) => curveChart(find(id), scene, { scrub: actions.scrub, ...options });
  return [
    histogramChart(find("histogram"), scene, actions.setBias),
    landscapeChart(find("landscape"), scene, actions.setBoth, again),
    curveOf("loss-curve", { column: "loss", label: "loss", log: true, hidden: true }),
    curveOf("temperature-curve", { column: "temperature", label: "t", log: true, hidden: true }),
    curveOf("bias-curve", { column: "relative_bias", label: "b_rel", log: false }),
  ];
}

function listen(find, actions, scene, trainer) {
  const on = (id, event, act) => find(id).addEventListener(event, act);
  on("temperature", "input", ({ target }) => actions.placeTemperature(Number(target.value)));
  on("bias", "input", ({ target }) => actions.placeBias(Number(target.value)));
  for (const id of ["temperature", "bias"]) on(id, "keydown", stepSlider);
  on("temperature-number", "change", ({ target }) => Number(target.value) > 0 && actions.setTemperature(Number(target.value)));
  on("bias-number", "change", ({ target }) => target.value !== "" && actions.setBias(Number(target.value)));
  on("reset", "click", () => actions.follow(true));
  on("follow", "change", ({ target }) => actions.follow(target.checked));
  on("zoom", "change", ({ target }) => actions.zoom(target.checked));
  on("numerics", "change", ({ target }) => actions.useNumerics(target.value));
  on("epoch", "input", ({ target }) => actions.show(Number(target.value)));
  on("play", "click", () => trainer.pauseOrContinue() || actions.play(() => find("play").isConnected));
  on("step", "click", trainer.step);
  on("restart", "click", trainer.restart);
  on("landscape", "keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [right, up] = step.map((direction) => direction * (event.shiftKey ? 0.001 : 0.01));
    actions.nudge(right, up, scene().biasRange);
  });
}
