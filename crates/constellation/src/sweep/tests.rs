use std::fs;

use super::*;
use crate::history::Record;
use crate::{Bias, BiasKind, Numerics, Summary};

fn small() -> Experiment {
    Experiment { pairs: 12, dim: 3, epochs: 40, ..Experiment::default() }
}

#[test]
fn the_last_key_of_a_grid_varies_fastest() {
    let sweep = Sweep::from_json(
        r#"{"base": {"pairs": 5, "bias": {"trainable": true}},
            "runs": [{}, {"bias": {"kind": "absolute"}}],
            "grid": {"seed": [7, 8], "bias.init": {"from": -1, "to": 1, "count": 3}},
            "record": {"margin": true}}"#,
    )
    .unwrap();
    assert_eq!(sweep.record(), Record { margin: true, xi: false });
    let seen: Vec<_> =
        sweep.experiments().iter().map(|run| (run.bias.kind, run.seed, run.bias.init)).collect();
    let expected: Vec<_> = [BiasKind::Relative, BiasKind::Absolute]
        .into_iter()
        .flat_map(|kind| [7, 8].map(|seed| (kind, seed)))
        .flat_map(|(kind, seed)| [-1.0, 0.0, 1.0].map(|init| (kind, seed, init)))
        .collect();
    assert_eq!(seen, expected);
    assert!(sweep.experiments().iter().all(|run| run.pairs == 5 && run.bias.trainable));
}

#[test]
fn the_notebooks_form_is_the_same_sweep() {
    let json = r#"{"base": {"pairs": 12, "dim": 3, "epochs": 40}, "grid": {"bias.init": [-0.5, 0.5], "seed": [1, 2]}}"#;
    let sweep = small().vary("bias.init", [-0.5, 0.5]).unwrap().seeds(1..=2);
    assert_eq!(Sweep::from_json(json).unwrap(), sweep);
}

#[test]
fn runs_are_labelled_by_what_distinguishes_them() {
    let sweep = small().vary("bias.init", [-0.5, 0.5]).unwrap().seeds(1..=2);
    assert_eq!(
        sweep.labels(),
        ["bias.init = -0.5", "bias.init = -0.5", "bias.init = 0.5", "bias.init = 0.5"]
    );
    assert!(sweep.has_ensembles() && !small().vary("bias.init", [-0.5, 0.5]).unwrap().has_ensembles());
    let json = r#"{"runs": [{}, {"numerics": "exact"}], "grid": {"pairs": [3, 4]}}"#;
    assert_eq!(Sweep::from_json(json).unwrap().labels()[2], "numerics = exact, pairs = 3");
    let named = Sweep::named([("b", small()), ("a", small())]).labelled(|run| format!("N = {}", run.pairs));
    assert_eq!(named.labels(), ["N = 12", "N = 12"]);
}

#[test]
fn runs_in_turn_share_a_stream_of_one_seed_and_shape() {
    let skips = |sweep: Sweep| sweep.experiments().iter().map(|run| run.skip).collect::<Vec<_>>();
    assert_eq!(skips(small().repeat(3)), [0, 2, 4]);
    assert_eq!(skips(small().vary("modalities", [4, 6, 8, 10]).unwrap().in_turn()), [0, 8, 20, 36]);
    assert_eq!(skips(small().with(&["locked=true"]).unwrap().repeat(3)), [0, 1, 2]);
    assert_eq!(skips(small().vary("seed", [1, 2, 1]).unwrap().in_turn()), [0, 0, 2]);
    assert_eq!(skips(small().repeat(3).seeds([5])), [0, 0, 0], "each from its own seed");
}

#[test]
fn a_prefix_and_replaced_keys_are_those_of_every_run() {
    let sweep = small().vary("bias.init", [-0.5, 0.5]).unwrap().prefixed("exact").with(&["numerics=exact"]);
    let sweep = sweep.unwrap();
    assert_eq!(sweep.labels(), ["exact, bias.init = -0.5", "exact, bias.init = 0.5"]);
    assert!(sweep.experiments().iter().all(|run| run.numerics == Numerics::Exact));
    assert_eq!(small().repeat(1).prefixed("alone").labels(), ["alone"]);
    assert!(small().repeat(2).with(&["temperature.start=1"]).is_err());
}

