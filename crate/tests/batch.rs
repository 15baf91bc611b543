//! Runs that one tensor program trains together go where each goes alone.
#![cfg(feature = "libtorch")]

use std::num::NonZeroUsize;
use std::path::Path;

use constellation::points::initial_vectors;
use constellation::sweep::{Finished, Keep, Plan};
use constellation::train::{Batching, Settings, train_together};
use constellation::{BatchEngine, Engine, Error, Experiment, History, Record, Run, State, Sweep};
use siglip_core::{Device, Libtorch, settings_on, tch};

const EVERYTHING: Record = Record { margin: true, xi: true };

/// Sweeps whose runs differ in numbers alone, and their number.
const SWEEPS: &[&str] = &[
    r#"{"base": {"pairs": 20, "dim": 3, "bias": {"trainable": true}},
        "grid": {"seed": [1, 2], "bias.init": [-0.3, 0.4], "temperature.init": [5, 20]}}"#,
    r#"{"base": {"pairs": 12, "dim": 4, "numerics": "exact", "bias": {"kind": "absolute", "trainable": true}},
        "grid": {"learning_rate": [0.01, 0.003], "skip": [0, 2], "bias.init": [1, -2]}}"#,
    r#"{"base": {"pairs": 10, "dim": 5, "modalities": 4, "temperature": {"trainable": false}},
        "grid": {"temperature.init": [3, 9], "seed": [4, 5, 6]}}"#,
    r#"{"base": {"pairs": 15, "dim": 4, "locked": true, "schedule": "cosine", "bias": {"trainable": true}},
        "grid": {"adapter": [0.5, -1], "seed": [7, 8, 9]}}"#,
    r#"{"base": {"pairs": 9, "dim": 3, "numerics": "exact", "temperature": {"form": "reciprocal"}},
        "grid": {"temperature.init": [2, 30], "seed": [1, 2, 3]}}"#,
];

fn experiments(json: &str, epochs: usize) -> Vec<Experiment> {
    let sweep = Sweep::from_json(json).unwrap().with(&[format!("epochs={epochs}")]).unwrap();
    sweep.with(&["engine=libtorch"]).unwrap().experiments().to_vec()
}

fn batch(experiments: &[Experiment]) -> Libtorch {
    let initial: Vec<_> = experiments.iter().map(initial_vectors).collect();
    Libtorch::batch(experiments, &initial, tch::Device::Cpu).unwrap()
}

/// Histories and states of a batch.
fn together(experiments: &[Experiment], epochs: usize) -> Vec<(History, State)> {
    let mut engine = batch(experiments);
    let mut histories = vec![History::default(); experiments.len()];
    engine.advance_all(epochs, EVERYTHING, &mut histories.iter_mut().collect::<Vec<_>>()).unwrap();
    let states = (0..experiments.len()).map(|run| engine.state_of(run).unwrap());
    histories.into_iter().zip(states).collect()
}

fn alone(experiment: &Experiment, epochs: usize) -> (History, State) {
    let mut engine = Libtorch::new(experiment, initial_vectors(experiment), tch::Device::Cpu).unwrap();
    let mut history = History::default();
    engine.advance(epochs, EVERYTHING, &mut history).unwrap();
    let state = engine.state().unwrap();
    (history, state)
}

const EPOCHS: usize = 100;

/// A product of many matrices adds in another order than that of two, and in one that depends on how
/// they lie in memory: a step rounds its numbers otherwise by some 2^-23, and the steps add up.
const TOLERANCE: f64 = EPOCHS as f64 / (1 << 23) as f64;

fn assert_close((got, ends): &(History, State), (expected, at): &(History, State), what: &str) {
    for ((name, got), (_, expected)) in got.columns().zip(expected.columns()) {
        assert_eq!((got.len(), expected.len()), (EPOCHS, EPOCHS), "{what}: {name}");
        for (epoch, (got, expected)) in got.iter().zip(expected).enumerate() {
            let apart = (got - expected).abs() / expected.abs().max(1.0);
            assert!(apart < TOLERANCE, "{what}: {name} at {epoch}: {got}, {expected}");
        }
    }
    let apart = &ends.embeddings - &at.embeddings;
    assert!(apart.iter().all(|x| f64::from(x.abs()) < TOLERANCE), "{what}: vectors");
    let numbers = |state: &State| [state.temperature, state.bias, state.delta.unwrap_or_default()];
    for (got, expected) in numbers(ends).into_iter().zip(numbers(at)) {
        assert!((got - expected).abs() / expected.abs().max(1.0) < TOLERANCE, "{what}: {got}, {expected}");
    }
}

