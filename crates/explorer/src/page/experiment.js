// The setting of a training: the run description that `siglip train` reads, and its other forms.


// A description with all its keys, of one that may lack some; the engine judges the values.
function completed(description, defaults) {
  for (const key of Object.keys(description)) {
    if (!(key in defaults)) throw new Error(`\`${key}\` is no key of a run's description`);
  }
  const inner = (key) => ({ ...defaults[key], ...description[key] });
  return { ...defaults, ...description, temperature: inner("temperature"), bias: inner("bias") };
}

// What of it differs from the defaults.
function abridged(experiment, defaults) {
  const differs = ([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults[key]);
  return Object.fromEntries(Object.entries(experiment).filter(differs));
}

// An expression of Rust, for a cell that uses `siglip_core::prelude::*`.
function asRust(experiment, defaults) {
  const float = (x) => (Number.isInteger(x) && Math.abs(x) < 1e15 ? `${x}.0` : String(x));
  const name = (word) => word[0].toUpperCase() + word.slice(1);
  const how = ({ trainable }) => (trainable ? "trained" : "fixed");
  const forms = {
    learning_rate: float,
    temperature: (t) => `Temperature::${how(t)}(${float(t.init)})`,
    bias: (b) => `Bias::${how(b)}(BiasKind::${name(b.kind)}, ${float(b.init)})`,
    adapter: (x) => (x === null ? "None" : `Some(${float(x)})`),
    numerics: (word) => `Numerics::${name(word)}`,
    engine: (word) => `EngineChoice::${name(word)}`,
  };
  const line = ([key, value]) => `    ${key}: ${(forms[key] ?? String)(value)},\n`;
  const lines = Object.entries(abridged(experiment, defaults)).map(line);
  return `Experiment {\n${lines.join("")}    ..Experiment::default()\n}`;
}

// The part of an address that carries a setting.
const HASH = "#experiment=";
const asHash = (experiment, defaults) => HASH + encodeURIComponent(JSON.stringify(abridged(experiment, defaults)));

// The description in an address, null if there is none in it or none to be read.
function fromHash(hash, defaults) {
  if (!hash.startsWith(HASH)) return null;
  try {
    return completed(JSON.parse(decodeURIComponent(hash.slice(HASH.length))), defaults);
  } catch {
    return null;
  }
}

// The experiment in a line, as Rust's title of a run.
function titleOf({ pairs, dim, modalities, temperature, bias, seed, locked }) {
  const parameter = ({ trainable, init }) => (trainable ? `trained from ${init}` : `fixed at ${init}`);
  const several = modalities > 2 ? `, M = ${modalities}` : "";
  const name = bias.kind === "relative" ? "b_rel" : "b";
  const first = locked ? ", first modality locked" : "";
  return `N = ${pairs}, d = ${dim}${several}, seed ${seed}: t ${parameter(temperature)}, ${name} ${parameter(bias)}${first}`;
}
