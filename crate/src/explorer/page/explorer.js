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
  const last = data.epochs.length - 1;
  const ranges = settingRanges(data);
  const curve = completeCurve(data, frameAt);
  const state = {
    k: last, temperature: data.temperature[last], bias: data.relative_bias[last], numerics: data.numerics,
    follow: true, zoomed: false, hovered: null, pinned: null, playing: false,
  };
  let scene = makeScene();

  function makeScene() {
    const frame = frameAt(state.k);
    const chosen = state.hovered ?? state.pinned;
    return {
      frame, chosen, curve,
      temperature: state.temperature, bias: state.bias, numerics: state.numerics, zoomed: state.zoomed,
      trained: { temperature: frame.temperature, bias: frame.relativeBias },
      biasRange: state.zoomed ? zoomedRange(frame, ranges.bias) : ranges.bias,
      logRange: ranges.log,
      largestCount: sizeOf(frame.sample.nonMatching),
      chosenSimilarity: chosen === null ? null : (frame.similarity?.(chosen) ?? null),
      theme: readTheme(root),
    };
  }

  let waiting = false;
  // Applies `change` to the state; views follow in the next frame.
  function update(change) {
    Object.assign(state, change);
    if (state.follow) Object.assign(state, parametersAt(state.k));
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      render();
    });
  }
  const parametersAt = (k) => ({ temperature: data.temperature[k], bias: data.relative_bias[k] });
  const choose = (change) => update({ ...change, follow: false });
  const setting = {
    temperature: (value) => choose({ temperature: clamp(value, ranges.log.map((x) => 10 ** x)) }),
    bias: (value) => choose({ bias: clamp(value, ranges.bias) }),
    both: (bias, temperature) => {
      setting.bias(bias);
      setting.temperature(temperature);
    },
  };

  const ball = new Ball(find("ball"), {
    modalities: data.modalities,
    dim: data.dim,
    changed: () => update({}),
    choose: (pair, pin) => update(pin ? { pinned: pair === state.pinned ? null : pair } : { hovered: pair }),
  });
  const view = () => scene;
  const scrub = (epoch) => update({ k: nearestEpoch(data.epochs, epoch) });
  const { epoch: epochs } = curve;
  const histogramView = histogramChart(find("histogram"), view, setting.bias);
  const landscapeView = landscapeChart(find("landscape"), view, setting.both);
  const plots = [
    ["histogram", histogramView.chart],
    ["landscape", landscapeView.chart],
    ["loss-curve", curveChart(find("loss-curve"), view, { epochs, values: curve.loss, label: "loss", log: true, hidden: true, scrub })],
    ["temperature-curve", curveChart(find("temperature-curve"), view, { epochs, values: curve.temperature, label: "t", log: true, hidden: true, scrub })],
    ["bias-curve", curveChart(find("bias-curve"), view, { epochs, values: curve.relative_bias, label: "b_rel", log: false, scrub })],
  ];

  function render() {
    const before = scene;
    scene = makeScene();
    const moved = before.frame !== scene.frame || String(before.biasRange) !== String(scene.biasRange);
    if (moved || !render.done) histogramView.refresh();
    if (moved || !render.done) landscapeView.chart.setData([[0, 1], [null, null]]);
    render.done = true;
    for (const [, chart] of plots) chart.redraw(false);
    ball.draw(scene);
    showSetting(find, scene, state, ranges);
    showReadouts(find, scene);
    find("epoch").value = state.k;
    find("epoch-value").textContent = scene.frame.epoch.toLocaleString("en");
  }

  listen();
  describe(find, data, scene);
  onThemeChange(() => update({}));
  new ResizeObserver(() => {
    for (const [id, chart] of plots) chart.setSize({ width: Math.max(find(id).clientWidth, 100), height: chart.height });
    update({});
  }).observe(root);
  render();

  function listen() {
    const on = (id, event, act) => find(id).addEventListener(event, act);
    const share = (range, x) => range[0] + x * (range[1] - range[0]);
    on("temperature", "input", ({ target }) => setting.temperature(10 ** share(ranges.log, Number(target.value))));
    on("bias", "input", ({ target }) => setting.bias(share(ranges.bias, Number(target.value))));
    for (const id of ["temperature", "bias"]) on(id, "keydown", stepSlider);
    on("temperature-number", "change", ({ target }) => Number(target.value) > 0 && setting.temperature(Number(target.value)));
    on("bias-number", "change", ({ target }) => target.value !== "" && setting.bias(Number(target.value)));
    on("reset", "click", () => update({ follow: true }));
    on("follow", "change", ({ target }) => update({ follow: target.checked }));
    on("zoom", "change", ({ target }) => update({ zoomed: target.checked }));
    on("numerics", "change", ({ target }) => update({ numerics: target.value }));
    find("epoch").max = last;
    on("epoch", "input", ({ target }) => update({ k: Number(target.value), playing: false }));
    on("play", "click", () => (state.playing ? update({ playing: false }) : play()));
    on("landscape", "keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [low, high] = scene.biasRange;
      const size = event.shiftKey ? 0.001 : 0.01;
      const logStep = size * (ranges.log[1] - ranges.log[0]);
      setting.both(state.bias + step[0] * size * (high - low), state.temperature * 10 ** (step[1] * logStep));
    });
  }

  // Steps through the frames, from the start if it stands at the end.
  function play() {
    update({ playing: true, k: state.k === last ? 0 : state.k });
    let shown = performance.now();
    const tick = (now) => {
      if (!state.playing || !root.isConnected) return showPlaying(false);
      if (now - shown > 110) {
        shown = now;
        if (state.k === last) return showPlaying(false);
        update({ k: state.k + 1 });
      }
      requestAnimationFrame(tick);
    };
    showPlaying(true);
    requestAnimationFrame(tick);
  }

  function showPlaying(playing) {
    state.playing = playing;
    find("play").textContent = playing ? "⏸" : "▶";
    find("play").setAttribute("aria-label", playing ? "Pause the training" : "Play the training");
  }
}

