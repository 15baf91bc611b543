//! Which runs of a sweep are trained together, and in which order.

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::experiment::{EngineChoice, Experiment};
use crate::run::Run;
use crate::train::{Batching, Settings, form, train_together};

/// A run's number, and its description.
pub(super) type Task = (usize, Experiment);

/// Hands out the runs that are still to be done, those that one tensor program can train together.
pub(super) struct Groups<'a> {
    waiting: Mutex<Waiting<'a>>,
    batching: Option<Batching>,
    /// More in a group would leave a worker without one.
    fair: usize,
}

struct Waiting<'a> {
    /// What has not been looked at.
    tasks: Box<dyn Iterator<Item = Task> + Send + 'a>,
    /// What waits for others of its form.
    groups: Vec<Group>,
}

struct Group {
    form: Experiment,
    tasks: Vec<Task>,
}

/// Runs that wait at most for others of their form, so that memory does not grow with a sweep.
const MOST_WAITING: usize = 1 << 14;

impl<'a> Groups<'a> {
    /// Of the runs that `tasks` makes, `count` in all.
    pub(super) fn of(
        tasks: impl Iterator<Item = Task> + Send + 'a,
        count: usize,
        settings: Settings,
    ) -> Groups<'a> {
        Groups {
            waiting: Mutex::new(Waiting { tasks: Box::new(tasks), groups: Vec::new() }),
            batching: settings.batching,
            fair: count.div_ceil(settings.threads.max(1)),
        }
    }

    /// The next group.
    pub(super) fn next(&self) -> Option<Vec<Task>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batching) = self.batching else { return Some(vec![waiting.tasks.next()?]) };
        let mut count: usize = waiting.groups.iter().map(|group| group.tasks.len()).sum();
        while count < MOST_WAITING
            && let Some(task) = waiting.tasks.next()
        {
            let most = batching.runs(&task.1).min(self.fair);
            let form = form(&task.1);
            let place = waiting.groups.iter().position(|group| group.form == form).unwrap_or_else(|| {
                waiting.groups.push(Group { form, tasks: Vec::new() });
                waiting.groups.len() - 1
            });
            waiting.groups[place].tasks.push(task);
            count += 1;
            if waiting.groups[place].tasks.len() >= most {
                return Some(waiting.groups.remove(place).tasks);
            }
        }
        let places = (0..waiting.groups.len()).rev();
        let largest = places.max_by_key(|&place| waiting.groups[place].tasks.len())?;
        Some(waiting.groups.remove(largest).tasks)
    }
}

/// What is told while a group is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// So many epochs more are done, of all runs together.
    Epochs(usize),
    /// Memory is too short for so many runs at once.
    TooMany(usize),
}

/// Trains a group. One for which memory is too short is halved; what else the engine cannot do is every
/// run's error.
///
/// libtorch adds up in another order with each number of threads, so a run of a sweep has one: its numbers
/// must not depend on how many others there are.
pub(super) fn train_group(
    experiments: &[Experiment],
    settings: Settings,
    tell: &mut dyn FnMut(Told),
) -> Vec<Result<Run>> {
    let is_libtorch = experiments.iter().any(|experiment| experiment.engine == EngineChoice::Libtorch);
    let settings = Settings { threads: if is_libtorch { 1 } else { settings.threads }, ..settings };
    let (Some(batching), [_, _, ..]) = (settings.batching, experiments) else {
        return experiments.iter().map(|experiment| alone(experiment, settings, tell)).collect();
    };
    let mut done = 0;
    let together = train_together(experiments, settings, batching, &mut |epochs| {
        tell(Told::Epochs((epochs - std::mem::replace(&mut done, epochs)) * experiments.len()));
    });
    let parts = match together {
        Ok(runs) => return runs,
        Err(Error::Engine { engine, source }) if !is_of_memory(source.as_ref()) => {
            let error = || Error::Engine { engine, source: source.to_string().into() };
            return experiments.iter().map(|_| Err(error())).collect();
        }
        Err(Error::Engine { .. }) => {
            tell(Told::TooMany(experiments.len()));
            2
        }
        Err(_) => experiments.len(), // of one description, which must not hide the others
    };
    let mut told = done * experiments.len();
    let mut tell_more = |more| match more {
        Told::Epochs(epochs) => {
            let known = told.min(epochs);
            told -= known;
            tell(Told::Epochs(epochs - known));
        }
        Told::TooMany(_) => tell(more),
    };
    let parts = experiments.chunks(experiments.len().div_ceil(parts));
    parts.flat_map(|part| train_group(part, settings, &mut tell_more)).collect()
}

