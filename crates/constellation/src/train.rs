//! The one training loop.

use std::time::Instant;

use ndarray::Array3;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::experiment::{EngineChoice, Experiment};
use crate::fused::Fused;
use crate::history::{History, Record};
use crate::points::initial_vectors;
pub use crate::progress::{Progress, print_progress};
use crate::run::{Run, Snapshot};

/// How to run an experiment, as opposed to what it is.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What to record at every epoch beside loss, temperature and relative bias.
    pub record: Record,
    /// How many snapshots of the vectors to keep, spread evenly over log(epoch);
    /// none are kept of more than 100,000 numbers, or with several positives.
    pub snapshots: usize,
    /// Most threads that may work for this run; their number does not change its result.
    pub threads: usize,
    /// Who makes the engine that a description asks for.
    pub engines: Engines,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { record: Record::default(), snapshots: 64, threads, engines: fused_only }
    }
}

/// Makes the engine of a description from its initial vectors `[modalities, pairs, dim]`, for some threads.
pub type Engines = fn(&Experiment, Array3<f32>, usize) -> Result<Box<dyn Engine>>;

/// The engines of this crate: the fused one.
///
/// # Errors
/// [`Error::Value`] if the description asks for another.
pub fn fused_only(experiment: &Experiment, initial: Array3<f32>, threads: usize) -> Result<Box<dyn Engine>> {
    if experiment.engine == EngineChoice::Libtorch {
        return Err(Error::Value {
            key: "engine",
            value: "libtorch".to_owned(),
            expected: "`auto` or `fused`; the command `siglip` and the kernel with libtorch have both engines",
        });
    }
    Ok(Box::new(Fused::new(experiment, initial, threads)?))
}

/// A training that is under way: whoever holds it decides when it goes on, a loop as
/// [`Experiment::train`], or a page between two of its frames.
pub struct Training {
    experiment: Experiment,
    engine: Box<dyn Engine>,
    record: Record,
    history: History,
    snapshots: Vec<Snapshot>,
    /// Epochs at which to take the snapshots that are still missing, the last one first.
    stops: Vec<usize>,
}

impl Training {
    /// The initial vectors, and an engine that waits.
    ///
    /// # Errors
    /// [`Error::Value`] if the description cannot be run, [`Error::Engine`] if its engine cannot start.
    pub fn start(experiment: &Experiment, settings: Settings) -> Result<Self> {
        experiment.validate()?;
        if settings.record.xi && !experiment.is_of_pairs() {
            let expected = "false with several positives, whose vectors are no pairs";
            return Err(Error::Value { key: "record.xi", value: "true".to_owned(), expected });
        }
        let engine = (settings.engines)(experiment, initial_vectors(experiment), settings.threads)?;
        let mut stops = snapshot_epochs(experiment, settings.snapshots);
        stops.reverse();
        let mut training = Self {
            experiment: experiment.clone(),
            engine,
            record: settings.record,
            history: History::default(),
            snapshots: Vec::new(),
            stops,
        };
        training.take_snapshot()?;
        Ok(training)
    }

    /// Makes up to `epochs` steps, fewer before a snapshot or the end, and says how many.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the loss diverges, [`Error::Engine`] if the engine fails.
    pub fn advance(&mut self, epochs: usize) -> Result<usize> {
        let done = self.epochs_done();
        let until = self.stops.last().copied().unwrap_or(self.experiment.epochs);
        let steps = epochs.min(until.saturating_sub(done));
        self.engine.advance(steps, self.record, &mut self.history)?;
        stop_at_non_finite(&self.experiment, &self.history, done)?;
        self.take_snapshot()?;
        Ok(steps)
    }

    /// How many steps are made.
    pub fn epochs_done(&self) -> usize {
        self.history.loss.len()
    }

    /// An entry for each step so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Vectors and parameters as they are now, as a run that ends here and took `seconds`.
    ///
    /// # Errors
    /// [`Error::Engine`] if the engine fails.
    pub fn finish(self, seconds: f64) -> Result<Run> {
        let state = self.engine.state()?;
        Run::new(self.experiment, state, self.history, self.snapshots, self.engine.name(), seconds)
    }

    /// Vectors and parameters as they are now.
    ///
    /// # Errors
    /// [`Error::Engine`] if the engine fails.
    pub fn state(&self) -> Result<crate::engine::State> {
        self.engine.state()
    }

    fn take_snapshot(&mut self) -> Result<()> {
        let epoch = self.epochs_done();
        if self.stops.pop_if(|stop| *stop == epoch).is_some() {
            self.snapshots.push(Snapshot { epoch, state: self.engine.state()? });
        }
        Ok(())
    }
}

impl Experiment {
    /// Trains the experiment with the fused engine, printing progress when it takes long.
    ///
    /// # Errors
    /// [`Error::Value`] if the description cannot be run, [`Error::NonFinite`] if the
    /// loss diverges.
    pub fn train(&self) -> Result<Run> {
        self.train_with(Settings::default(), &mut print_progress())
    }