#[test]
fn a_selection_has_all_runs_of_its_labels() {
    let runs =
        small().vary("bias.init", [-0.5, 0.5, 0.0]).unwrap().repeat(2).train(Settings::default()).unwrap();
    let selected = runs.select(&["bias.init = 0.0", "bias.init = -0.5"]);
    let places: Vec<_> =
        selected.runs.iter().map(|run| (run.experiment.bias.init, run.experiment.skip)).collect();
    assert_eq!(places, [(0.0, 8), (0.0, 10), (-0.5, 0), (-0.5, 2)]);
    assert_eq!(selected.means(|run| run.experiment.skip as f64), [9.0, 1.0]);
    assert!(std::panic::catch_unwind(|| runs.select(&["bias.init = 7"])).is_err());
}

#[test]
fn ensembles_have_the_runs_of_their_label() {
    let runs =
        small().vary("bias.init", [-0.5, 0.5]).unwrap().seeds(1..=2).train(Settings::default()).unwrap();
    let ensembles = runs.ensembles();
    assert_eq!(ensembles.iter().map(|ensemble| ensemble.runs.len()).collect::<Vec<_>>(), [2, 2]);
    let inits = ensembles[1].values(|run| run.experiment.bias.init);
    assert_eq!((ensembles[1].label, inits), ("bias.init = 0.5", vec![0.5, 0.5]));
    assert_eq!(runs["bias.init = 0.5"].experiment.seed, 1);
}