/// libtorch has only words for it: "out of memory" on a GPU, "can't allocate memory" on the processor.
fn is_of_memory(error: &(dyn std::error::Error + Send + Sync)) -> bool {
    let error = error.to_string();
    ["out of memory", "allocate memory"].iter().any(|words| error.contains(words))
}

fn alone(experiment: &Experiment, settings: Settings, tell: &mut dyn FnMut(Told)) -> Result<Run> {
    let mut done = 0;
    experiment.train_with(settings, &mut |progress| {
        tell(Told::Epochs(progress.epoch - std::mem::replace(&mut done, progress.epoch)));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::BatchEngine;
    use crate::train::BatchEngines;

    const NONE: BatchEngines =
        |_, _, _| -> Result<Box<dyn BatchEngine>> { unreachable!("nothing is trained") };

    fn handed_out(pairs: &[usize], threads: usize) -> Vec<Vec<usize>> {
        let most = |run: &Experiment| if run.pairs == 9 { 1 } else { 3 };
        let batching = Some(Batching { most, limit: None, engines: NONE });
        let settings = Settings { threads, batching, ..Settings::default() };
        let run =
            |(number, &pairs)| (number, Experiment { pairs, seed: number as u64, ..Default::default() });
        let groups = Groups::of(pairs.iter().enumerate().map(run), pairs.len(), settings);
        std::iter::from_fn(|| groups.next())
            .map(|group| group.into_iter().map(|(number, _)| number).collect())
            .collect()
    }

    #[test]
    fn groups_are_of_one_form_and_every_run_is_in_one() {
        assert_eq!(
            handed_out(&[5, 6, 5, 9, 6, 5, 5, 6, 6], 1),
            [vec![3], vec![0, 2, 5], vec![1, 4, 7], vec![6], vec![8]]
        );
        assert_eq!(handed_out(&[5, 5, 5], 2), [vec![0, 1], vec![2]], "each core has some");
        assert_eq!(handed_out(&[], 2), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn no_more_runs_wait_than_memory_is_to_hold() {
        let pairs: Vec<usize> = (10..10 + MOST_WAITING + 50).collect();
        let all = handed_out(&pairs, 1);
        assert!(all.iter().all(|group| group.len() == 1));
        let mut numbers = all.concat();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..pairs.len()));
    }

    #[test]
    fn without_batches_runs_come_in_their_order() {
        let tasks = (0..4).map(|number| (number, Experiment::default()));
        let groups = Groups::of(tasks, 4, Settings::default());
        assert!((0..4).all(|number| groups.next().is_some_and(|group| group[0].0 == number)));
        assert!(groups.next().is_none());
    }

    /// What becomes of two runs with an engine for batches, and what is told of them.
    fn trained(engines: BatchEngines) -> (Vec<Result<Run>>, Vec<Told>) {
        let batching = Some(Batching { most: |_| 2, limit: None, engines });
        let settings = Settings { batching, ..Settings::default() };
        let run = |seed| Experiment { pairs: 3, dim: 2, epochs: 2, seed, ..Default::default() };
        let mut told = Vec::new();
        (train_group(&[run(1), run(2)], settings, &mut |more| told.push(more)), told)
    }

    #[test]
    fn only_where_memory_is_short_smaller_groups_are_tried() {
        let (short, told) =
            trained(|_, _, _| Err(Error::Engine { engine: "libtorch", source: "CUDA out of memory".into() }));
        assert!(short.len() == 2 && short.iter().all(Result::is_ok));
        let epochs = |told: &Told| if let Told::Epochs(epochs) = told { *epochs } else { 0 };
        assert_eq!((told[0], told.iter().map(epochs).sum()), (Told::TooMany(2), 4));
        let (broken, told) = trained(|_, _, _| {
            Err(Error::Engine { engine: "libtorch", source: "an illegal memory access".into() })
        });
        let words: Vec<String> = broken.into_iter().map(|run| run.unwrap_err().to_string()).collect();
        assert_eq!(words, ["engine `libtorch`: an illegal memory access"; 2]);
        assert!(told.is_empty(), "{told:?}");
    }
}
