//! Stretches of epochs between two looks at how a training goes.

use std::time::Instant;

use crate::error::Result;

/// How many epochs to make before progress is told again: so many that the loop costs nothing, and few
/// enough that it is seen.
pub(super) struct Chunk {
    epochs: usize,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { epochs: 1 }
    }
}

impl Chunk {
    /// Has so many epochs made by `advance`, which says how many they were.
    pub(super) fn timed(&mut self, advance: impl FnOnce(usize) -> Result<usize>) -> Result<()> {
        const SECONDS: f64 = 0.1;
        let began = Instant::now();
        let epochs = advance(self.epochs)?;
        let seconds = began.elapsed().as_secs_f64().max(1e-9);
        self.epochs = (epochs as f64 * SECONDS / seconds).clamp(1.0, 10_000.0) as usize;
        Ok(())
    }
}
