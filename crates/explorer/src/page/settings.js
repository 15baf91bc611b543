// What the sliders and the scrubber reach, and how they step.

const between = ([low, high], share) => low + share * (high - low);
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