#[test]
fn a_run_of_a_batch_is_the_run_alone() {
    for json in SWEEPS {
        let experiments = experiments(json, EPOCHS);
        let all = together(&experiments, EPOCHS);
        for (run, (got, experiment)) in all.iter().zip(&experiments).enumerate() {
            assert_close(got, &alone(experiment, EPOCHS), &format!("{json}, run {run}"));
        }
        // Runs that differ do so by more than what is tolerated.
        for (one, other) in all.iter().zip(&all[1..]) {
            assert!((one.0.loss[50] - other.0.loss[50]).abs() > 10.0 * TOLERANCE, "{json}");
        }
    }
}

#[test]
fn a_run_does_not_feel_how_many_others_there_are_and_in_which_order() {
    for json in SWEEPS {
        let experiments = experiments(json, EPOCHS);
        let all = together(&experiments, EPOCHS);
        let turned: Vec<_> = experiments.iter().rev().cloned().collect();
        for (run, got) in together(&turned, EPOCHS).iter().rev().enumerate() {
            assert_close(got, &all[run], &format!("{json}, run {run}, turned"));
        }
        for size in [1, 3] {
            let parts = experiments.chunks(size).flat_map(|part| together(part, EPOCHS));
            for (run, got) in parts.enumerate() {
                assert_close(&got, &all[run], &format!("{json}, run {run} in a batch of {size}"));
            }
        }
        for (again, first) in together(&experiments, EPOCHS).iter().zip(&all) {
            assert_eq!((&again.0, &again.1.embeddings), (&first.0, &first.1.embeddings), "{json}, again");
        }
    }
}

fn settings(batching: bool) -> Settings {
    let settings = Settings { record: EVERYTHING, snapshots: 5, threads: 2, ..settings_on(Device::Cpu) };
    let limit = NonZeroUsize::new(if batching { 1000 } else { 1 });
    Settings { batching: settings.batching.map(|it| Batching { limit, ..it }), ..settings }
}

#[test]
fn a_run_that_diverges_is_an_error_in_its_place_and_disturbs_no_other() {
    let json = r#"{"base": {"pairs": 8, "dim": 3, "numerics": "exact", "temperature": {"trainable": false}},
                   "grid": {"temperature.init": [5, 3e38, 9, 2e38], "seed": [1]}}"#;
    let experiments = experiments(json, 60);
    let batching: Batching = settings(true).batching.unwrap();
    let mut told = Vec::new();
    let runs = train_together(&experiments, settings(true), batching, &mut |epoch| told.push(epoch)).unwrap();
    assert!(told.is_sorted() && told.last() == Some(&60));
    for (run, experiment) in runs.iter().zip(&experiments) {
        let alone = experiment.train_with(settings(false), &mut |_| ());
        match (run, alone) {
            (Ok(run), Ok(alone)) => {
                assert_eq!(run.experiment, *experiment);
                assert!((run.loss() - alone.loss()).abs() < 1e-5 && run.summary().engine == "libtorch");
                let epochs = |run: &Run| run.snapshots.iter().map(|at| at.epoch).collect::<Vec<_>>();
                assert_eq!(epochs(run), epochs(&alone));
            }
            (Err(Error::NonFinite { step, seed, .. }), Err(alone)) => {
                assert_eq!((*step, *seed), (0, 1));
                assert_eq!(run.as_ref().unwrap_err().to_string(), alone.to_string());
            }
            (run, alone) => panic!("{:?}, alone {:?}", run.is_ok(), alone.map(|_| ())),
        }
    }
    assert_eq!(runs.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
    // In the same places with other neighbours, to the bit.
    let mut calm = experiments.clone();
    calm.iter_mut().for_each(|run| run.temperature.init = run.temperature.init.min(9.0));
    let calm = train_together(&calm, settings(true), batching, &mut |_| ()).unwrap();
    for place in [0, 2] {
        let (calm, run) = (calm[place].as_ref().unwrap(), runs[place].as_ref().unwrap());
        assert_eq!((calm.embeddings(), &calm.history), (run.embeddings(), &run.history));
    }
}

/// Two shapes in turn, one of which diverges at one temperature, and runs of the other engine.
const MIXED: &str = r#"{"base": {"epochs": 30, "numerics": "exact", "temperature": {"trainable": false}},
    "runs": [{"engine": "libtorch"}, {"engine": "fused"}],
    "grid": {"seed": [1, 2, 3], "temperature.init": [4, 3e38, 8], "pairs": [5, 7]}}"#;

/// What there is of each run, or why there is nothing.
fn kept(plan: &Plan, folder: &Path) -> Vec<Result<Finished, Option<String>>> {
    let kept = plan.kept(folder).unwrap();
    let end = |number| kept.finished(number).unwrap().ok_or_else(|| kept.failure(number));
    (0..plan.len()).map(end).collect()
}

