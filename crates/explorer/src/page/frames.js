// Reads the payload: one object a frame, computed when it is first looked at.

function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed.f32 ?? packed.i16), (c) => c.charCodeAt(0));
  if (packed.f32 !== undefined) return new Float32Array(bytes.buffer);
  return Float32Array.from(new Int16Array(bytes.buffer), (x) => x * packed.scale);
}

// Coordinates [points, 3] of `vectors` along the three axes [3, dim].
function project(vectors, axes, dim) {
  const count = vectors.length / dim;
  const points = new Float32Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) {
      for (let k = 0; k < dim; k++) points[3 * i + axis] += axes[axis * dim + k] * vectors[i * dim + k];
    }
  }
  return points;
}

// What the views need of frame k: { epoch, temperature, relativeBias, sample, counts,
// extremes, similarity, points, drawn }. counts are histograms over [-1, 1], null where the sample's own
// values are to be counted; extremes are the lowest matching and the highest non-matching
// similarity; similarity(pair, modality) is that of a matching pair, null if unknown;
// points are [modalities, drawn, 3].
function readFrames(data) {
  const cache = new Map();
  const { frames } = data;
  const axes = frames.kind === "vectors" && unpack(frames.axes);
  const read = {
    vectors(k) {
      const vectors = unpack(frames.vectors[k]);
      const sample = similarities(vectors, data.modalities, data.pairs, data.dim);
      const extremes = [sample.matching.values[0], sample.nonMatching.values[0]];
      const similarity = (pair, second = 1) =>
        dot(vectors, pair * data.dim, (second * data.pairs + pair) * data.dim, data.dim);
      return { sample, extremes, counts: null, similarity, points: project(vectors, axes, data.dim), drawn: data.pairs };
    },
    sketches(k) {
      const sketch = frames.sketches[k];
      const groups = ([values, weights]) => ({ values: unpack(values), weights: unpack(weights) });
      return {
        sample: { matching: groups(sketch.matching), nonMatching: groups(sketch.non_matching), isGrouped: true },
        extremes: sketch.extremes,
        counts: sketch.histogram.map(unpack),
        similarity: null,
        points: unpack(frames.points[k]),
        drawn: frames.drawn,
      };
    },
  };
  return (k) => {
    if (!cache.has(k)) {
      const [epoch, temperature, relativeBias] = [data.epochs[k], data.temperature[k], data.relative_bias[k]];
      cache.set(k, { epoch, temperature, relativeBias, ...read[frames.kind](k) });
    }
    return cache.get(k);
  };
}
