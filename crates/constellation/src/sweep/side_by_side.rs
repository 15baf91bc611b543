//! Training many experiments on all cores.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::groups::{Groups, Task, Told, train_group};
use super::store::{Store, key};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::numbers::{duration, thousands};
use crate::progress::{Lines, NOTHING_KEPT};
use crate::run::Run;
use crate::train::Settings;

/// Where a sweep stands.
#[derive(Debug, Clone, Copy)]
pub struct SweepProgress {
    /// Runs that are finished, those found in the folder included.
    pub runs_done: usize,
    /// Runs in all.
    pub runs: usize,
    /// Epochs done, of all runs together.
    pub epochs_done: usize,
    /// Epochs of all runs that this call trains.
    pub epochs: usize,
    /// The fewest runs at once for which memory was too short; they are trained in halves.
    pub too_many: Option<usize>,
    /// Time since the start.
    pub elapsed: Duration,
}

impl SweepProgress {
    /// Where a sweep of `runs` runs begins.
    pub(super) fn begin(runs: usize) -> Self {
        Self { runs_done: 0, runs, epochs_done: 0, epochs: 0, too_many: None, elapsed: Duration::ZERO }
    }

    /// Takes in what a worker tells.
    pub(super) fn hear(&mut self, told: Told) {
        match told {
            Told::Epochs(epochs) => self.epochs_done += epochs,
            Told::TooMany(runs) => self.too_many = Some(self.too_many.map_or(runs, |few| few.min(runs))),
        }
    }

    /// Estimated time to the end.
    pub fn left(&self) -> Duration {
        let left = self.epochs.saturating_sub(self.epochs_done) as f64 / self.epochs_done.max(1) as f64;
        self.elapsed.mul_f64(left)
    }
}

impl std::fmt::Display for SweepProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} of {} runs", thousands(self.runs_done), thousands(self.runs))?;
        // Before the first epochs nobody knows.
        if self.epochs_done > 0 {
            write!(f, ", {} left", duration(self.left()))?;
        }
        match self.too_many {
            Some(runs) => write!(f, " (memory is too short for {runs} runs at once: in halves)"),
            None => Ok(()),
        }
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
pub(super) enum Message<T> {
    /// Of the group that it trains.
    During(Told),
    /// The task of this number is over.
    Over(usize, Result<T>),
}

/// Does the tasks of a group, with one result for each.
pub(super) type Work<'a, T> = dyn Fn(Vec<Task>, Settings, &mut dyn FnMut(Told)) -> Results<T> + Sync + 'a;

/// What has come of tasks, by their numbers.
pub(super) type Results<T> = Vec<(usize, Result<T>)>;

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
    let mut progress = SweepProgress::begin(tasks.len());
    for (task, result) in tasks.iter().zip(&mut results) {
        match store.and_then(|store| store.load(task)) {
            Some(run) => {
                progress.runs_done += 1;
                *result = Some(Ok(run));
            }
            None => progress.epochs += task.epochs,
        }
    }
    listen(&SweepProgress { elapsed: start.elapsed(), ..progress });

    let missing: Vec<usize> = (0..tasks.len()).filter(|&task| results[task].is_none()).collect();
    let todo = missing.iter().map(|&task| (task, tasks[task].clone()));
    let groups = Groups::of(todo, missing.len(), settings);
    let work = |group: Vec<Task>, settings, tell: &mut dyn FnMut(Told)| {
        // Another process may have been faster.
        let there = |(_, experiment): &Task| store.and_then(|store| store.load(experiment));
        let (numbers, experiments, mut results) = split(group, there, tell);
        for (number, run) in numbers.into_iter().zip(train_group(&experiments, settings, tell)) {
            let kept = run.and_then(|run| store.map_or(Ok(()), |store| store.save(&run)).map(|()| run));
            results.push((number, kept));
        }
        results
    };
    on_all_cores(&groups, missing.len(), settings, &work, &mut |message| {
        match message {
            Message::During(told) => progress.hear(told),
            Message::Over(task, result) => {
                progress.runs_done += 1;
                results[task] = Some(result);
            }
        }
        listen(&SweepProgress { elapsed: start.elapsed(), ..progress });
    });
    collect(results, &task_of)
}

/// Takes out of a group what is `there` already, which counts as done.
pub(super) fn split<T>(
    group: Vec<Task>,
    there: impl Fn(&Task) -> Option<T>,
    tell: &mut dyn FnMut(Told),
) -> (Vec<usize>, Vec<Experiment>, Results<T>) {
    let (mut numbers, mut experiments, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for task in group {
        if let Some(result) = there(&task) {
            tell(Told::Epochs(task.1.epochs));
            results.push((task.0, Ok(result)));
        } else {
            numbers.push(task.0);
            experiments.push(task.1);
        }
    }
    (numbers, experiments, results)
}

/// Does up to `tasks` tasks, one group a core at a time, each core taking the next when it is done with
/// one. With fewer tasks than cores the cores are shared out. None is begun after one whose result could
/// not be kept: neither could the next.
pub(super) fn on_all_cores<T: Send>(
    groups: &Groups,
    tasks: usize,
    settings: Settings,
    work: &Work<T>,
    listen: &mut dyn FnMut(Message<T>),
) {
    let workers = settings.threads.clamp(1, tasks.max(1));
    let settings = Settings { threads: (settings.threads / workers).max(1), ..settings };
    let is_stopped = AtomicBool::new(false);
    // Bounded, so that results do not pile up where nobody has time to listen.
    let (send, receive) = mpsc::sync_channel(workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (send, is_stopped) = (send.clone(), &is_stopped);
            scope.spawn(move || {
                while !is_stopped.load(Ordering::Relaxed)
                    && let Some(group) = groups.next()
                {
                    // Nobody listens any more only if the sweep is being torn down.
                    let mut tell = |told| {
                        let _ = send.send(Message::During(told));
                    };
                    for (task, result) in work(group, settings, &mut tell) {
                        if matches!(result, Err(Error::File(_))) {
                            is_stopped.store(true, Ordering::Relaxed);
                        }
                        if send.send(Message::Over(task, result)).is_err() {
                            return;
                        }
                    }
                }
            });
        }
        drop(send);
        receive.into_iter().for_each(listen);
    });
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

pub(super) fn in_sweep(index: usize, error: Error) -> Error {
    Error::InSweep { index, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_that_memory_is_too_short_for_so_many() {
        let mut progress = SweepProgress { epochs: 1_000, ..SweepProgress::begin(1000) };
        assert_eq!(progress.to_string(), "0 of 1,000 runs");
        progress.hear(Told::Epochs(100));
        progress.elapsed = Duration::from_secs(60);
        assert_eq!(progress.to_string(), "0 of 1,000 runs, 9 min 0 s left");
        for runs in [64, 32, 64] {
            progress.hear(Told::TooMany(runs));
        }
        assert!(progress.to_string().ends_with("left (memory is too short for 32 runs at once: in halves)"));
    }
}
