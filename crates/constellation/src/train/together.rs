//! Runs of equal shapes in one tensor program: a GPU is then busy with all of them, where each alone
//! would leave it idle.

use std::time::Instant;

use super::chunk::Chunk;
use super::course::Course;
use super::settings::{Batching, Settings};
use crate::engine::BatchEngine;
use crate::error::{Error, Result};
use crate::experiment::{Bias, Experiment, Temperature};
use crate::points::initial_vectors;
use crate::run::Run;

/// A description without the numbers in which runs of one tensor program may differ: where they start,
/// and how fast they go.
pub fn form(experiment: &Experiment) -> Experiment {
    Experiment {
        seed: 0,
        skip: 0,
        learning_rate: 1.0,
        temperature: Temperature { init: 1.0, ..experiment.temperature },
        bias: Bias { init: 0.0, ..experiment.bias },
        adapter: experiment.adapter.map(|_| 0.0),
        ..experiment.clone()
    }
}

/// Trains runs of one [`form`] in one tensor program. Each goes as it would alone: one that diverges
/// is an error in its own place, and the others go on. `tell` hears how many epochs are done of each. A
/// run's seconds are its share of those of all.
///
/// # Errors
/// [`Error::Value`] if a description cannot be run, [`Error::Engine`] if the engine fails: then there is
/// no run.
///
/// # Panics
/// If the runs are of several forms, or none.
pub fn train_together(
    experiments: &[Experiment],
    settings: Settings,
    batching: Batching,
    tell: &mut dyn FnMut(usize),
) -> Result<Vec<Result<Run>>> {
    let start = Instant::now();
    let mut together = Together::start(experiments, settings, batching)?;
    let mut chunk = Chunk::default();
    while !together.is_over() {
        chunk.timed(|epochs| together.advance(epochs, settings))?;
        tell(together.epochs_done());
    }
    together.finish(start.elapsed().as_secs_f64() / experiments.len() as f64)
}

/// Runs that are under way in one engine.
struct Together {
    courses: Vec<Course>,
    /// Why a run is not followed any more.
    failures: Vec<Option<Error>>,
    engine: Box<dyn BatchEngine>,
}

impl Together {
    fn start(experiments: &[Experiment], settings: Settings, batching: Batching) -> Result<Self> {
        let first = form(experiments.first().expect("there is a run"));
        assert!(experiments.iter().all(|run| form(run) == first), "runs of one form go together");
        let courses = experiments.iter().map(|experiment| Course::start(experiment, settings));
        let courses = courses.collect::<Result<_>>()?;
        let initial = experiments.iter().map(initial_vectors).collect();
        let engine = (batching.engines)(experiments, initial, settings.threads)?;
        let failures = experiments.iter().map(|_| None).collect();
        let mut together = Self { courses, failures, engine };
        together.take_snapshots()?;
        Ok(together)
    }

    fn epochs_done(&self) -> usize {
        self.courses[0].epochs_done()
    }

    fn is_over(&self) -> bool {
        self.epochs_done() >= self.courses[0].experiment.epochs || self.failures.iter().all(Option::is_some)
    }

    /// All stop where the first one does, since their epochs are the same.
    fn advance(&mut self, epochs: usize, settings: Settings) -> Result<usize> {
        let from = self.epochs_done();
        let steps = self.courses[0].steps(epochs);
        let mut histories: Vec<_> = self.courses.iter_mut().map(|course| &mut course.history).collect();
        self.engine.advance_all(steps, settings.record, &mut histories)?;
        for (course, failure) in self.courses.iter().zip(&mut self.failures) {
            if failure.is_none() {
                *failure = course.check_finite(from).err();
            }
        }
        self.take_snapshots()?;
        Ok(steps)
    }

    fn take_snapshots(&mut self) -> Result<()> {
        for (number, course) in self.courses.iter_mut().enumerate() {
            if course.is_at_stop() {
                course.take(self.engine.state_of(number)?);
            }
        }
        Ok(())
    }

    fn finish(self, seconds: f64) -> Result<Vec<Result<Run>>> {
        let mut runs = Vec::with_capacity(self.courses.len());
        for (number, (course, failure)) in self.courses.into_iter().zip(self.failures).enumerate() {
            runs.push(match failure {
                Some(error) => Err(error),
                None => course.finish(self.engine.state_of(number)?, self.engine.name(), seconds),
            });
        }
        Ok(runs)
    }
}
