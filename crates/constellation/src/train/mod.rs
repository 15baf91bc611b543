//! The one training loop.

mod chunk;
mod course;
mod settings;
mod together;

use std::time::Instant;

use self::chunk::Chunk;
use self::course::Course;
pub use self::settings::{BatchEngines, Batching, Engines, Settings, fused_only};
pub use self::together::{form, train_together};
use crate::engine::Engine;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::history::{History, Record};
use crate::points::initial_vectors;
pub use crate::progress::{Progress, print_progress};
use crate::run::Run;

/// A training that is under way: whoever holds it decides when it goes on, a loop as
/// [`Experiment::train`], or a page between two of its frames.
pub struct Training {
    course: Course,
    engine: Box<dyn Engine>,
    record: Record,
}

impl Training {
    /// The initial vectors, and an engine that waits.
    ///
    /// # Errors
    /// [`crate::Error::Value`] if the description cannot be run, [`crate::Error::Engine`] if its engine cannot
    /// start.
    pub fn start(experiment: &Experiment, settings: Settings) -> Result<Self> {
        let course = Course::start(experiment, settings)?;
        let engine = (settings.engines)(experiment, initial_vectors(experiment), settings.threads)?;
        let mut training = Self { course, engine, record: settings.record };
        training.take_snapshot()?;
        Ok(training)
    }

    /// Makes up to `epochs` steps, fewer before a snapshot or the end, and says how many.
    ///
    /// # Errors
    /// [`crate::Error::NonFinite`] if the loss diverges, [`crate::Error::Engine`] if the engine fails.
    pub fn advance(&mut self, epochs: usize) -> Result<usize> {
        let done = self.epochs_done();
        let steps = self.course.steps(epochs);
        self.engine.advance(steps, self.record, &mut self.course.history)?;
        self.course.check_finite(done)?;
        self.take_snapshot()?;
        Ok(steps)
    }

    /// How many steps are made.
    pub fn epochs_done(&self) -> usize {
        self.course.epochs_done()
    }

    /// An entry for each step so far.
    pub fn history(&self) -> &History {
        &self.course.history
    }

    /// Vectors and parameters as they are now, as a run that ends here and took `seconds`.
    ///
    /// # Errors
    /// [`crate::Error::Engine`] if the engine fails.
    pub fn finish(self, seconds: f64) -> Result<Run> {
        let state = self.engine.state()?;
        self.course.finish(state, self.engine.name(), seconds)
    }

    /// Vectors and parameters as they are now.
    ///
    /// # Errors
    /// [`crate::Error::Engine`] if the engine fails.
    pub fn state(&self) -> Result<crate::engine::State> {
        self.engine.state()
    }

    fn take_snapshot(&mut self) -> Result<()> {
        if self.course.is_at_stop() {
            self.course.take(self.engine.state()?);
        }
        Ok(())
    }
}

impl Experiment {
    /// Trains the experiment with the fused engine, printing progress when it takes long.
    ///
    /// # Errors
    /// [`crate::Error::Value`] if the description cannot be run, [`crate::Error::NonFinite`] if the
    /// loss diverges.
    pub fn train(&self) -> Result<Run> {
        self.train_with(Settings::default(), &mut print_progress())
    }

    /// Trains the experiment as `settings` say; `progress` is called about ten times a second.
    ///
    /// # Errors
    /// As [`Experiment::train`], and [`crate::Error::Engine`].
    pub fn train_with(&self, settings: Settings, progress: &mut dyn FnMut(&Progress)) -> Result<Run> {
        let start = Instant::now();
        let mut training = Training::start(self, settings)?;
        let mut chunk = Chunk::default();
        while training.epochs_done() < self.epochs {
            chunk.timed(|epochs| training.advance(epochs))?;
            progress(&Progress::of(self, training.history(), start.elapsed()));
        }
        training.finish(start.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineChoice, Numerics, Temperature};

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
