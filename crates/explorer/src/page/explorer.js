// Joins the views: one state, one scene computed from it, all views drawn from the scene.

// Puts an explorer of `data` into the element around `script`.
function start(script, style, body, data) {
  const host = script?.closest(".siglip-explorer") ?? document.querySelector(".siglip-explorer:not([data-alive])");
  if (!host || host.shadowRoot) return;
  host.dataset.alive = "";
  // JupyterLab's shortcuts would take the keys that move sliders.
  host.dataset.lmSuppressShortcuts = "true";
  const shadow = host.attachShadow({ mode: "open" });
  shadow.innerHTML = `<style>${style}</style>${body}`;
  explore(shadow, data);
}

function explore(shadow, data) {
  const find = (id) => shadow.getElementById(id);
  const root = shadow.querySelector(".explorer");
  const frameAt = readFrames(data);
  const ranges = settingRanges(data);
  const curve = completeCurve(data, frameAt);
  const last = data.epochs.length - 1;
  const state = {
    k: last, temperature: data.temperature[last], bias: data.relative_bias[last], numerics: data.numerics,
    follow: true, zoomed: false, hovered: null, pinned: null, playing: false,
  };
  let scene = makeScene(state, { data, frameAt, ranges, curve, theme: readTheme(root) });
  let drawn = null;
  let waiting = false;

  // Applies `change` to the state; the views follow in the next frame.
  function update(change) {
    Object.assign(state, change);
    if (state.follow) Object.assign(state, { temperature: data.temperature[state.k], bias: data.relative_bias[state.k] });
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(render);
  }

  const actions = makeActions(state, update, ranges, data);
  const ball = new Ball(find("ball"), { modalities: data.modalities, dim: data.dim, changed: () => update({}), choose: actions.choose });
  const charts = makeCharts(find, () => scene, actions);

  function render() {
    waiting = false;
    scene = makeScene(state, { data, frameAt, ranges, curve, theme: readTheme(root) });
    const moved = drawn?.frame !== scene.frame || String(drawn.biasRange) !== String(scene.biasRange);
    for (const { chart, refresh } of charts) (moved && refresh ? refresh : () => chart.redraw(false))();
    ball.draw(scene);
    showSetting(find, scene, state, ranges);
    showReadouts(find, scene);
    drawn = scene;
  }

  listen(find, actions, () => scene);
  describe(find, data, scene);
  onThemeChange(() => update({}), render);
  new ResizeObserver(() => {
    for (const { chart } of charts) chart.setSize({ width: chartWidth(chart.root.parentElement), height: chart.height });
    update({});
  }).observe(root);
  render();
}

// All that the views draw.
function makeScene(state, { data, frameAt, ranges, curve, theme }) {
  const frame = frameAt(state.k);
  const chosen = state.hovered ?? state.pinned;
  return {
    frame, chosen, curve, theme,
    temperature: state.temperature, bias: state.bias, numerics: state.numerics, zoomed: state.zoomed,
    trained: { temperature: data.temperature[state.k], bias: data.relative_bias[state.k] },
    biasRange: state.zoomed ? zoomedRange(frame, ranges.bias) : ranges.bias,
    logRange: ranges.log,
    largestCount: sizeOf(frame.sample.nonMatching),
    chosenSimilarity: chosen === null ? null : (frame.similarity?.(chosen) ?? null),
  };
}

// All that a reader can do.
function makeActions(state, update, ranges, { epochs }) {
  const last = epochs.length - 1;
  const actions = {
    // The setting no longer follows training once it is chosen by hand.
    setTemperature: (t) => update({ temperature: clamp(t, ranges.log.map((x) => 10 ** x)), follow: false }),
    setBias: (bias) => update({ bias: clamp(bias, ranges.bias), follow: false }),
    setBoth(bias, t) {
      actions.setBias(bias);
      actions.setTemperature(t);
    },
    // Moves by shares of the ranges.
    nudge(right, up, [low, high]) {
      actions.setBoth(state.bias + right * (high - low), state.temperature * 10 ** (up * (ranges.log[1] - ranges.log[0])));
    },
    placeTemperature: (share) => actions.setTemperature(10 ** between(ranges.log, share)),
    placeBias: (share) => actions.setBias(between(ranges.bias, share)),
    follow: (follow) => update({ follow }),
    zoom: (zoomed) => update({ zoomed }),
    useNumerics: (numerics) => update({ numerics }),
    scrub: (epoch) => update({ k: nearestEpoch(epochs, epoch), playing: false }),
    show: (k) => update({ k, playing: false }),
    choose: (pair, pin) => update(pin ? { pinned: pair === state.pinned ? null : pair } : { hovered: pair }),
    // Steps through the frames, from the start if it stands at the end.
    play(isShown) {
      if (state.playing) return update({ playing: false });
      update({ playing: true, k: state.k === last ? 0 : state.k });
      let shown = performance.now();
      const tick = (now) => {
        if (state.k === last || !isShown()) update({ playing: false });
        if (!state.playing) return;
        if (now - shown > MILLISECONDS_A_FRAME) {
          shown = now;
          update({ k: state.k + 1 });
        }
        requestAnimationFrame(tick);
      };
      requestAnimationFrame(tick);
    },
  };
  return actions;
}

const MILLISECONDS_A_FRAME = 110;

function makeCharts(find, scene, actions) {
  const { epoch, loss, temperature, relative_bias } = scene().curve;
  const curveOf = (id, values, options) => ({ chart: curveChart(find(id), scene, { epochs: epoch, values, scrub: actions.scrub, ...options }) });
  return [
    histogramChart(find("histogram"), scene, actions.setBias),
    landscapeChart(find("landscape"), scene, actions.setBoth),
    curveOf("loss-curve", loss, { label: "loss", log: true, hidden: true }),
    curveOf("temperature-curve", temperature, { label: "t", log: true, hidden: true }),
    curveOf("bias-curve", relative_bias, { label: "b_rel", log: false }),
  ];
}

function listen(find, actions, scene) {
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
  on("play", "click", () => actions.play(() => find("play").isConnected));
  on("landscape", "keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [right, up] = step.map((direction) => direction * (event.shiftKey ? 0.001 : 0.01));
    actions.nudge(right, up, scene().biasRange);
  });
}
