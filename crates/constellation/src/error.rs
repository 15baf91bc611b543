//! Everything that can go wrong, as values.

use std::path::PathBuf;

/// The crate's error: names the offending value, what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A run's description is not valid JSON of the documented form.
    #[error("run description: {key}: {reason}")]
    Description {
        /// Dotted path of the offending key, such as `temperature.init`.
        key: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A key of a run's description has an impossible value.
    #[error("run description: `{key}` is {value}, expected {expected}")]
    Value {
        /// Dotted path of the offending key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// Training diverged.
    #[error(
        "the loss is {loss} at step {step} (t = {temperature}, b_rel = {relative_bias}, seed {seed}): \
         lower the learning rate or the initial temperature"
    )]
    NonFinite {
        /// The loss that is not a number.
        loss: f64,
        /// Step, from 0, at which it was first seen.
        step: usize,
        /// Inverse temperature after that step.
        temperature: f64,
        /// Relative bias after that step.
        relative_bias: f64,
        /// Seed of the run.
        seed: u64,
    },
    /// Vectors, labels or values do not have the shape that was asked for.
    #[error("{what}: got {got}, expected {expected}")]
    Shape {
        /// What was being read or computed.
        what: &'static str,
        /// What was given.
        got: String,
        /// What would have been accepted.
        expected: String,
    },
    /// The device that was asked for is not there.
    #[error("device `{0}` is not available: this libtorch sees no CUDA device; leave the device at `cpu`")]
    Device(String),
    /// A figure cannot be drawn from these values.
    #[error("figure: {0}")]
    Figure(String),
    /// A published number was missed.
    #[error("{0}")]
    Check(String),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A run of a sweep failed.
    #[error("run {index} of the sweep, counted from 0: {source}")]
    InSweep {
        /// Its place in the sweep.
        index: usize,
        /// Why.
        source: Box<Error>,
    },
    /// A checkpoint, a data set or a file of embeddings cannot be used.
    #[error(transparent)]
    Pretrained(#[from] crate::pretrained::Error),
    /// Worker threads could not be started.
    #[error("worker threads: {0}; ask for fewer")]
    Threads(rayon::ThreadPoolBuildError),
    /// libtorch reported an error.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl Error {
    /// An error about `path`.
    pub(crate) fn file(
        path: impl Into<PathBuf>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::File { path: path.into(), source: source.into() }
    }
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
