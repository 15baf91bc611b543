// The sigmoid loss of a set of similarities, and what is read off them.
//
// A sample is { matching, nonMatching, isGrouped }. Each of the two is { values, weights }:
// similarities and how many each stands for, which is one unless the sample is grouped.

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

function sizeOf({ weights }) {
  let size = 0;
  for (let k = 0; k < weights.length; k++) size += weights[k];
  return size;
}

// The sum of `term` over the logits of one kind of pairs.
function total({ values, weights }, term, t, bias) {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += weights[k] * term(t * (values[k] - bias));
  return sum;
}

// The mean loss over all pairs, as the parts that matching and non-matching pairs contribute to it.
function lossParts(sample, t, bias, numerics) {
  const { matching, nonMatching } = TERMS[numerics];
  const count = sizeOf(sample.matching) + sizeOf(sample.nonMatching);
  return {
    matching: total(sample.matching, matching, t, bias) / count,
    nonMatching: total(sample.nonMatching, nonMatching, t, bias) / count,
  };
}

function loss(sample, t, bias, numerics) {
  const parts = lossParts(sample, t, bias, numerics);
  return parts.matching + parts.nonMatching;
}

// How many pairs lie on the right side of the threshold b_rel: matching above, others below.
function separated(sample, bias) {
  return {
    matching: total(sample.matching, (above) => Number(above >= 0), 1, bias),
    nonMatching: total(sample.nonMatching, (above) => Number(above < 0), 1, bias),
  };
}

// Similarities up to which each is kept (N = 200).
const MOST_SINGLE = 40_000;
const HISTOGRAM_BINS = 100;

// { sample, extremes, counts } of `vectors` [modalities, pairs, dim]: the lowest matching and the
// highest non-matching similarity, and the histograms over [-1, 1] of a sample that is grouped.
function similarities(vectors, modalities, pairs, dim) {
  const several = (modalities * (modalities - 1)) / 2;
  const kinds = [new Float32Array(several * pairs), new Float32Array(several * pairs * (pairs - 1))];
  const filled = [0, 0];
  for (let first = 0; first < modalities; first++) {
    for (let second = first + 1; second < modalities; second++) {
      for (let i = 0; i < pairs; i++) {
        for (let j = 0; j < pairs; j++) {
          const kind = i === j ? 0 : 1;
          kinds[kind][filled[kind]++] = dotOf(vectors, (first * pairs + i) * dim, vectors, (second * pairs + j) * dim, dim);
        }
      }
    }
  }
  if (several * pairs * pairs > MOST_SINGLE) return condensed(kinds);
  const [matching, nonMatching] = kinds.map((values) => ({ values: values.sort(), weights: new Float32Array(values.length).fill(1) }));
  nonMatching.values.reverse();
  return { sample: { matching, nonMatching, isGrouped: false }, extremes: [matching.values[0], nonMatching.values[0]], counts: null };
}

// The same in time that grows with the number of similarities alone: groups of the bins of a
// histogram so fine that it does not show in the loss.
function condensed(kinds) {
  const FINE = 1 << 16;
  const [matching, nonMatching] = kinds.map((values, kind) => {
    const [sums, counts] = [new Float64Array(FINE), new Uint32Array(FINE)];
    for (const s of values) {
      const bin = Math.min(Math.max(Math.floor(((s + 1) / 2) * FINE), 0), FINE - 1);
      sums[bin] += s;
      counts[bin]++;
    }
    const order = Array.from({ length: FINE }, (_, k) => (kind ? FINE - 1 - k : k)).filter((bin) => counts[bin]);
    return groups(order.map((bin) => sums[bin]), order.map((bin) => counts[bin]));
  });
  const single = (values) => ({ values, weights: new Float32Array(values.length).fill(1) });
  const extremes = [kinds[0].reduce((a, b) => Math.min(a, b)), kinds[1].reduce((a, b) => Math.max(a, b))];
  return { sample: { matching, nonMatching, isGrouped: true }, extremes, counts: kinds.map((values) => histogram(single(values), -1, 1, HISTOGRAM_BINS)) };
}


// A sample of groups instead of single similarities: the landscape needs some thousand
// losses at once.
function grouped(sample) {
  if (sample.isGrouped) return sample;
  return { matching: groups(sample.matching.values), nonMatching: groups(sample.nonMatching.values), isGrouped: true };
}

// Groups of `sums` that stand for `counts` similarities each. From the deciding end on (the lowest
// matching, the highest non-matching pair) a group holds a 16th of all before it, so its spread never
// shows in the loss.
function groups(sums, counts) {
  const [means, sizes] = [[], []];
  let [before, sum, size] = [0, 0, 0];
  for (let k = 0; k < sums.length; k++) {
    sum += sums[k];
    size += counts ? counts[k] : 1;
    if (size > before / 16 || k + 1 === sums.length) {
      means.push(sum / size);
      sizes.push(size);
      before += size;
      [sum, size] = [0, 0];
    }
  }
  return { values: Float32Array.from(means), weights: Float32Array.from(sizes) };
}

// Number of similarities in each of `bins` equal bins of [low, high].
function histogram({ values, weights }, low, high, bins) {
  const counts = new Float64Array(bins);
  for (let k = 0; k < values.length; k++) {
    const bin = Math.floor(((values[k] - low) / (high - low)) * bins);
    const inside = values[k] === high ? bins - 1 : bin;
    if (inside >= 0 && inside < bins) counts[inside] += weights[k];
  }
  return counts;
}

// log10 of the loss on a grid: rows from the lowest log10 t, columns from the lowest b_rel. Yields
// after each row, so that it can be spread over several frames of the page; returns the values.
function* landscape(sample, numerics, biasRange, logRange, columns, rows) {
  const { matching, nonMatching } = grouped(sample);
  const terms = TERMS[numerics];
  const count = sizeOf(matching) + sizeOf(nonMatching);
  const at = (range, k, count) => range[0] + ((k + 0.5) / count) * (range[1] - range[0]);
  const values = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const t = 10 ** at(logRange, row, rows);
    for (let column = 0; column < columns; column++) {
      const bias = at(biasRange, column, columns);
      const sum = total(matching, terms.matching, t, bias) + total(nonMatching, terms.nonMatching, t, bias);
      values[row * columns + column] = Math.log10(Math.max(sum / count, 1e-30));
    }
    yield;
  }
  return values;
}
