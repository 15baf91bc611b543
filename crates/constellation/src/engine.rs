//! What an engine has to do for the training loop.

use ndarray::Array3;

use crate::error::Result;
use crate::history::{History, Record};

/// Computes training steps. The loop that drives it, [`crate::Training`], is the same for all.
pub trait Engine {
    /// Name in a run's summary.
    fn name(&self) -> &'static str;

    /// Makes `epochs` steps, appending an entry for each to every recorded column.
    ///
    /// # Errors
    /// [`crate::Error::Engine`] if a library that it builds on fails.
    fn advance(&mut self, epochs: usize, record: Record, history: &mut History) -> Result<()>;

    /// Vectors and parameters as they are now.
    ///
    /// # Errors
    /// As [`Engine::advance`].
    fn state(&self) -> Result<State>;
}

/// Computes training steps of several runs at once, which differ in their numbers and not in their shapes
/// ([`crate::train::form`]); none of them feels the others.
pub trait BatchEngine {
    /// Name in the runs' summaries.
    fn name(&self) -> &'static str;

    /// Makes `epochs` steps of every run, appending an entry for each to every recorded column of its
    /// history; `histories` are in the order of the runs.
    ///
    /// # Errors
    /// As [`Engine::advance`].
    fn advance_all(&mut self, epochs: usize, record: Record, histories: &mut [&mut History]) -> Result<()>;

    /// Vectors and parameters of one run as they are now.
    ///
    /// # Errors
    /// As [`Engine::advance`].
    fn state_of(&self, run: usize) -> Result<State>;
}

/// Vectors and parameters of a run at one moment.
#[derive(Debug, Clone)]
pub struct State {
    /// Unit vectors `[modalities, pairs, dim]`; with an adapter the extended ones,
    /// (delta U, sqrt(1 - delta^2)) and (delta V, -sqrt(1 - delta^2)), of `dim + 1`. With several
    /// positives the queries and then the documents: `[1, queries + documents, dim]`.
    pub embeddings: Array3<f32>,
    /// Inverse temperature t.
    pub temperature: f64,
    /// Bias as parametrised.
    pub bias: f64,
    /// The adapter's delta = sigmoid(x).
    pub delta: Option<f64>,
}
