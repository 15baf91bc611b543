//! Sweeps of any size: a run is kept when it is finished, and forgotten.

use std::fs;
use std::path::Path;
use std::time::Instant;

use shard::Shard;

use super::groups::{Groups, Task, Told, train_group};
use super::outcome::{Finished, Outcome};
use super::plan::Plan;
use super::side_by_side::{Message, SweepProgress, in_sweep, on_all_cores, print_sweep_progress, split};
use super::store::{NUMERICS, Store, hash};
use super::summaries::{Appending, End, Summaries};
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::run::Run;
use crate::train::Settings;

/// What a folder keeps of each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Vectors, history and summary, two files a run.
    #[default]
    Runs,
    /// The summary alone, a line a run in few files: file systems of clusters bear no million files.
    Summaries,
}

/// What a folder has of a plan's runs.
pub struct Kept<'a> {
    plan: &'a Plan,
    store: Store,
    summaries: Summaries,
}

/// Where in a sweep's folder everything is that is no run of its own.
pub const SHARDS: &str = "shards";

impl Plan {
    /// Trains all runs that `folder` has not yet, keeping their final numbers there, and prints
    /// progress when it takes long; [`Plan::kept`] reads them.
    ///
    /// # Errors
    /// As [`Plan::train_into`].
    pub fn stream_into(&self, folder: impl AsRef<Path>) -> Result<()> {
        let progress = &mut print_sweep_progress();
        self.train_into(folder.as_ref(), Keep::Summaries, Shard::WHOLE, Settings::default(), progress)
    }

    /// Trains those runs of a shard of which `folder` has none yet, and keeps each there as soon as it
    /// is finished, in memory that does not grow with their number. Of equal runs the first is trained. Any number of processes may do
    /// so in one folder, on any number of machines.
    ///
    /// # Errors
    /// [`Error::InSweep`] for the first run that fails, when the others are done; one whose loss diverges
    /// is remembered, and not trained again by a shard. If `folder` cannot be written, nothing is
    /// trained, and nothing more when a run cannot be kept there.
    pub fn train_into(
        &self,
        folder: &Path,
        keep: Keep,
        shard: Shard,
        settings: Settings,
        progress: &mut dyn FnMut(&SweepProgress),
    ) -> Result<()> {
        let settings = Settings { record: self.record(), snapshots: 0, ..settings };
        let shards = folder.join(SHARDS);
        // Of a folder that others write to as well nothing is removed.
        let check = if shard.is_whole() { files::check_folder } else { files::check_shared_folder };
        check(folder)?;
        fs::create_dir_all(&shards).map_err(|error| files::Error::new(shards.as_path(), error))?;
        let name = shard.to_string().replace('/', "-of-");
        // Where there are locks, a second process of this shard waits, and then finds everything done.
        let lock = shards.join(format!("{name}.lock"));
        let _one_at_a_time = fs::File::create(&lock)
            .map_err(|error| files::Error::new(lock.as_path(), error))
            .map(|file| file.lock().map(|()| file))?;
        let kept = self.kept(folder)?;
        let appending = Appending::new(shards, name, self.hash());
        let numbers = shard.every(self.len());
        let start = Instant::now();
        let mut at = SweepProgress::begin(numbers.len());
        let mut todo = Bits::new(numbers.len());
        for (task, number) in numbers.clone().enumerate() {
            let experiment = self.experiment(number).map_err(|error| in_sweep(number, error))?;
            let failed_before = !shard.is_whole() && kept.failure(number).is_some();
            let is_repeated = self.first_equal(number) != number;
            if is_repeated || failed_before || kept.has(number, &experiment, keep) {
                at.runs_done += 1;
            } else {
                todo.set(task);
                at.epochs += experiment.epochs;
            }
        }
        progress(&SweepProgress { elapsed: start.elapsed(), ..at });

        let tasks = numbers.enumerate().filter(|(task, _)| todo.has(*task));
        let tasks = tasks.map(|(_, number)| (number, self.experiment(number).expect("it was made before")));
        let groups = Groups::of(tasks, at.runs - at.runs_done, settings);
        let keep_end = |number: usize, run: Result<Run>| match run {
            Err(error @ Error::NonFinite { .. }) if kept.failure(number).is_none() => {
                appending.save(number, End::Failed(error.to_string()))?;
                Err(error)
            }
            Err(error) => Err(error),
            Ok(run) => match keep {
                Keep::Runs => kept.store.save(&run),
                Keep::Summaries => appending.save(number, End::Summary(run.summary())),
            },
        };
        let work = |group: Vec<Task>, settings, tell: &mut dyn FnMut(Told)| {
            // Another process may have been faster.
            let there =
                |(_, run): &Task| (keep == Keep::Runs && kept.store.load(run).is_some()).then_some(());
            let (numbers, experiments, mut results) = split(group, there, tell);
            for (number, run) in numbers.into_iter().zip(train_group(&experiments, settings, tell)) {
                results.push((number, keep_end(number, run)));
            }
            results
        };
        let mut failure: Option<(usize, Error)> = None;
        on_all_cores(&groups, at.runs - at.runs_done, settings, &work, &mut |message| {
            match message {
                Message::During(told) => at.hear(told),
                Message::Over(number, result) => {
                    at.runs_done += 1;
                    if let Err(error) = result {
                        failure = Some(graver(failure.take(), (number, error)));
                    }
                }
            }
            progress(&SweepProgress { elapsed: start.elapsed(), ..at });
        });
        failure.map_or(Ok(()), |(number, error)| Err(in_sweep(number, error)))
    }

