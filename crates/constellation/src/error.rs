//! Everything that can go wrong, as values.

/// What cannot be run, read or written: names the offending value, what was expected, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A description is not valid JSON of the documented form.
    #[error("{key}: {reason}")]
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
    /// Vectors or labels do not have the shape or the values that were asked for.
    #[error("{what}: got {got}, expected {expected}")]
    Input {
        /// What was being read or computed.
        what: &'static str,
        /// What was given.
        got: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A run of a sweep failed.
    #[error("run {index} of the sweep, counted from 0: {source}")]
    InSweep {
        /// Its place in the sweep.
        index: usize,
        /// Why.
        source: Box<Error>,
    },
    /// An engine could not do its work.
    #[error("engine `{engine}`: {source}")]
    Engine {
        /// Its name.
        engine: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
}

impl Error {
    /// Whether a file could not be read or written, be it of a run of a sweep.
    pub fn is_of_a_file(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::InSweep { source, .. } => source.is_of_a_file(),
            _ => false,
        }
    }
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
