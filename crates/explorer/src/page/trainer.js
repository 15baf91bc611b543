// The engine in WebAssembly, and who drives it. A worker runs these functions from their source
// text, so they use nothing of the page.

// One training, by the functions of crates/explorer/engine. Errors carry the engine's words.
function makeTrainer(module, experiment) {
  const { exports: wasm } = new WebAssembly.Instance(module);
  const check = (went) => {
    if (went) return;
    const [start, length] = [wasm.error(), wasm.error_length()];
    throw new Error(new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, start, length)));
  };
  const json = new TextEncoder().encode(JSON.stringify(experiment));
  const place = wasm.input(json.length);
  new Uint8Array(wasm.memory.buffer, place, json.length).set(json);
  check(wasm.start());
  // Views die when the memory grows: one call may not see that of another.
  const columnAt = (k) => {
    const start = wasm.column(k);
    return new Float64Array(wasm.memory.buffer, start, wasm.epochs_done());
  };
  return {
    advance: (epochs) => check(wasm.advance(epochs)),
    epoch: () => wasm.epochs_done(),
    // { loss, temperature, relativeBias, margin }: views of one number for each step so far.
    history: () => ({ loss: columnAt(0), temperature: columnAt(1), relativeBias: columnAt(2), margin: columnAt(3) }),
    frame() {
      const [start, length, temperature] = [wasm.vectors(), wasm.vectors_length(), wasm.temperature()];
      const vectors = new Float32Array(wasm.memory.buffer, start, length).slice();
      const relativeBias = experiment.bias.kind === "absolute" ? wasm.bias() / temperature : wasm.bias();
      return { epoch: wasm.epochs_done(), vectors, temperature, relativeBias };
    },
  };
}

// At most `count` epochs from 1 to `last`, evenly in the logarithm, and 0 before them.
function spreadEpochs(last, count) {
  const epochs = Array.from({ length: count - 1 }, (_, k) => Math.round(last ** (k / (count - 2))));
  return [...new Set([0, ...epochs])];
}

// Trains as it is told, for `slice` milliseconds at a time, and tells what comes of it.
//
// receive({ id, experiment, frames, until, seconds }): a training of another id, or one that is
// beyond `until`, starts anew; `frames` vectors are kept on the way. With `seconds` it takes about
// that time from the first epoch to the last, else as little as it can. receive(null): a pause.
function makeSession(module, { slice, later, tell }) {
  const CURVE_POINTS = 400;
  let [id, trainer, order, awake] = [null, null, null, false];
  let [stops, points, first, work] = [[], [], null, 0];

  function receive(wanted) {
    order = wanted && { ...wanted, began: performance.now() };
    if (wanted && (wanted.id !== id || !trainer || trainer.epoch() > wanted.until)) trainer = null;
    else if (wanted) order.from = trainer.epoch();
    if (order && !awake) later(turn, 0);
    awake ||= Boolean(order);
  }

  function start() {
    const { experiment, frames } = order;
    [id, work, order.from] = [order.id, 0, 0];
    trainer = makeTrainer(module, experiment);
    first = trainer.frame();
    stops = spreadEpochs(experiment.epochs, frames);
    points = spreadEpochs(experiment.epochs, CURVE_POINTS);
  }

  // The epoch that is due by now.
  function due() {
    if (!order.seconds) return order.until;
    const whole = Math.log1p(order.experiment.epochs);
    const share = Math.log1p(order.from) / whole + (performance.now() - order.began) / (1000 * order.seconds);
    return Math.min(order.until, Math.max(order.from, Math.floor(Math.expm1(Math.min(share, 1) * whole))));
  }

  function turn() {
    awake = Boolean(order);
    if (!awake) return;
    try {
      const isNew = !trainer;
      if (isNew) start();
      const before = trainer.epoch();
      const kept = advance(due());
      const done = trainer.epoch() >= order.until;
      if (isNew || done || trainer.epoch() > before) tell({ isNew, ...report(kept, done) });
      if (done) order = null;
      later(turn, done || trainer.epoch() > before ? 0 : 8);
    } catch (error) {
      tell({ id: order.id, error: error.message });
      [trainer, order] = [null, null];
      later(turn, 0);
    }
  }

  // Goes on to `until` or till the slice ends, and returns the frames to keep.
  function advance(until) {
    const [began, kept] = [performance.now(), []];
    let steps = 1;
    while (true) {
      const [epoch, now] = [trainer.epoch(), performance.now()];
      if (epoch === stops[0]) {
        kept.push(trainer.frame());
        stops.shift();
      }
      if (epoch >= until || now - began > slice) break;
      const next = Math.min(steps, until - epoch, (stops[0] ?? Infinity) - epoch);
      trainer.advance(next);
      const took = performance.now() - now;
      if (took > slice / 4) steps = Math.ceil(steps / 2);
      else if (next === steps) steps *= 2;
    }
    work += performance.now() - began;
    return kept;
  }

  // The curve's points [epoch, loss, t, b_rel] after so many steps; the loss is the next step's.
  function report(frames, done) {
    const { loss, temperature, relativeBias } = trainer.history();
    const [epoch, last, now] = [trainer.epoch(), order.experiment.epochs, trainer.frame()];
    const curve = [];
    while (points.length && (points[0] < epoch || epoch === last)) {
      const k = points.shift();
      const after = k ? [temperature[k - 1], relativeBias[k - 1]] : [first.temperature, first.relativeBias];
      curve.push([k, loss[k] ?? null, ...after]);
    }
    return { id, epoch, done, frames, frame: now, curve, lastLoss: loss[epoch - 1] ?? null, seconds: work / 1000 };
  }

  return { receive };
}

// What a worker does: the first message is the module's bytes, each further one an order.
function serve() {
  const channel = new MessageChannel();
  let waiting = null;
  channel.port1.onmessage = () => waiting();
  const later = (act, milliseconds) => {
    if (milliseconds) return setTimeout(act, milliseconds);
    waiting = act;
    channel.port2.postMessage(null);
  };
  onmessage = async ({ data: bytes }) => {
    try {
      const session = makeSession(await WebAssembly.compile(bytes), { slice: 12, later, tell: postMessage });
      onmessage = ({ data }) => session.receive(data);
      postMessage("ready");
    } catch {
      postMessage("refused");
    }
  };
}
