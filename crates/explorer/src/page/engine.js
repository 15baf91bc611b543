// Opens the engine: in a worker, or in slices between the page's frames where workers are forbidden.

// Explorers on one page share the module: one of them brings it, in base64.
const SHARED = Symbol.for("siglip.explorer.engine");
const ARRIVED = "siglip-explorer-engine";

function shareEngine(base64) {
  if (!base64 || globalThis[SHARED]) return;
  globalThis[SHARED] = base64;
  document.dispatchEvent(new Event(ARRIVED));
}

// Calls `act` with the module once there is one, perhaps of an explorer further down.
function whenEngineIsThere(act) {
  if (globalThis[SHARED]) act(globalThis[SHARED]);
  else document.addEventListener(ARRIVED, () => act(globalThis[SHARED]), { once: true });
}

// { receive, place } as in trainer.js, whose reports go to `tell`; an error where WebAssembly is
// forbidden or lacks what the module needs.
async function openEngine(base64, tell) {
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(unpacked).arrayBuffer();
  return (await inWorker(bytes, tell)) ?? inSlices(bytes, tell);
}

// Long enough for a busy machine.
const MILLISECONDS_TO_START = 10_000;

function inWorker(bytes, tell) {
  const source = `${makeTrainer}\n${spreadEpochs}\n${makeSession}\n(${serve})();`;
  return new Promise((resolve) => {
    let worker = null;
    const giveUp = () => {
      worker?.terminate();
      resolve(null);
    };
    try {
      worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    } catch {
      return giveUp();
    }
    const timer = setTimeout(giveUp, MILLISECONDS_TO_START);
    worker.onerror = (event) => {
      event.preventDefault();
      giveUp();
    };
    worker.onmessage = ({ data }) => {
      clearTimeout(timer);
      if (data === "refused") return giveUp();
      worker.onmessage = ({ data }) => tell(data);
      resolve({ receive: (order) => worker.postMessage(order), place: "worker" });
    };
    worker.postMessage(bytes);
  });
}

// Less than half of a frame, so that the page can draw in the rest.
const SLICE = 6;

async function inSlices(bytes, tell) {
  const module = await WebAssembly.compile(bytes);
  const later = (act) => setTimeout(act, 4);
  return { receive: makeSession(module, { slice: SLICE, later, tell }).receive, place: "page" };
}
