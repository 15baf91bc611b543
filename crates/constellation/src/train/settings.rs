//! How to train, as opposed to what.

use std::num::NonZeroUsize;

use ndarray::Array3;

use crate::engine::{BatchEngine, Engine};
use crate::error::{Error, Result};
use crate::experiment::{EngineChoice, Experiment};
use crate::fused::Fused;
use crate::history::Record;

/// How to run an experiment, as opposed to what it is.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What to record at every epoch beside loss, temperature and relative bias.
    pub record: Record,
    /// How many snapshots of the vectors to keep, spread evenly over log(epoch);
    /// none are kept of more than 100,000 numbers, or with several positives.
    pub snapshots: usize,
    /// Most threads that may work for this run. Their number does not change the result of the fused engine;
    /// of libtorch's it moves the last bits from N = 500 on, so in a sweep each of its runs has one.
    pub threads: usize,
    /// Who makes the engine that a description asks for.
    pub engines: Engines,
    /// Who trains several runs of a sweep in one tensor program; if none, each is trained by itself.
    pub batching: Option<Batching>,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { record: Record::default(), snapshots: 64, threads, engines: fused_only, batching: None }
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

/// Who trains several runs at once, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// How many runs such as this one may go together; 1 if it has to be alone.
    pub most: fn(&Experiment) -> usize,
    /// A number in place of that, where runs may go together at all.
    pub limit: Option<NonZeroUsize>,
    /// Makes the engine of runs of one [`super::form`] from their initial vectors, `[modalities, pairs, dim]`
    /// each, for some threads.
    pub engines: BatchEngines,
}

/// See [`Batching::engines`].
pub type BatchEngines = fn(&[Experiment], Vec<Array3<f32>>, usize) -> Result<Box<dyn BatchEngine>>;

impl Batching {
    /// How many runs such as this one go together.
    pub fn runs(&self, experiment: &Experiment) -> usize {
        let most = (self.most)(experiment).max(1);
        if most == 1 { 1 } else { self.limit.map_or(most, usize::from) }
    }
}
