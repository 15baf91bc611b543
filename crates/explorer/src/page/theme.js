// Colours for what is drawn on canvases: the same CSS variables as the page's.

const COLOURS = ["background", "text", "muted", "line", "matching", "non-matching", "accent", "band"];

// Sets `data-theme` on `root` after the brightness of what lies behind it, as JupyterLab's
// theme and the system's may differ, and returns the colours.
function readTheme(root) {
  root.dataset.theme = printing() || isLight(getComputedStyle(root).backgroundColor) ? "light" : "dark";
  const style = getComputedStyle(root);
  const colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  const modalities = [0, 1, 2, 3, 4, 5].map((k) => style.getPropertyValue(`--modality-${k}`).trim());
  return { ...colours, modalities, font: `12px ${style.fontFamily}`, dark: root.dataset.theme === "dark" };
}

const printing = () => matchMedia("print").matches;

function isLight(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

// Calls `changed` when the notebook's theme or the system's changes, and `print`, which must
// have drawn when it returns, before and after printing.
function onThemeChange(changed, print) {
  new MutationObserver(changed).observe(document.body, { attributes: true });
  new MutationObserver(changed).observe(document.documentElement, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  matchMedia("print").addEventListener("change", print);
}

// Viridis, light to dark from a low to a high loss, at nine equidistant points.
const VIRIDIS = [
  [253, 231, 37], [170, 220, 50], [92, 200, 99], [39, 173, 129], [33, 144, 141],
  [44, 113, 142], [59, 81, 139], [71, 44, 122], [68, 1, 84],
];

// Colour [red, green, blue] of `share` in [0, 1].
function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const k = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[k].map((from, channel) => from + (place - k) * (VIRIDIS[k + 1][channel] - from));
}
