//! What a training keeps of one run while it goes on.

use super::settings::Settings;
use crate::engine::State;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::history::History;
use crate::run::{Run, Snapshot};

/// A run so far: everything but what computes it.
pub(super) struct Course {
    pub(super) experiment: Experiment,
    pub(super) history: History,
    snapshots: Vec<Snapshot>,
    /// Epochs at which to take the snapshots that are still missing, the last one first.
    stops: Vec<usize>,
}

impl Course {
    /// No epoch yet.
    ///
    /// # Errors
    /// [`Error::Value`] if there is no such run, or not of it what is to be recorded.
    pub(super) fn start(experiment: &Experiment, settings: Settings) -> Result<Self> {
        experiment.validate()?;
        if settings.record.xi && !experiment.is_of_pairs() {
            let expected = "false with several positives, whose vectors are no pairs";
            return Err(Error::Value { key: "record.xi", value: "true".to_owned(), expected });
        }
        let mut stops = snapshot_epochs(experiment, settings.snapshots);
        stops.reverse();
        let experiment = experiment.clone();
        Ok(Self { experiment, history: History::default(), snapshots: Vec::new(), stops })
    }

    /// How many steps are made.
    pub(super) fn epochs_done(&self) -> usize {
        self.history.loss.len()
    }

    /// How many of `epochs` steps come before a snapshot or the end.
    pub(super) fn steps(&self, epochs: usize) -> usize {
        let until = self.stops.last().copied().unwrap_or(self.experiment.epochs);
        epochs.min(until.saturating_sub(self.epochs_done()))
    }

    /// Whether a snapshot is due.
    pub(super) fn is_at_stop(&self) -> bool {
        self.stops.last() == Some(&self.epochs_done())
    }

    /// Keeps the snapshot that is due.
    pub(super) fn take(&mut self, state: State) {
        self.stops.pop();
        self.snapshots.push(Snapshot { epoch: self.epochs_done(), state });
    }

    /// That nothing has diverged since `from` steps were made.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the first step that has.
    pub(super) fn check_finite(&self, from: usize) -> Result<()> {
        let Self { history, experiment, .. } = self;
        let columns = history.loss.iter().zip(&history.temperature).zip(&history.relative_bias);
        for (step, ((&loss, &temperature), &relative_bias)) in columns.enumerate().skip(from) {
            if ![loss, temperature, relative_bias].iter().all(|x| x.is_finite()) {
                let seed = experiment.seed;
                return Err(Error::NonFinite { loss, step, temperature, relative_bias, seed });
            }
        }
        Ok(())
    }

    /// The run that ends in `state`.
    pub(super) fn finish(self, state: State, engine: &'static str, seconds: f64) -> Result<Run> {
        Run::new(self.experiment, state, self.history, self.snapshots, engine, seconds)
    }
}

/// Epochs at which to keep the vectors: the first, the last, and evenly in log(epoch) between.
fn snapshot_epochs(experiment: &Experiment, count: usize) -> Vec<usize> {
    const MAX_NUMBERS: usize = 100_000;
    let of_pairs = experiment.modalities * experiment.pairs * experiment.dim;
    if count < 2 || of_pairs > MAX_NUMBERS || !experiment.is_of_pairs() {
        return Vec::new();
    }
    let last = experiment.epochs as f64;
    let mut epochs: Vec<usize> = (0..count - 2)
        .map(|k| last.powf(k as f64 / (count - 2).max(1) as f64).round() as usize)
        .chain([0, experiment.epochs])
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    epochs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_begin_at_the_start_and_end_at_the_end() {
        let epochs = snapshot_epochs(&Experiment { epochs: 10_000, ..Default::default() }, 64);
        assert_eq!((epochs[0], epochs[1], *epochs.last().unwrap()), (0, 1, 10_000));
        assert!(epochs.is_sorted() && epochs.len() <= 64);
        assert_eq!(snapshot_epochs(&Experiment { epochs: 9, ..Default::default() }, 2), [0, 9]);
        assert_eq!(snapshot_epochs(&Experiment { epochs: 1, ..Default::default() }, 64), [0, 1]);
    }
}
