//! Our engines against PyTorch and JAX.

use std::{fmt::Write, thread};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::contestant::{Contestant, engines_program};
use crate::{
    machine, process,
    project::Project,
    python::{PyTorch, Python},
    setup,
    side_environment::side_environment,
};

/// In the table's order; the first is ours, to which the others are compared.
const CONTESTANTS: [&str; 5] = ["fused", "libtorch", "PyTorch eager", "torch.compile", "JAX"];

/// One row of the table.
pub(super) struct Case {
    pub(super) name: &'static str,
    runs: Vec<Value>,
    /// Whether every contestant may use all cores.
    all_cores: bool,
    /// About how long a contestant trains in one round.
    seconds: f64,
    rounds: usize,
}

/// Of one run on one thread.
pub(super) fn of_one_run() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|case| !case.all_cores)
}

fn cases() -> Vec<Case> {
    let run = |changes: Value| {
        let mut run = json!({
            "pairs": 100, "dim": 10, "modalities": 2, "seed": 50, "learning_rate": 0.01,
            "temperature": {"init": 10.0, "trainable": true},
            "bias": {"kind": "relative", "init": 0.0, "trainable": true},
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            run[key] = value.clone();
        }
        run
    };
    let single = |name, changes: Value| Case {
        name,
        runs: vec![run(changes)],
        all_cores: false,
        seconds: 0.3,
        rounds: 7,
    };
    let grid = (0..10).flat_map(|k| (0..100).map(move |seed| (k, seed))).map(|(k, seed)| {
        let b_rel = -1.0 + 2.0 * f64::from(k) / 9.0;
        run(json!({"seed": 10_000 * k + seed,
                   "bias": {"kind": "relative", "init": b_rel, "trainable": false}}))
    });
    let all_cores = |case: Case| Case { all_cores: true, seconds: 0.5, rounds: 3, ..case };
    vec![
        single("N = 20, d = 3", json!({"pairs": 20, "dim": 3})),
        single("N = 100, d = 10", json!({})),
        single("N = 100, d = 100", json!({"dim": 100})),
        single("N = 1000, d = 10", json!({"pairs": 1000})),
        single("N = 100, d = 10, M = 10", json!({"modalities": 10})),
        all_cores(single("N = 4000, d = 64", json!({"pairs": 4000, "dim": 64}))),
        all_cores(Case { runs: grid.collect(), ..single("10 x 100 runs of N = 100, d = 10", json!({})) }),
    ]
}

/// Measures all cases, and returns the table.
///
/// # Errors
/// If the set-up fails, a contestant fails, or one computes another loss than the others.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project, PyTorch::Whole)?;
    let requirements = project.library().join("benches/peers/requirements.txt");
    let peers = side_environment(project, &python, ".venv-bench", &requirements)?;
    let mut table = String::from("# Engines\n\n");
    writeln!(table, "{}.\n", machine::description(&peers, &["torch", "jax"]))?;
    table.push_str(
        "Microseconds an epoch of one run, best (median) of several rounds in which the contestants \
         take turns, and how many times that of `fused` it is. One thread, where not all cores are \
         named. Compilation and the drawing of initial vectors are not counted for the others. \
         Of the runs of the sweep PyTorch trains one after another, as the study does.\n\n",
    );
    writeln!(
        table,
        "| | cores | {} |\n|---|---|{}",
        CONTESTANTS.join(" | "),
        "---|".repeat(CONTESTANTS.len())
    )?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for all_cores in [false, true] {
        let threads = if all_cores { cores } else { 1 };
        let mut contestants = start(project, &peers, threads)?;
        for case in cases().iter().filter(|case| case.all_cores == all_cores) {
            let times = measure(case, &mut contestants)?;
            let ours = times[0].best;
            let cells: Vec<_> = times.iter().map(|time| time.cell(ours)).collect();
            let row = format!("| {} | {threads} | {} |", case.name, cells.join(" | "));
            eprintln!("{row}");
            writeln!(table, "{row}")?;
        }
    }
    Ok(table)
}