const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);

// Sliders and landscape reach over every setting of the run, and a good way beyond.
function settingRanges({ temperature, relative_bias, curve }) {
  const logs = [...temperature, ...curve.temperature].map(Math.log10);
  const biases = [...relative_bias, ...curve.relative_bias];
  return {
    log: [Math.min(0, ...logs.map((x) => x - 0.5)), Math.max(3, ...logs.map((x) => x + 0.5))],
    bias: [Math.min(-1.05, ...biases.map((x) => x - 0.05)), Math.max(1.05, ...biases.map((x) => x + 0.05))],
  };
}

// Four margins to each side of the optimal relative bias.
function zoomedRange({ extremes: [lowest, highest] }, [from, to]) {
  const [middle, margin] = [(lowest + highest) / 2, Math.max(Math.abs(lowest - highest) / 2, 0.002)];
  return [Math.max(from, middle - 4 * margin), Math.min(to, middle + 4 * margin)];
}

// The recorded losses, with those that are missing computed where there is a frame.
function completeCurve({ curve, epochs, numerics }, frameAt) {
  const computed = (epoch) => {
    const k = epochs.indexOf(epoch);
    if (k < 0) return null;
    const { sample, temperature, relativeBias } = frameAt(k);
    return loss(sample, temperature, relativeBias, numerics);
  };
  return { ...curve, loss: curve.loss.map((value, k) => value ?? computed(curve.epoch[k])) };
}

function nearestEpoch(epochs, epoch) {
  const distance = (k) => Math.abs(Math.log1p(epochs[k]) - Math.log1p(Math.max(epoch, 0)));
  return epochs.reduce((best, _, k) => (distance(k) < distance(best) ? k : best), 0);
}

// Finer and coarser steps than a browser's own, and the same in each.
function stepSlider(event) {
  const direction = { ArrowLeft: -1, ArrowDown: -1, PageDown: -10, ArrowRight: 1, ArrowUp: 1, PageUp: 10 }[event.key];
  if (!direction) return;
  event.preventDefault();
  event.target.value = Number(event.target.value) + direction * (event.shiftKey ? 0.0005 : 0.005);
  event.target.dispatchEvent(new Event("input"));
}