    /// What `folder` has of the runs.
    ///
    /// # Errors
    /// [`Error::File`] if its summaries cannot be read.
    pub fn kept(&self, folder: impl AsRef<Path>) -> Result<Kept<'_>> {
        let folder = folder.as_ref();
        let summaries = Summaries::read(&folder.join(SHARDS), &self.hash(), self.len())?;
        Ok(Kept { plan: self, store: Store::at(folder, self.record()), summaries })
    }

    /// Names the plan, so that the numbers of its runs are not taken for those of another.
    fn hash(&self) -> String {
        hash(&(self.form(), NUMERICS))
    }
}

impl Kept<'_> {
    /// How run `number` ended, or the one that it is equal to.
    fn end(&self, number: usize) -> Option<End> {
        self.summaries.get(number).or_else(|| self.summaries.get(self.plan.first_equal(number)))
    }

    /// The final numbers of all runs that are there, in the order of the sweep.
    ///
    /// # Errors
    /// As [`Plan::experiment`].
    pub fn outcomes(&self) -> Result<Vec<Outcome>> {
        let finished = (0..self.plan.len()).filter_map(|number| self.finished(number).transpose());
        finished.map(|finished| Ok(Outcome::of_finished(&finished?))).collect()
    }

    /// Whether run `number` is there, with what `keep` says.
    fn has(&self, number: usize, experiment: &Experiment, keep: Keep) -> bool {
        match keep {
            Keep::Runs => self.store.load(experiment).is_some(),
            Keep::Summaries => {
                matches!(self.end(number), Some(End::Summary(_))) || self.store.summary(experiment).is_some()
            }
        }
    }

    /// Why run `number` has no numbers, if its loss diverged.
    pub fn failure(&self, number: usize) -> Option<String> {
        match self.end(number) {
            Some(End::Failed(reason)) => Some(reason),
            _ => None,
        }
    }

    /// How many runs of a shard are neither there, with what `keep` says, nor have failed; one that is
    /// equal to an earlier run is missing where that one is.
    ///
    /// # Errors
    /// As [`Plan::experiment`].
    pub fn missing(&self, shard: Shard, keep: Keep) -> Result<usize> {
        let mut missing = 0;
        for number in shard.every(self.plan.len()) {
            let is_first = self.plan.first_equal(number) == number;
            let is_over = self.has(number, &self.plan.experiment(number)?, keep);
            missing += usize::from(is_first && !is_over && self.failure(number).is_none());
        }
        Ok(missing)
    }

    /// Run `number`, if it is there.
    ///
    /// # Errors
    /// As [`Plan::experiment`].
    pub fn finished(&self, number: usize) -> Result<Option<Finished>> {
        let experiment = self.plan.experiment(number)?;
        let summary = match self.end(number) {
            Some(End::Summary(summary)) => Some(summary),
            _ => self.store.summary(&experiment),
        };
        Ok(summary.map(|summary| Finished { experiment, summary }))
    }
}

/// The failure to tell of two: that of a run that could not be kept, after which others were not
/// begun, and else that of the first run.
fn graver(known: Option<(usize, Error)>, new: (usize, Error)) -> (usize, Error) {
    let rank = |(number, error): &(usize, Error)| (!matches!(error, Error::File(_)), *number);
    match known {
        Some(known) if rank(&known) < rank(&new) => known,
        _ => new,
    }
}

/// A bit for each task.
struct Bits(Vec<u64>);

impl Bits {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}