fn start(project: &Project, peers: &Python, threads: usize) -> Result<Vec<Contestant>> {
    let program = engines_program(project)?;
    let folder = project.library().join("benches/peers");
    let threads = threads.to_string();
    CONTESTANTS
        .into_iter()
        .map(|name| {
            let (script, mode) = match name {
                "PyTorch eager" => ("pytorch.py", Some("eager")),
                "torch.compile" => ("pytorch.py", Some("compile")),
                "JAX" => ("jax_scan.py", None),
                _ => {
                    let mut command = process::command(&program);
                    // Progress would be taken for an answer.
                    return Contestant::start(name, command.arg(&threads).env("SIGLIP_PROGRESS", "off"));
                }
            };
            let mut command = peers.command();
            Contestant::start(name, command.arg(folder.join(script)).args(mode).arg(&threads))
        })
        .collect()
}

/// Seconds an epoch of one run.
pub(super) struct Time {
    pub(super) best: f64,
    median: f64,
}

impl Time {
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self { best: times[0], median: times[times.len() / 2] }
    }

    /// The best and the median, and how many times `ours` the best is.
    pub(super) fn cell(&self, ours: f64) -> String {
        let (best, median) = (microseconds(self.best), microseconds(self.median));
        match self.best / ours {
            1.0 => format!("{best} ({median})"),
            ratio => format!("{best} ({median}), {}x", significant(ratio, 2)),
        }
    }
}

fn microseconds(seconds: f64) -> String {
    significant(seconds * 1e6, 3)
}

/// A number with so many digits, or all those before its point.
fn significant(number: f64, digits: i32) -> String {
    let decimals = (digits - 1 - number.log10().floor() as i32).max(0) as usize;
    format!("{number:.decimals$}")
}

/// Has the contestants train in turn, round by round.
///
/// # Errors
/// If one fails, or computes another loss than the first.
pub(super) fn measure(case: &Case, contestants: &mut [Contestant]) -> Result<Vec<Time>> {
    let mut epochs = Vec::new();
    let mut losses = Vec::new();
    for contestant in &mut *contestants {
        let (enough, history) = calibrate(case, contestant)?;
        epochs.push(enough);
        losses.push(history);
    }
    same_losses(contestants, &losses)?;
    let mut times = vec![Vec::new(); contestants.len()];
    for _ in 0..case.rounds {
        for ((contestant, &epochs), times) in contestants.iter_mut().zip(&epochs).zip(&mut times) {
            let answer = contestant.train(&runs_of(case, contestant.name), epochs)?;
            times.push(answer.seconds / (epochs * case.runs.len()) as f64);
        }
    }
    Ok(times.into_iter().map(Time::of).collect())
}

/// How many epochs take about the time of a round, and their losses. This also warms up.
fn calibrate(case: &Case, contestant: &mut Contestant) -> Result<(usize, Vec<f64>)> {
    let runs = runs_of(case, contestant.name);
    let mut epochs = 2;
    loop {
        let answer = contestant.train(&runs, epochs)?;
        if answer.seconds >= 0.5 * case.seconds {
            return Ok((epochs, answer.losses));
        }
        let wanted = epochs as f64 * case.seconds / answer.seconds;
        epochs = (wanted.ceil() as usize).clamp(epochs + 1, 100 * epochs);
    }
}

/// The descriptions for a contestant; only our program has more than one engine.
fn runs_of(case: &Case, contestant: &str) -> Vec<Value> {
    let mut runs = case.runs.clone();
    let engine = if contestant == "libtorch" { "libtorch" } else { "fused" };
    runs.iter_mut().for_each(|run| run["engine"] = engine.into());
    runs
}

/// That all contestants train the same run: their losses agree as long as rounding has not grown.
fn same_losses(contestants: &[Contestant], losses: &[Vec<f64>]) -> Result<()> {
    const EPOCHS: usize = 300;
    let ours = &losses[0];
    for (contestant, theirs) in contestants.iter().zip(losses) {
        for (epoch, (a, b)) in ours.iter().zip(theirs).enumerate().take(EPOCHS) {
            ensure!(
                (a - b).abs() <= 1e-3 * a.abs(),
                "{} trains something else: its loss of epoch {epoch} is {b}, ours {a}",
                contestant.name
            );
        }
    }
    Ok(())
}
