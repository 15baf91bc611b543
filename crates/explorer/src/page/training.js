// The mode that trains: knobs turn a description, the engine trains it, its reports become a run.

// A training that is watched takes about so long.
const SECONDS_TO_WATCH = 5;

function makeTraining({ host, root, find, data, state, update, scene }) {
  const { defaults } = data;
  const recorded = state.run;
  let experiment = withinLimits(data.experiment ?? defaults);
  let [engine, opening, id, pending] = [null, null, 0, null];
  let said = "";
  const tries = makeTries(find("tries"), (tried) => retrain(tried));
  const showKnobs = makeKnobs(find("knobs"), (edit) => retrain(edit(experiment)));
  const code = makeCode({ host, find, defaults, experiment: () => experiment, take: retrain });
  state.training = { isRunning: false };

  // Opened when it is first needed.
  async function open(base64) {
    try {
      engine = await (opening ??= openEngine(base64, tell));
      root.dataset.engine = engine.place;
    } catch (error) {
      find("knobs").inert = true;
      for (const name of ["step", "restart"]) find(name).hidden = true;
      root.dataset.engine = "none";
      say(`This place does not let a page compute (${error.message}): what was recorded is shown.`);
    }
  }

  function retrain(wanted, seconds = 0) {
    experiment = withinLimits(wanted);
    showKnobs(experiment);
    code.show();
    if (state.numerics !== experiment.numerics) update({ numerics: experiment.numerics });
    id += 1;
    pending = liveRun(experiment);
    order({ until: experiment.epochs, seconds });
  }

  // Orders for the training that is shown, or for the one that is about to be.
  async function order({ until, seconds }) {
    const mine = id;
    await open(globalThis[SHARED]);
    if (!engine || mine !== id) return;
    const { wanted } = pending ?? state.run;
    engine.receive({ id, experiment, frames: wanted, until, seconds });
    said = "";
    update({ training: { isRunning: true }, playing: false });
  }

  function tell(report) {
    if (report.id !== id) return;
    if (report.error) {
      say(report.error);
      return update({ training: { isRunning: false } });
    }
    // Milliseconds from the page's start, for whoever measures it.
    root.dataset.firstReport ??= Math.round(performance.now());
    const run = pending ?? state.run;
    run.add(report);
    pending = null;
    update({ run, k: null, training: { isRunning: !report.done }, movedAt: performance.now() });
    if (report.done) finish(run);
  }

  function finish(run) {
    // The last picture is drawn once nothing moves any more.
    setTimeout(() => update({}), MILLISECONDS_OF_MOTION + 20);
    if (!run.isDone) return;
    root.dataset.seconds = run.seconds;
    say(`Trained here in ${significant(run.seconds, 2)} s.`);
    tries.add(run);
    code.settle();
  }

  function say(text) {
    said = text;
    find("status").textContent = text;
  }

  // Whether there was a training to pause or to continue.
  function pauseOrContinue() {
    if (state.training.isRunning) {
      engine.receive(null);
      update({ training: { isRunning: false } });
      return true;
    }
    const { run } = state;
    if (run.isRecorded || run.isDone) return false;
    order({ until: run.experiment.epochs, seconds: SECONDS_TO_WATCH });
    return true;
  }

  // From the moment that is shown, one epoch on.
  function step() {
    const { epoch } = scene().frame;
    if (state.run.isRecorded) {
      id += 1;
      pending = liveRun(experiment);
    }
    if (epoch < experiment.epochs) order({ until: epoch + 1, seconds: 0 });
  }

  function show(meter) {
    const { run, frame } = scene();
    if (run.isRecorded) return;
    const { isRunning } = state.training;
    find("play").textContent = isRunning || state.playing ? "⏸" : "▶";
    find("play").setAttribute("aria-label", isRunning ? "Pause the training" : run.isDone ? "Play the training" : "Continue the training");
    const rate = meter.rate();
    root.dataset.framesPerSecond = rate ?? "";
    const going = isRunning ? `epoch ${frame.epoch.toLocaleString("en")} of ${run.lastEpoch.toLocaleString("en")}` : "";
    find("progress").textContent = [going, rate ? `${Math.round(rate)} frames a second` : ""].filter(Boolean).join(" · ");
    find("collapse").hidden = !(experiment.numerics === "paper" && experiment.epochs > EPOCHS_TO_COLLAPSE);
  }

  const begin = () => {
    find("training-section").hidden = false;
    for (const name of ["step", "restart"]) find(name).hidden = false;
    showKnobs(experiment);
    code.show();
    const wanted = code.fromAddress();
    if (wanted) retrain(wanted);
    else if (data.starts) retrain(experiment, SECONDS_TO_WATCH);
  };
  // For the page around: the front page's guided experiments.
  host.train = (description, seconds) => retrain(completed(description, defaults), seconds);
  find("recorded").hidden = Boolean(data.starts);
  find("recorded").addEventListener("click", () => {
    engine?.receive(null);
    id += 1;
    pending = null;
    experiment = withinLimits(data.experiment);
    showKnobs(experiment);
    code.show();
    say("The run as it was recorded.");
    update({ run: recorded, k: null, numerics: recorded.numerics, training: { isRunning: false } });
  });
  if (data.experiment) whenEngineIsThere(begin);
  return { pauseOrContinue, step, restart: () => retrain(experiment, SECONDS_TO_WATCH), show };
}

// From here on a run of the paper's numerics may collapse.
const EPOCHS_TO_COLLAPSE = 20_000;

// The last trainings, to compare; a click trains one again.
function makeTries(table, again) {
  const MOST = 8;
  return {
    add({ experiment, lastLoss, moment, newest }) {
      const { extremes } = newest();
      const row = document.createElement("tr");
      const name = document.createElement("button");
      name.type = "button";
      name.textContent = titleOf(experiment) + (experiment.numerics === "exact" ? ", exact" : "") + (experiment.epochs === 10_000 ? "" : `, ${experiment.epochs} epochs`);
      name.addEventListener("click", () => again(experiment));
      const numbers = [scientific(lastLoss), significant(moment.temperature, 6), significant(moment.relativeBias, 4), significant((extremes[0] - extremes[1]) / 2, 4)];
      for (const content of [name, ...numbers]) row.insertCell().append(content);
      for (const other of [...table.tBodies[0].rows]) if (other.cells[0].textContent === name.textContent) other.remove();
      table.tBodies[0].prepend(row);
      table.tBodies[0].rows[MOST]?.remove();
      table.hidden = false;
    },
  };
}

// Frames a second of the page while something moves, null until that is known.
function makeMeter(isMoving) {
  let [times, known, runs] = [[], null, false];
  const tick = (now) => {
    runs = isMoving();
    times = runs ? [...times.slice(-120), now] : [];
    if (times.length > 20) known = (1000 * (times.length - 1)) / (now - times[0]);
    if (runs) requestAnimationFrame(tick);
  };
  return {
    run() {
      if (runs || !isMoving()) return;
      runs = true;
      requestAnimationFrame(tick);
    },
    rate: () => known,
  };
}
