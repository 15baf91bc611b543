// The knobs of an experiment: a slider and a number each, built from this table.

const BIAS_RANGES = { relative: [-1, 1], absolute: [-20, 20] };

// `range` is the slider's; `limits` are a page's, within which a training does not freeze it.
const KNOBS = [
  { key: "pairs", label: "pairs <i>N</i>", range: [2, 200], limits: [2, 500], log: true, whole: true },
  { key: "dim", label: "dimension <i>d</i>", range: [2, 64], limits: [1, 128], log: true, whole: true },
  { key: "modalities", label: "modalities <i>M</i>", range: [2, 10], limits: [2, 10], whole: true },
  { key: "temperature", label: "<i>t</i> at first", range: [0.1, 1000], limits: [1e-6, 1e6], log: true },
  { key: "bias", label: "bias at first", range: [-1, 1], limits: [-1e6, 1e6] },
  { key: "learning_rate", label: "learning rate", range: [1e-4, 1], limits: [1e-9, 10], log: true },
  { key: "epochs", label: "epochs", range: [10, 40_000], limits: [1, 100_000], log: true, whole: true },
  { key: "seed", label: "seed", range: [0, 100], limits: [0, 2 ** 32 - 1], whole: true },
  { key: "skip", label: "draws skipped", range: [0, 20], limits: [0, 10_000], whole: true },
];

// A page's share of a description that may ask for more.
function withinLimits(experiment) {
  const cut = ({ key, limits, whole }) => {
    const value = experiment[key].init ?? experiment[key];
    const kept = clamp(whole ? Math.round(value) : value, limits);
    return [key, experiment[key].init === undefined ? kept : { ...experiment[key], init: kept }];
  };
  const kept = { ...experiment, ...Object.fromEntries(KNOBS.map(cut)) };
  const canAdapt = kept.locked && kept.modalities === 2;
  return { ...kept, adapter: canAdapt ? kept.adapter : null };
}

// Builds the knobs in `element`. `change(edit)` is told of each turn; `edit` makes the new experiment
// of the present one. Returns show(experiment).
function makeKnobs(element, change) {
  // The bias has a range for each kind.
  const current = (knob) => (knob.key === "bias" ? { ...knob, range: BIAS_RANGES[shown.bias.kind] } : knob);
  element.innerHTML = KNOBS.map(knobRow).join("") + CHOICES;
  const find = (id) => element.querySelector(`#${id}`);
  const set = (key, value) => change((experiment) => ({ ...experiment, [key]: value }));
  const setInner = (key, inner) => change((experiment) => ({ ...experiment, [key]: { ...experiment[key], ...inner } }));
  let shown = null;
  for (const knob of KNOBS) {
    const { key } = knob;
    const turn = (value) => (shown[key].init === undefined ? set(key, value) : setInner(key, { init: value }));
    find(`knob-${key}`).addEventListener("input", ({ target }) => turn(valueAt(current(knob), Number(target.value))));
    find(`knob-${key}`).addEventListener("keydown", (event) => stepKnob(event, current(knob)));
    find(`number-${key}`).addEventListener("change", ({ target }) => target.value !== "" && turn(Number(target.value)));
  }
  for (const key of ["temperature", "bias"]) {
    find(`trained-${key}`).addEventListener("change", ({ target }) => setInner(key, { trainable: target.checked }));
  }
  find("bias-kind").addEventListener("change", ({ target }) => setInner("bias", { kind: target.value }));
  find("knob-locked").addEventListener("change", ({ target }) => set("locked", target.checked));
  find("knob-numerics").addEventListener("change", ({ target }) => set("numerics", target.value));

  return function show(experiment) {
    shown = experiment;
    for (const knob of KNOBS.map(current)) {
      const value = experiment[knob.key].init ?? experiment[knob.key];
      find(`knob-${knob.key}`).value = shareOf(knob, value);
      find(`knob-${knob.key}`).setAttribute("aria-valuetext", String(value));
      // What is being typed is not overwritten.
      const number = find(`number-${knob.key}`);
      if (number.getRootNode().activeElement !== number) number.value = String(value);
    }
    for (const key of ["temperature", "bias"]) find(`trained-${key}`).checked = experiment[key].trainable;
    find("bias-kind").value = experiment.bias.kind;
    find("knob-locked").checked = experiment.locked;
    find("knob-numerics").value = experiment.numerics;
  };
}

function knobRow({ key, label }) {
  const plain = label.replace(/<.*?>/g, "");
  const kind = `<select id="bias-kind" aria-label="kind of bias"><option value="relative">relative</option><option value="absolute">absolute</option></select>`;
  const trained = `<label><input id="trained-${key}" type="checkbox" aria-label="${plain} is trained"> trained</label>`;
  const hasStart = ["temperature", "bias"].includes(key);
  return `<div class="knob">
    <span><label for="knob-${key}">${label}</label>${key === "bias" ? ` ${kind}` : ""}</span>
    <input id="knob-${key}" type="range" min="0" max="1" step="any">
    <input id="number-${key}" type="number" step="any" aria-label="${plain}, exactly">
    ${hasStart ? trained : ""}
  </div>`;
}

const CHOICES = `<div class="row">
  <label><input id="knob-locked" type="checkbox"> first modality locked</label>
  <label>numerics
    <select id="knob-numerics"><option value="paper">paper's, with 1e-8</option><option value="exact">exact</option></select>
  </label>
</div>`;

// A slider's place in [0, 1], and back to a value of few digits.
function shareOf({ range, log }, value) {
  const [low, high] = log ? range.map(Math.log) : range;
  return clamp(((log ? Math.log(value) : value) - low) / (high - low), [0, 1]);
}

function valueAt({ range, log, whole }, share) {
  const value = log ? Math.exp(between(range.map(Math.log), share)) : between(range, share);
  if (whole) return Math.round(value);
  return log ? Number(value.toPrecision(3)) : Number(value.toFixed(2));
}

// A key moves a knob by at least one whole number.
function stepKnob(event, knob) {
  const direction = { ArrowLeft: -1, ArrowDown: -1, PageDown: -10, ArrowRight: 1, ArrowUp: 1, PageUp: 10 }[event.key];
  if (!direction) return;
  event.preventDefault();
  const place = Number(event.target.value);
  const whole = shareOf(knob, clamp(valueAt(knob, place) + direction, knob.range));
  event.target.value = knob.whole ? whole : clamp(place + 0.01 * direction, [0, 1]);
  event.target.dispatchEvent(new Event("input"));
}
