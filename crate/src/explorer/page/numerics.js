// The sigmoid loss of a set of similarities, and what is read off them.
//
// A sample is { matching, nonMatching }, each { values, weights }: similarities and, where they
// stand for groups, how many each stands for (weights is null where each is one).

const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

// log(p + 1e-8) as the paper's code computes it, in float32.
const { fround } = Math;
const EPSILON = fround(1e-8);
const sigmoid32 = (z) => fround(1 / fround(1 + fround(Math.exp(-fround(z)))));
const shiftedLog = (p) => fround(Math.log(fround(p + EPSILON)));

// One entry's loss, of a pair of the given kind with logit z.
const TERMS = {
  exact: { matching: (z) => softplus(-z), nonMatching: (z) => softplus(z) },
  paper: {
    matching: (z) => -shiftedLog(sigmoid32(z)),
    nonMatching: (z) => -shiftedLog(fround(1 - sigmoid32(z))),
  },
};

const sizeOf = ({ values, weights }) => (weights ? weights.reduce((a, b) => a + b, 0) : values.length);

function sum({ values, weights }, f) {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += weights ? weights[k] * f(values[k]) : f(values[k]);
  return total;
}

// The mean loss over all pairs, as the parts that matching and non-matching pairs contribute to it.
function lossParts(sample, t, bias, numerics) {
  const { matching, nonMatching } = TERMS[numerics];
  const count = sizeOf(sample.matching) + sizeOf(sample.nonMatching);
  return {
    matching: sum(sample.matching, (s) => matching(t * (s - bias))) / count,
    nonMatching: sum(sample.nonMatching, (s) => nonMatching(t * (s - bias))) / count,
  };
}

function loss(sample, t, bias, numerics) {
  const parts = lossParts(sample, t, bias, numerics);
  return parts.matching + parts.nonMatching;
}

// How many pairs lie on the right side of the threshold b_rel: matching above, non-matching below.
function separated(sample, bias) {
  return {
    matching: sum(sample.matching, (s) => Number(s >= bias)),
    nonMatching: sum(sample.nonMatching, (s) => Number(s < bias)),
  };
}

// Similarities of all pairs of modalities of `vectors` [modalities, pairs, dim].
function similarities(vectors, modalities, pairs, dim) {
  const matching = [];
  const nonMatching = [];
  for (let first = 0; first < modalities; first++) {
    for (let second = first + 1; second < modalities; second++) {
      for (let i = 0; i < pairs; i++) {
        for (let j = 0; j < pairs; j++) {
          (i === j ? matching : nonMatching).push(dot(vectors, (first * pairs + i) * dim, (second * pairs + j) * dim, dim));
        }
      }
    }
  }
  const sorted = (values) => Float32Array.from(values).sort();
  return {
    matching: { values: sorted(matching), weights: null },
    nonMatching: { values: sorted(nonMatching).reverse(), weights: null },
  };
}

function dot(vectors, a, b, dim) {
  let total = 0;
  for (let k = 0; k < dim; k++) total += vectors[a + k] * vectors[b + k];
  return total;
}

// A sample of groups instead of single similarities: the landscape needs some thousand
// losses at once. From the deciding end on (the lowest matching, the highest non-matching pair)
// a group holds a 16th of all before it, so its spread never shows in the loss.
function grouped(sample) {
  const merge = ({ values, weights }) => {
    if (weights) return { values, weights };
    const means = [];
    const counts = [];
    for (let start = 0; start < values.length; ) {
      const end = Math.min(values.length, start + 1 + Math.floor(start / 16));
      let total = 0;
      for (let k = start; k < end; k++) total += values[k];
      means.push(total / (end - start));
      counts.push(end - start);
      start = end;
    }
    return { values: Float32Array.from(means), weights: Float32Array.from(counts) };
  };
  return { matching: merge(sample.matching), nonMatching: merge(sample.nonMatching) };
}

// Number of similarities in each of `bins` equal bins of [low, high].
function histogram({ values, weights }, low, high, bins) {
  const counts = new Float64Array(bins);
  for (let k = 0; k < values.length; k++) {
    const bin = Math.floor(((values[k] - low) / (high - low)) * bins);
    const inside = values[k] === high ? bins - 1 : bin;
    if (inside >= 0 && inside < bins) counts[inside] += weights ? weights[k] : 1;
  }
  return counts;
}

// log10 of the loss on a grid: rows from the lowest log10 t, columns from the lowest b_rel.
function landscape(sample, numerics, biasRange, logRange, columns, rows) {
  const groups = grouped(sample);
  const at = (range, k, count) => range[0] + ((k + 0.5) / count) * (range[1] - range[0]);
  const values = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const t = 10 ** at(logRange, row, rows);
    for (let column = 0; column < columns; column++) {
      const value = loss(groups, t, at(biasRange, column, columns), numerics);
      values[row * columns + column] = Math.log10(Math.max(value, 1e-30));
    }
  }
  return values;
}
