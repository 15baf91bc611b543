// Runs to look at, recorded ones and those that the page trains:
//
//   { title, experiment, modalities, pairs, dim, numerics, share, stops, lastEpoch, curve,
//     axes, frameAt(k), newest(), epochs() }
//
// stops is how many frames there will be. A frame is { epoch, temperature, relativeBias, sample,
// counts, extremes, similarity, drawn, vectors or points }. extremes are the lowest matching and the
// highest non-matching similarity; similarity(pair, modality) is that of a matching pair, null if
// unknown; points are [modalities, drawn, 3].

function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.f32 ?? packed.i16), (c) => c.charCodeAt(0));
  if (packed.f32 !== undefined) return new Float32Array(bytes.buffer);
  return Float32Array.from(new Int16Array(bytes.buffer), (x) => x * packed.scale);
}

// Pairs that are drawn: more would be a crowd.
const MOST_DRAWN = 400;

// What the views need of vectors [modalities, pairs, dim] at one moment.
function frameOf({ epoch, temperature, relativeBias, vectors }, { modalities, pairs }) {
  const dim = vectors.length / (modalities * pairs);
  const similarity = (pair, second = 1) => dotOf(vectors, pair * dim, vectors, (second * pairs + pair) * dim, dim);
  const drawn = Math.min(pairs, Math.floor(MOST_DRAWN / modalities));
  return { epoch, temperature, relativeBias, ...similarities(vectors, modalities, pairs, dim), similarity, vectors, drawn };
}

// The run of a payload.
function recordedRun(data) {
  const cache = new Map();
  const { frames, epochs } = data;
  const read = {
    vectors: (k, moment) => frameOf({ ...moment, vectors: unpack(frames.vectors[k]) }, data),
    sketches(k, moment) {
      const sketch = frames.sketches[k];
      const groups = ([values, weights]) => ({ values: unpack(values), weights: unpack(weights) });
      return {
        ...moment,
        sample: { matching: groups(sketch.matching), nonMatching: groups(sketch.non_matching), isGrouped: true },
        extremes: sketch.extremes,
        counts: sketch.histogram.map(unpack),
        similarity: null,
        points: unpack(frames.points[k]),
        drawn: frames.drawn,
      };
    },
  };
  const frameAt = (k) => {
    const moment = { epoch: epochs[k], temperature: data.temperature[k], relativeBias: data.relative_bias[k] };
    if (!cache.has(k)) cache.set(k, read[frames.kind](k, moment));
    return cache.get(k);
  };
  return {
    ...data,
    isRecorded: true,
    stops: epochs.length,
    lastEpoch: epochs[epochs.length - 1],
    axes: frames.kind === "vectors" ? unpack(frames.axes) : null,
    curve: completeCurve(data, frameAt),
    epochs: () => epochs,
    frameAt,
    newest: () => frameAt(epochs.length - 1),
  };
}

// Bytes of the vectors that are kept of one training.
const KEPT_BYTES = 16e6;

// The run of a training in the page, which grows with each report of it.
function liveRun(experiment) {
  const { pairs, modalities, numerics, epochs } = experiment;
  const dim = experiment.dim + (experiment.adapter === null ? 0 : 1);
  const stops = Math.floor(clamp(KEPT_BYTES / (4 * modalities * pairs * dim), [8, 64]));
  const cache = new Map();
  const frameAt = (k) => {
    if (!cache.has(k)) cache.set(k, frameOf(run.kept[k], run));
    return cache.get(k);
  };
  let newest = null;
  const run = {
    title: titleOf(experiment), experiment, modalities, pairs, dim, numerics, share: null,
    isRecorded: false, stops: spreadEpochs(epochs, stops).length, wanted: stops, lastEpoch: epochs,
    kept: [], axes: null, curve: { epoch: [], loss: [], temperature: [], relative_bias: [] },
    epochs: () => run.kept.map(({ epoch }) => epoch),
    frameAt,
    newest: () => (newest ??= frameOf(run.moment, run)),
    add({ isNew, frames, frame, curve, done, lastLoss, seconds }) {
      if (isNew) {
        run.kept.length = 0;
        cache.clear();
        for (const column of Object.values(run.curve)) column.length = 0;
      }
      [run.moment, newest] = [frame, null];
      Object.assign(run, { lastLoss, seconds, isDone: done && frame.epoch === epochs });
      run.kept.push(...frames);
      run.curve = { ...run.curve };
      const columns = Object.values(run.curve);
      for (const point of curve) point.forEach((value, k) => columns[k].push(value));
      if (run.isDone) run.curve = completeCurve({ curve: run.curve, epochs: [epochs], numerics }, () => run.newest());
    },
  };
  return run;
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
