//! What an engine has to do for the training loop.

use ndarray::Array3;

use super::{History, Record};
use crate::Result;

/// Computes training steps. The loop that drives it, in [`super::train`], is the
/// same for all.
pub(crate) trait Engine {
    /// Name in a run's summary.
    fn name(&self) -> &'static str;

    /// Makes `epochs` steps, appending an entry for each to every recorded column.
    fn advance(&mut self, epochs: usize, record: Record, history: &mut History) -> Result<()>;

    /// Vectors and parameters as they are now.
    fn state(&self) -> Result<State>;
}

/// Vectors and parameters of a run at one moment.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// Unit vectors `[modalities, pairs, dim]`; with an adapter the extended ones, `dim + 1`.
    pub(crate) embeddings: Array3<f32>,
    /// Inverse temperature t.
    pub(crate) temperature: f64,
    /// Bias as parametrised.
    pub(crate) bias: f64,
    /// The adapter's delta = sigmoid(x).
    pub(crate) delta: Option<f64>,
}