#[test]
fn an_error_names_the_key() {
    for (json, key) in [
        (r#"{"bass": {}}"#, "bass"),
        (r#"{"base": {"pears": 1}}"#, "base"),
        (r#"{"grid": {"bias.start": [1]}}"#, "bias.start"),
        (r#"{"grid": {"seed": 1}}"#, "seed"),
        (r#"{"grid": {"seed": {"from": 0, "to": 1, "count": 1}}}"#, "grid.seed"),
        (r#"{"grid": {"seed": [0.5]}}"#, "seed"),
        (r#"{"runs": [{"pairs": 1}]}"#, "pairs"),
        (r#"{"runs": [{"bias": {"start": 1}}]}"#, "start"),
        (r#"{"runs": []}"#, "runs"),
        (r#"{} {}"#, "after the description"),
    ] {
        let message = Sweep::from_json(json).unwrap_err().to_string();
        assert!(message.contains(key), "{json}: {message}");
    }
}

#[test]
fn runs_are_those_that_would_have_been_trained_alone() {
    let other = Experiment { bias: Bias::fixed(BiasKind::Relative, 0.5), ..small() };
    let sweep = small().seeds(1..=5).and(small().seeds([1])).and(other.into());
    let record = Record { margin: true, xi: true };
    let runs = sweep.clone().recording(record).train(Settings::default()).unwrap().runs;
    assert_eq!(runs.len(), 7);
    for (experiment, run) in sweep.experiments().iter().zip(&runs) {
        let settings = Settings { record, ..Settings::default() };
        let alone = experiment.train_with(settings, &mut |_| ()).unwrap();
        assert_eq!(run.experiment, *experiment);
        assert_eq!(run.history, alone.history);
        assert_eq!(run.embeddings(), alone.embeddings());
    }
}

#[test]
fn a_finished_run_is_not_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let record = Record { margin: true, xi: false };
    let first = small().seeds(1..=3).recording(record);
    let trained = |sweep: &Sweep| {
        let mut epochs = 0;
        let runs = sweep
            .train_into(folder.path(), Settings::default(), &mut |progress| epochs = progress.epochs)
            .unwrap();
        (epochs, runs.runs)
    };
    let (epochs, runs) = trained(&first);
    assert_eq!(epochs, 3 * 40);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);

    let (epochs, again) = trained(&small().seeds(2..=4).recording(record));
    assert_eq!(epochs, 40, "only seed 4 is new");
    assert_eq!(again[0].history, runs[1].history);
    assert_eq!(again[1].embeddings(), runs[2].embeddings());
    assert_eq!(again[1].summary(), runs[2].summary());

    // A run whose JSON file is missing was not finished; a damaged one does not count.
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    let of_kind =
        |kind: &str| files.iter().find(|path| path.extension().is_some_and(|it| it == kind)).unwrap();
    fs::remove_file(of_kind("json")).unwrap();
    assert_eq!(trained(&small().seeds(1..=4).recording(record)).0, 40);
    fs::write(of_kind("npz"), b"PK").unwrap();
    assert_eq!(trained(&small().seeds(1..=4).recording(record)).0, 40);

    let (epochs, _) = trained(&first.recording(Record::default()));
    assert_eq!(epochs, 3 * 40, "what is recorded belongs to the run");

    // A run of other numerics does not count either.
    let ours = format!("\"numerics\": {}", super::store::NUMERICS);
    for path in files.iter().filter(|path| path.extension().is_some_and(|it| it == "json")) {
        let entry = fs::read_to_string(path).unwrap();
        fs::write(path, entry.replace(&ours, "\"numerics\": 1")).unwrap();
    }
    assert_eq!(trained(&small().seeds(1..=4).recording(record)).0, 4 * 40);
}

/// Seeds 1 to 3, the second of which diverges.
fn one_diverges() -> Sweep {
    let diverges = ["temperature.init=3e38", "temperature.trainable=false", "numerics=exact"];
    small().seeds([1]).and(small().seeds([2]).with(&diverges).unwrap()).and(small().seeds([3]))
}

#[test]
fn one_failing_run_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let error = one_diverges().train_into(folder.path(), Settings::default(), &mut |_| ()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("run 1") && message.contains("seed 2"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn what_an_interruption_leaves_is_trained_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("unfinished");
    one_diverges().train_keeping(&folder, Settings::default()).unwrap_err();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "two runs are kept");
    let kept: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    for json in kept.iter().filter(|path| path.extension().is_some_and(|it| it == "json")) {
        let marked = fs::read_to_string(json).unwrap().replace("\"seconds\": ", "\"seconds\": 1000");
        fs::write(json, marked).unwrap();
    }
    let runs = small().seeds(1..=3).train_keeping(&folder, Settings::default()).unwrap();
    let old: Vec<bool> = runs.runs.iter().map(|run| run.summary().seconds >= 1000.0).collect();
    assert_eq!(old, [true, false, true]);
    assert!(!folder.exists(), "nothing is left when all is done");
}

const PLAN: &str = r#"{"base": {"pairs": 6, "dim": 3, "epochs": 20},
    "runs": [{}, {"numerics": "exact"}], "grid": {"bias.init": [-0.5, 0, 0.5], "seed": [1, 2, 3]}}"#;

/// Everything that a folder keeps of the plan, without the seconds.
fn everything(plan: &Plan, folder: &Path) -> Vec<Option<Finished>> {
    let kept = plan.kept(folder).unwrap();
    let run = |number| {
        let mut finished = kept.finished(number).unwrap()?;
        finished.summary.seconds = 0.0;
        Some(finished)
    };
    (0..plan.len()).map(run).collect()
}

fn train_shard(plan: &Plan, folder: &Path, keep: Keep, shard: &str) -> usize {
    let mut trained = 0;
    let shard = shard.parse().unwrap();
    plan.train_into(folder, keep, shard, Settings::default(), &mut |at| trained = at.epochs / 20).unwrap();
    trained
}

#[test]
fn a_plan_is_the_sweep_run_by_run() {
    let (plan, sweep) = (Plan::from_json(PLAN).unwrap(), Sweep::from_json(PLAN).unwrap());
    assert_eq!(plan.len(), 18);
    for (number, (label, experiment)) in sweep.iter().enumerate() {
        assert_eq!(plan.labelled(number).unwrap(), (label.to_owned(), experiment.clone()));
    }
    let many = r#"{"grid": {"seed": {"from": 1, "to": 99999, "count": 99999}, "dim": [2, 3, 4],
                            "bias.init": {"from": 0, "to": 1, "count": 99999}}}"#;
    assert!(Plan::from_json(many).unwrap_err().to_string().contains("1,000,000,000"));
    let ten_million = many.replacen("99999", "9999", 4).replacen(", 3, 4", "", 1);
    assert!(Sweep::from_json(&ten_million).unwrap_err().to_string().contains("10,000,000"));
}

#[test]
fn shards_of_any_number_and_order_keep_the_runs_of_one_process() {
    let plan = Plan::from_json(PLAN).unwrap();
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(train_shard(&plan, whole.path(), Keep::Runs, "0/1"), 18);
    let expected = everything(&plan, whole.path());
    assert!(expected.iter().all(Option::is_some));
    let runs = Sweep::from_json(PLAN).unwrap().train(Settings::default()).unwrap().runs;
    for (run, finished) in runs.iter().zip(expected.iter().flatten()) {
        assert_eq!(Summary { seconds: 0.0, ..run.summary() }, finished.summary);
    }
    for keep in [Keep::Runs, Keep::Summaries] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(train_shard(&plan, folder.path(), keep, "3/4"), 4);
        assert_eq!(everything(&plan, folder.path()).iter().flatten().count(), 4);
        assert_eq!(train_shard(&plan, folder.path(), keep, "3/4"), 0, "repeated");
        assert_eq!(train_shard(&plan, folder.path(), keep, "1/5"), 3, "of another number of shards");
        assert_eq!(train_shard(&plan, folder.path(), keep, "0/1"), 11);
        assert_eq!(everything(&plan, folder.path()), expected);
    }
    // Summaries of another plan are not taken for those of this one.
    let folder = tempfile::tempdir().unwrap();
    train_shard(&plan, folder.path(), Keep::Summaries, "0/1");
    let other = Plan::from_json(&PLAN.replace("20}", "21}")).unwrap();
    assert!(everything(&other, folder.path()).iter().all(Option::is_none));
    // But whole runs serve where summaries are wanted.
    assert_eq!(train_shard(&plan, whole.path(), Keep::Summaries, "0/1"), 0);
}

#[test]
fn processes_that_share_a_folder_and_a_shard_lose_nothing() {
    let plan = Plan::from_json(PLAN).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for keep in [Keep::Runs, Keep::Summaries, Keep::Summaries, Keep::Runs] {
            let (plan, folder) = (&plan, folder.path());
            scope.spawn(move || train_shard(plan, folder, keep, "0/1"));
        }
    });
    assert!(everything(&plan, folder.path()).iter().all(Option::is_some));
}

#[test]
fn a_run_of_a_stream_that_fails_leaves_the_others() {
    let diverging = r#"{"base": {"pairs": 6, "dim": 3, "epochs": 20, "numerics": "exact"},
        "runs": [{}, {"temperature": {"init": 3e38, "trainable": false}}], "grid": {"seed": [1, 2]}}"#;
    let plan = Plan::from_json(diverging).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let train = || {
        plan.train_into(folder.path(), Keep::Summaries, shard::Shard::WHOLE, Settings::default(), &mut |_| ())
    };
    let message = train().unwrap_err().to_string();
    assert!(message.contains("run 2") && message.contains("diverge") | message.contains("loss"), "{message}");
    let there: Vec<bool> = everything(&plan, folder.path()).iter().map(Option::is_some).collect();
    assert_eq!(there, [true, true, false, false]);
    // A shard does not train them again, and there is nothing that it has missed.
    let mut epochs = 1;
    let whole = shard::Shard::new(0, 2).unwrap();
    plan.train_into(folder.path(), Keep::Summaries, whole, Settings::default(), &mut |at| epochs = at.epochs)
        .unwrap();
    let kept = plan.kept(folder.path()).unwrap();
    assert_eq!((epochs, kept.missing(shard::Shard::WHOLE, Keep::Summaries).unwrap()), (0, 0));
    assert!(kept.failure(2).unwrap().contains("seed 1") && kept.failure(0).is_none());
    let impossible = Plan::from_json(r#"{"base": {"epochs": 1}, "grid": {"pairs": [5, 1]}}"#).unwrap();
    let message = impossible.train_into(
        folder.path(),
        Keep::Runs,
        shard::Shard::WHOLE,
        Settings::default(),
        &mut |_| (),
    );
    assert!(message.unwrap_err().to_string().contains("run 1 of the sweep"));
}

#[test]
fn equal_runs_are_trained_once() {
    let json = r#"{"base": {"pairs": 6, "dim": 3, "epochs": 20, "seed": 3}, "record": {"margin": true},
        "runs": [{}, {"seed": 4}, {"bias": {"init": 0.25}}, {"numerics": "exact"}],
        "grid": {"bias.init": [0, 0.5, 0.0], "seed": [1, 2, 1]}}"#;
    let plan = Plan::from_json(json).unwrap();
    let of = |number| plan.experiment(number).unwrap();
    for number in 0..plan.len() {
        let first = (0..plan.len()).find(|&other| of(other) == of(number)).unwrap();
        assert_eq!(plan.first_equal(number), first);
    }
    for keep in [Keep::Runs, Keep::Summaries] {
        let folder = tempfile::tempdir().unwrap();
        let mut trained = 0;
        for shard in ["2/3", "0/3", "1/3"] {
            trained += train_shard(&plan, folder.path(), keep, shard);
        }
        assert_eq!(trained, 2 * 2 * 2, "two numerics, two biases, two seeds");
        let outcomes = plan.kept(folder.path()).unwrap().outcomes().unwrap();
        assert_eq!(outcomes.len(), plan.len());
        let runs = Sweep::from_json(json).unwrap().train(Settings::default()).unwrap().runs;
        assert!(outcomes.iter().eq(&runs.iter().map(crate::Outcome::of).collect::<Vec<_>>()));
        assert!(outcomes.iter().all(|outcome| outcome.best_margin.is_some()));
    }
}
