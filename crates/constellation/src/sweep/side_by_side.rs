//! Training many experiments on all cores.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::store::{Store, key};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::numbers::duration;
use crate::progress::{Lines, NOTHING_KEPT};
use crate::run::Run;
use crate::train::Settings;

/// Where a sweep stands.
#[derive(Debug, Clone, Copy)]
pub struct SweepProgress<'a> {
    /// Runs that are finished, those found in the folder included.
    pub runs_done: usize,
    /// Runs in all; equal descriptions count as one.
    pub runs: usize,
    /// Epochs done, of all runs together.
    pub epochs_done: usize,
    /// Epochs of all runs that this call trains.
    pub epochs: usize,
    /// Time since the start.
    pub elapsed: Duration,
    /// The run that has just been finished, trained or found.
    pub finished: Option<&'a Run>,
}

impl SweepProgress<'_> {
    /// Estimated time to the end.
    pub fn left(&self) -> Duration {
        let left = self.epochs.saturating_sub(self.epochs_done) as f64 / self.epochs_done.max(1) as f64;
        self.elapsed.mul_f64(left)
    }
}

impl std::fmt::Display for SweepProgress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} of {} runs, {} left", self.runs_done, self.runs, duration(self.left()))
    }
}

/// Prints a line now and then, as [`crate::train::print_progress`] does.
pub fn print_sweep_progress() -> impl FnMut(&SweepProgress) {
    print_lines(NOTHING_KEPT)
}

/// The same for a sweep that keeps its runs in a folder.
pub(super) fn print_kept_progress() -> impl FnMut(&SweepProgress) {
    print_lines(
        "(Interrupting the kernel keeps the runs that are finished: run the cells from the first one, \
         and this one goes on.)",
    )
}

fn print_lines(notice: &'static str) -> impl FnMut(&SweepProgress) {
    let mut lines = Lines::new(notice);
    move |progress| lines.tell(progress, progress.elapsed, progress.left())
}

/// What a worker tells.
enum Message {
    Epochs(usize),
    /// The task of this number is over.
    Over(usize, Box<Result<Run>>),
}

/// Trains what `store` does not have; the runs come in the order of `experiments`.
pub(super) fn train(
    experiments: &[Experiment],
    settings: Settings,
    store: Option<&Store>,
    listen: &mut dyn FnMut(&SweepProgress),
) -> Result<Vec<Run>> {
    for (index, experiment) in experiments.iter().enumerate() {
        experiment.validate().map_err(|error| in_sweep(index, error))?;
    }
    let (tasks, task_of) = distinct(experiments, settings);
    let start = Instant::now();
    let mut results: Vec<Option<Result<Run>>> = tasks.iter().map(|_| None).collect();
    let mut progress = SweepProgress {
        runs_done: 0,
        runs: tasks.len(),
        epochs_done: 0,
        epochs: 0,
        elapsed: Duration::ZERO,
        finished: None,
    };
    for (task, result) in tasks.iter().zip(&mut results) {
        let found = store.and_then(|store| store.load(task));
        progress.epochs += if found.is_none() { task.epochs } else { 0 };
        if let Some(run) = found {
            progress.runs_done += 1;
            listen(&SweepProgress { finished: Some(&run), elapsed: start.elapsed(), ..progress });
            *result = Some(Ok(run));
        }
    }

    let missing: Vec<usize> = (0..tasks.len()).filter(|&task| results[task].is_none()).collect();
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        start_workers(scope, &tasks, &missing, settings, store, &send);
        drop(send);
        for message in receive {
            let mut finished = None;
            match message {
                Message::Epochs(epochs) => progress.epochs_done += epochs,
                Message::Over(task, result) => {
                    progress.runs_done += 1;
                    finished = results[task].insert(*result).as_ref().ok();
                }
            }
            listen(&SweepProgress { finished, elapsed: start.elapsed(), ..progress });
        }
    });
    collect(results, &task_of)
}

/// The distinct experiments, and for each experiment the number of its own.
fn distinct(experiments: &[Experiment], settings: Settings) -> (Vec<&Experiment>, Vec<usize>) {
    let mut numbers = HashMap::new();
    let mut tasks = Vec::new();
    let mut task_of = Vec::with_capacity(experiments.len());
    for experiment in experiments {
        let number = *numbers.entry(key(experiment, settings.record)).or_insert_with(|| {
            tasks.push(experiment);
            tasks.len() - 1
        });
        task_of.push(number);
    }
    (tasks, task_of)
}

/// One worker a core, each taking the next task when it is done with one. With fewer
/// tasks than cores the cores are shared out.
fn start_workers<'scope, 'env>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    tasks: &'env [&'env Experiment],
    missing: &'env [usize],
    settings: Settings,
    store: Option<&'env Store>,
    send: &mpsc::Sender<Message>,
) {
    let workers = settings.threads.clamp(1, missing.len().max(1));
    let settings = Settings { threads: (settings.threads / workers).max(1), ..settings };
    let next = std::sync::Arc::new(AtomicUsize::new(0));
    for _ in 0..workers {
        let (next, send) = (next.clone(), send.clone());
        scope.spawn(move || {
            while let Some(&task) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = train_one(tasks[task], settings, store, &send);
                if matches!(result, Err(Error::File(_))) {
                    next.store(missing.len(), Ordering::Relaxed); // the next could not be kept, either
                }
                if send.send(Message::Over(task, Box::new(result))).is_err() {
                    return;
                }
            }
        });
    }
}

fn train_one(
    experiment: &Experiment,
    settings: Settings,
    store: Option<&Store>,
    send: &mpsc::Sender<Message>,
) -> Result<Run> {
    let mut told = 0;
    // Nobody listens any more only if the sweep is being torn down.
    let mut tell = |epoch: usize| {
        let _ = send.send(Message::Epochs(epoch - std::mem::replace(&mut told, epoch)));
    };
    // Another process may have been faster.
    if let Some(run) = store.and_then(|store| store.load(experiment)) {
        tell(experiment.epochs);
        return Ok(run);
    }
    let run = experiment.train_with(settings, &mut |progress| tell(progress.epoch))?;
    if let Some(store) = store {
        store.save(&run)?;
    }
    Ok(run)
}

/// The results in the order of the experiments, or the first error: that of a run that could not be
/// kept, after which others were not begun, comes before all.
fn collect(mut results: Vec<Option<Result<Run>>>, task_of: &[usize]) -> Result<Vec<Run>> {
    if let Some(task) = results.iter().position(|result| matches!(result, Some(Err(Error::File(_))))) {
        results.swap(0, task);
        results.truncate(1);
        let result = results.remove(0).expect("it has just been seen");
        let index = task_of.iter().position(|&other| other == task).expect("a task comes from an experiment");
        return Err(in_sweep(index, result.expect_err("it has just been seen")));
    }
    let mut runs = Vec::with_capacity(results.len());
    for (task, result) in results.into_iter().enumerate() {
        let index = task_of.iter().position(|&other| other == task).expect("a task comes from an experiment");
        let result = result.expect("every task is over");
        runs.push(result.map_err(|error| in_sweep(index, error))?);
    }
    if runs.len() == task_of.len() {
        return Ok(runs); // all distinct: nothing to copy
    }
    Ok(task_of.iter().map(|&task| runs[task].clone()).collect())
}

fn in_sweep(index: usize, error: Error) -> Error {
    Error::InSweep { index, source: Box::new(error) }
}