    /// Trains the experiment as `settings` say; `progress` is called about ten times a second.
    ///
    /// # Errors
    /// As [`Experiment::train`], and [`Error::Engine`].
    pub fn train_with(&self, settings: Settings, progress: &mut dyn FnMut(&Progress)) -> Result<Run> {
        let start = Instant::now();
        let mut training = Training::start(self, settings)?;
        let mut chunk = 1;
        while training.epochs_done() < self.epochs {
            let began = Instant::now();
            let steps = training.advance(chunk)?;
            progress(&Progress::of(self, training.history(), start.elapsed()));
            chunk = next_chunk(steps, began.elapsed().as_secs_f64());
        }
        training.finish(start.elapsed().as_secs_f64())
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
    let mut epochs: Vec<usize> = (0..count - 1)
        .map(|k| last.powf(k as f64 / (count - 2).max(1) as f64).round() as usize)
        .chain([0])
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    epochs
}

/// Long enough that the loop costs nothing, short enough that progress is seen.
fn next_chunk(epochs: usize, seconds: f64) -> usize {
    const SECONDS: f64 = 0.1;
    (epochs as f64 * SECONDS / seconds.max(1e-9)).clamp(1.0, 10_000.0) as usize
}

fn stop_at_non_finite(experiment: &Experiment, history: &History, from: usize) -> Result<()> {
    let columns = history.loss.iter().zip(&history.temperature).zip(&history.relative_bias);
    for (step, ((&loss, &temperature), &relative_bias)) in columns.enumerate().skip(from) {
        if ![loss, temperature, relative_bias].iter().all(|x| x.is_finite()) {
            let seed = experiment.seed;
            return Err(Error::NonFinite { loss, step, temperature, relative_bias, seed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Numerics, Temperature};

    #[test]
    fn snapshots_begin_at_the_start_and_end_at_the_end() {
        let epochs = snapshot_epochs(&Experiment { epochs: 10_000, ..Default::default() }, 64);
        assert_eq!((epochs[0], epochs[1], *epochs.last().unwrap()), (0, 1, 10_000));
        assert!(epochs.is_sorted() && epochs.len() <= 64);
        assert_eq!(snapshot_epochs(&Experiment { epochs: 1, ..Default::default() }, 64), [0, 1]);
    }

    #[test]
    fn a_training_by_hand_is_that_of_the_loop() {
        let experiment = Experiment { pairs: 9, dim: 3, epochs: 100, ..Default::default() };
        let looped = experiment.train().unwrap();
        let mut training = Training::start(&experiment, Settings::default()).unwrap();
        while training.epochs_done() < 100 {
            training.advance(7).unwrap();
        }
        assert_eq!(training.advance(7).unwrap(), 0);
        let run = training.finish(0.0).unwrap();
        assert_eq!((&run.history, run.embeddings()), (&looped.history, looped.embeddings()));
        let epochs = |run: &Run| run.snapshots.iter().map(|snapshot| snapshot.epoch).collect::<Vec<_>>();
        assert_eq!(epochs(&run), epochs(&looped));
    }

    #[test]
    fn what_there_is_of_pairs_alone_is_an_error_of_queries_and_documents() {
        let experiment = Experiment {
            pairs: 6,
            dim: 8,
            positives: 2,
            epochs: 200,
            numerics: Numerics::Exact,
            ..Default::default()
        };
        let settings = |record| Settings { record, ..Settings::default() };
        let message = experiment.train_with(settings(Record::XI), &mut |_| ()).unwrap_err().to_string();
        assert!(message.contains("record.xi"), "{message}");
        let run = experiment.train_with(settings(Record::MARGIN), &mut |_| ()).unwrap();
        assert_eq!(run.embeddings().dim(), (1, 15 + 6, 8));
        assert!(run.similarities().is_err() && run.snapshots.is_empty());
        #[cfg(feature = "separation")]
        assert!(run.separation().is_err());
        let retrieval = run.retrieval().unwrap();
        assert_eq!(retrieval.geometry, run.geometry());
        assert_eq!(retrieval.accuracy, 1.0);
        assert!(retrieval.row_margin >= run.margin() && run.best_margin(50) >= run.margin());
    }

    #[test]
    fn a_diverging_run_says_where() {
        let experiment = Experiment {
            temperature: Temperature::fixed(3e38),
            numerics: Numerics::Exact,
            ..Default::default()
        };
        let message = experiment.train().unwrap_err().to_string();
        assert!(message.contains("at step 0") && message.contains("seed 50"), "{message}");
    }

    #[test]
    fn an_engine_that_is_not_here_is_named() {
        let experiment = Experiment { engine: EngineChoice::Libtorch, ..Default::default() };
        let message = experiment.train().unwrap_err().to_string();
        assert!(message.contains("`engine` is libtorch") && message.contains("`fused`"), "{message}");
    }
}