function showSetting(find, { temperature, bias, trained, frame }, { follow, zoomed, numerics }, ranges) {
  const place = (range, x) => clamp((x - range[0]) / (range[1] - range[0]), [0, 1]);
  const logPlace = (t) => place(ranges.log, Math.log10(t));
  find("temperature").value = logPlace(temperature);
  find("bias").value = place(ranges.bias, bias);
  find("temperature").setAttribute("aria-valuetext", significant(temperature, 4));
  find("bias").setAttribute("aria-valuetext", bias.toFixed(4));
  for (const [id, text] of [["temperature-number", significant(temperature, 6)], ["bias-number", String(Number(bias.toFixed(6)))]]) {
    // What is being typed is not overwritten.
    if (find(id).getRootNode().activeElement !== find(id)) find(id).value = text;
  }
  find("temperature-mark").style.setProperty("--from", logPlace(trained.temperature));
  find("bias-mark").style.setProperty("--from", place(ranges.bias, trained.bias));
  const [lowest, highest] = frame.extremes;
  find("bias-band").hidden = lowest <= highest;
  find("bias-band").style.setProperty("--from", place(ranges.bias, highest));
  find("bias-band").style.setProperty("--to", place(ranges.bias, lowest));
  find("follow").checked = follow;
  find("zoom").checked = zoomed;
  find("numerics").value = numerics;
}

function showReadouts(find, { frame, temperature, bias, numerics, chosen, chosenSimilarity }) {
  const write = (id, text) => (find(id).textContent = text);
  const { sample, extremes } = frame;
  const similarity = chosenSimilarity === null ? "" : `, similarity ${chosenSimilarity.toFixed(4)}`;
  write("chosen", chosen === null ? "" : `pair ${chosen + 1}${similarity}`);
  const parts = lossParts(sample, temperature, bias, numerics);
  const total = parts.matching + parts.nonMatching;
  write("loss", scientific(total));
  write("loss-matching", scientific(parts.matching));
  write("loss-non-matching", scientific(parts.nonMatching));
  find("share").style.width = `${total > 0 ? clamp((100 * parts.matching) / total, [0, 100]) : 50}%`;
  const right = separated(sample, bias);
  write("above", outOf(right.matching, sizeOf(sample.matching)));
  write("below", outOf(right.nonMatching, sizeOf(sample.nonMatching)));
  write("margin", significant((extremes[0] - extremes[1]) / 2, 4));
  write("optimal", significant((extremes[0] + extremes[1]) / 2, 4));
  write("absolute", significant(temperature * bias, 5));
}

function describe(find, data, { theme }) {
  const { title, modalities, pairs, dim, share, frames } = data;
  find("title").textContent = title;
  const several = modalities > 2 ? `, all ${(modalities * (modalities - 1)) / 2} pairs of modalities together` : "";
  const condensed = frames.kind === "sketches" ? "; the loss is computed from groups of similarities, within 1 %" : "";
  find("about").textContent = `${modalities} modalities, N = ${pairs} pairs, d = ${dim}${several}${condensed}`;
  const names = modalities === 2 ? ["U", "V"] : Array.from({ length: modalities }, (_, k) => `modality ${k + 1}`);
  find("ball-legend").replaceChildren(
    ...names.map((name, k) => {
      const mark = document.createElement("span");
      mark.style.color = `var(--modality-${k % theme.modalities.length})`;
      mark.textContent = `${k ? "◆" : "●"} ${name}  `;
      return mark;
    }),
  );
  const percent = (x) => `${Math.round(100 * x)} %`;
  const drawn = frames.kind === "sketches" && frames.drawn < pairs ? ` The first ${frames.drawn} pairs.` : "";
  find("ball-help").textContent =
    dim === 3
      ? `Drag or use the arrow keys to turn. Point at a pair: the circle holds what is at similarity b_rel to its U.${drawn}`
      : `The first two principal axes of the final vectors (${percent(share[0])} and ${percent(share[1])} of the variance); drag to see the third.${drawn}`;
  find("map-help").textContent =
    "White: the path of training, its white point the epoch shown. Drag in the map or the histogram to move the setting (ring). Dashed: highest non-matching and lowest matching similarity; between them lies the margin.";
}

const scientific = (x) => (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(3) : significant(x, 4));
const significant = (x, digits) => String(Number(x.toPrecision(digits)));
const outOf = (count, all) => `${Math.round(count).toLocaleString("en")} / ${all.toLocaleString("en")}`;
