// What the sliders and the scrubber reach, and how they step.

const between = ([low, high], share) => low + share * (high - low);
const clamp = (value, [low, high]) => Math.min(Math.max(value, low), high);

// Sliders and landscape reach over every setting of the run, and a good way beyond; in steps, so
// that they do not move all the time while a training goes on.
function settingRanges({ temperature, relative_bias }) {
  const logs = temperature.map(Math.log10);
  const [down, up] = [(x) => Math.floor(4 * x) / 4, (x) => Math.ceil(4 * x) / 4];
  return {
    log: [Math.min(0, down(Math.min(...logs) - 0.4)), Math.max(3, up(Math.max(...logs) + 0.3))],
    bias: [Math.min(-1.05, down(Math.min(...relative_bias)) - 0.05), Math.max(1.05, up(Math.max(...relative_bias)) + 0.05)],
  };
}

// Four margins to each side of the optimal relative bias.
function zoomedRange({ extremes: [lowest, highest] }, [from, to]) {
  const [middle, margin] = [(lowest + highest) / 2, Math.max(Math.abs(lowest - highest) / 2, 0.002)];
  return [Math.max(from, middle - 4 * margin), Math.min(to, middle + 4 * margin)];
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
