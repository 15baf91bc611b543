//! What a long run says while it goes on.

use std::time::{Duration, Instant};

use super::History;
use crate::Experiment;

/// Where a run stands.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Loss before the last step.
    pub loss: f64,
    /// Inverse temperature after it.
    pub temperature: f64,
    /// Relative bias after it.
    pub relative_bias: f64,
    /// Time since the start.
    pub elapsed: Duration,
}

impl Progress {
    /// The state of a run whose `history` has at least one entry.
    pub(super) fn of(experiment: &Experiment, history: &History, elapsed: Duration) -> Self {
        let last = |column: &[f64]| column.last().copied().unwrap_or(f64::NAN);
        Self {
            epoch: history.loss.len(),
            epochs: experiment.epochs,
            loss: last(&history.loss),
            temperature: last(&history.temperature),
            relative_bias: last(&history.relative_bias),
            elapsed,
        }
    }

    /// Estimated time to the end.
    pub fn left(&self) -> Duration {
        self.elapsed.mul_f64((self.epochs - self.epoch) as f64 / self.epoch.max(1) as f64)
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(
            f,
            "epoch {} of {}: loss {:.4e}, t {:.4}, b_rel {:.4}, {} s left",
            self.epoch,
            self.epochs,
            self.loss,
            self.temperature,
            self.relative_bias,
            self.left().as_secs()
        )
    }
}

/// Prints a line every few seconds, none for a short run. Set `SIGLIP_PROGRESS=off`
/// to print none at all, as headless reproduction does to keep outputs reproducible.
pub fn print_progress() -> impl FnMut(&Progress) {
    const EVERY: Duration = Duration::from_secs(3);
    let silent = std::env::var("SIGLIP_PROGRESS").is_ok_and(|value| value == "off");
    let mut last = Instant::now();
    move |progress| {
        if !silent && last.elapsed() >= EVERY {
            println!("{progress}"); // a whole line: a notebook shows no other
            last = Instant::now();
        }
    }
}
