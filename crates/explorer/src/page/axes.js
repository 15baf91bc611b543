// Principal axes [3, dim], onto which vectors of more than three dimensions are projected.

// Coordinates [points, 3] of the first `drawn` of `pairs` vectors of each modality.
function project(vectors, axes, { modalities, pairs, dim }, drawn) {
  const points = new Float32Array(3 * modalities * drawn);
  for (let modality = 0; modality < modalities; modality++) {
    for (let pair = 0; pair < drawn; pair++) {
      const [from, to] = [(modality * pairs + pair) * dim, 3 * (modality * drawn + pair)];
      for (let axis = 0; axis < 3; axis++) points[to + axis] = dotOf(axes, axis * dim, vectors, from, dim);
    }
  }
  return points;
}

function dotOf(a, from, b, start, count) {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[from + k] * b[start + k];
  return sum;
}

// The axes along which `vectors` vary most, a few steps of subspace iteration on from `start`: the
// picture of a training turns with it instead of jumping. Up to three dimensions the coordinate axes.
function principalAxes(vectors, dim, start, steps) {
  if (dim <= 3) return Float32Array.from({ length: 3 * dim }, (_, k) => Number(k % dim === Math.floor(k / dim)));
  let axes = start ?? Float32Array.from({ length: 3 * dim }, (_, k) => ((1 + k) * 0.754877666) % 1 - 0.5);
  const count = vectors.length / dim;
  const mean = new Float32Array(dim);
  for (let k = 0; k < vectors.length; k++) mean[k % dim] += vectors[k] / count;
  for (let step = 0; step < steps; step++) {
    const next = new Float32Array(3 * dim);
    for (let axis = 0; axis < 3; axis++) {
      const middle = dotOf(axes, axis * dim, mean, 0, dim);
      for (let i = 0; i < count; i++) {
        const along = dotOf(axes, axis * dim, vectors, i * dim, dim) - middle;
        for (let k = 0; k < dim; k++) next[axis * dim + k] += along * (vectors[i * dim + k] - mean[k]);
      }
    }
    axes = orthonormal(next, dim) ?? axes;
  }
  return axes;
}

// Gram-Schmidt; null if the rows depend on each other.
function orthonormal(rows, dim) {
  for (let i = 0; i < 3; i++) {
    const row = rows.subarray(i * dim, (i + 1) * dim);
    for (let j = 0; j < i; j++) {
      const along = dotOf(row, 0, rows, j * dim, dim);
      row.forEach((x, k) => (row[k] = x - along * rows[j * dim + k]));
    }
    const length = Math.sqrt(dotOf(row, 0, row, 0, dim));
    if (!(length > 1e-9)) return null;
    row.forEach((x, k) => (row[k] = x / length));
  }
  return rows;
}