fn assert_kept(got: &[Result<Finished, Option<String>>], expected: &[Result<Finished, Option<String>>]) {
    for ends in got.iter().zip(expected) {
        match ends {
            (Ok(got), Ok(expected)) => {
                assert_eq!(
                    (&got.experiment, got.summary.engine),
                    (&expected.experiment, expected.summary.engine)
                );
                let numbers = |of: &Finished| [of.summary.loss, of.summary.margin, of.summary.temperature];
                for (got, expected) in numbers(got).into_iter().zip(numbers(expected)) {
                    assert!((got - expected).abs() < TOLERANCE, "{got}, {expected}");
                }
            }
            (got, expected) => assert_eq!(got, expected),
        }
    }
    assert_eq!(got.len(), expected.len());
}

#[test]
fn a_sweep_in_batches_keeps_what_it_keeps_of_any_batch() {
    let plan = Plan::from_json(MIXED).unwrap();
    let of_batches = |limit: usize| {
        let limit = NonZeroUsize::new(limit);
        Settings { batching: settings(true).batching.map(|it| Batching { limit, ..it }), ..settings(true) }
    };
    let train = |folder: &Path, keep, shard: &str, settings| {
        let mut at = None;
        let shard = shard.parse().unwrap();
        let result = plan.train_into(folder, keep, shard, settings, &mut |now| at = Some(*now));
        (result, at.unwrap())
    };
    let whole = tempfile::tempdir().unwrap();
    let (result, at) = train(whole.path(), Keep::Summaries, "0/1", of_batches(1000));
    let message = result.unwrap_err().to_string();
    assert!(message.contains("run 2 of the sweep") && message.contains("at step 0"), "{message}");
    assert_eq!((at.runs_done, at.runs), (36, 36));
    let expected = kept(&plan, whole.path());
    assert_eq!(expected.iter().filter(|end| end.is_ok()).count(), 24);
    assert!(expected.iter().all(|end| end != &Err(None)), "those that diverge are remembered");
    let (result, at) = train(whole.path(), Keep::Summaries, "0/2", of_batches(1000));
    assert!(result.is_ok() && at.epochs == 0, "repeated");
    for limit in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        for shard in ["1/3", "2/3", "0/3"] {
            let (result, at) = train(folder.path(), Keep::Summaries, shard, of_batches(limit));
            assert_eq!((result.is_ok(), at.epochs), (shard == "1/3", 12 * 30), "{shard}");
        }
        assert_eq!(train(folder.path(), Keep::Summaries, "1/3", of_batches(limit)).1.epochs, 0);
        assert_kept(&kept(&plan, folder.path()), &expected);
        // Whole runs are another matter: those that diverge are tried again by a whole sweep.
        let (result, _) = train(folder.path(), Keep::Runs, "0/1", of_batches(limit));
        assert!(result.unwrap_err().to_string().contains("run 2 of the sweep"));
        assert_kept(&kept(&plan, folder.path()), &expected);
    }
}

#[test]
fn what_no_batch_can_train_is_trained_alone() {
    let of = |json: &str| Libtorch::runs_together(&Experiment::from_json(json).unwrap());
    assert_eq!(of(r#"{"pairs": 20, "dim": 3, "epochs": 100}"#), 1024);
    let large = of(r#"{"pairs": 1000, "dim": 32}"#);
    assert!((2..100).contains(&large), "{large} runs of N = 1000 in a GiB");
    assert_eq!(of(r#"{"pairs": 5000, "dim": 32}"#), 1, "in blocks");
    assert_eq!(of(r#"{"pairs": 20, "loss": "infonce", "numerics": "exact"}"#), 1);
    assert_eq!(of(r#"{"pairs": 20, "positives": 2, "numerics": "exact"}"#), 1);
}

/// libtorch adds up in another order on two threads: a shard with one run must not have more than one
/// with many.
#[test]
fn a_run_of_libtorch_is_the_same_however_many_run_beside_it() {
    let json = r#"{"base": {"pairs": 600, "dim": 4, "epochs": 30, "engine": "libtorch"},
                   "grid": {"seed": [1, 2, 3]}}"#;
    let sweep = Sweep::from_json(json).unwrap();
    let settings = Settings { threads: 4, ..settings_on(Device::Cpu) };
    let beside = sweep.train(settings).unwrap().runs;
    let alone = Sweep::named([("alone", sweep.experiments()[0].clone())]).train(settings).unwrap().runs;
    assert_eq!(alone[0].history, beside[0].history);
    assert_eq!(alone[0].embeddings(), beside[0].embeddings());
}
