// Reads the payload: one object a snapshot, computed when it is first looked at.

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

// What the views need of snapshot k: { epoch, temperature, relativeBias, sample, counts,
// extremes, similarity, points, drawn }. counts are histograms over [-1, 1], null where the sample's own
// values are to be counted; extremes are the lowest matching and the highest other
// similarity; similarity(pair, modality) is that of a matching pair, null if unknown;
// points are [modalities, drawn, 3].
function readSnapshots(data) {
  const cache = new Map();
  const { snapshots } = data;
  const axes = snapshots.kind === "vectors" && unpack(snapshots.axes);
  const read = {
    vectors(k) {
      const vectors = unpack(snapshots.vectors[k]);
      const sample = similarities(vectors, data.modalities, data.pairs, data.dim);
      const extremes = [sample.matching.values[0], sample.other.values[0]];
      const similarity = (pair, second = 1) =>
        dot(vectors, pair * data.dim, (second * data.pairs + pair) * data.dim, data.dim);
      return { sample, extremes, counts: null, similarity, points: project(vectors, axes, data.dim), drawn: data.pairs };
    },
    sketches(k) {
      const sketch = snapshots.sketches[k];
      const groups = ([values, weights]) => ({ values: unpack(values), weights: unpack(weights) });
      return {
        sample: { matching: groups(sketch.matching), other: groups(sketch.other) },
        extremes: sketch.extremes,
        counts: sketch.histogram.map(unpack),
        similarity: null,
        points: unpack(snapshots.points[k]),
        drawn: snapshots.drawn,
      };
    },
  };
  return (k) => {
    if (!cache.has(k)) {
      const [epoch, temperature, relativeBias] = [data.epochs[k], data.temperature[k], data.relative_bias[k]];
      cache.set(k, { epoch, temperature, relativeBias, ...read[snapshots.kind](k) });
    }
    return cache.get(k);
  };
}
