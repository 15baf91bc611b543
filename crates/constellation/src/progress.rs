//! What a long run says while it goes on.

use std::time::Duration;

use crate::experiment::Experiment;
use crate::history::History;
use crate::numbers::{duration, thousands};

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
    pub(crate) fn of(experiment: &Experiment, history: &History, elapsed: Duration) -> Self {
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
            "epoch {} of {}: loss {:.4e}, t {:.4}, b_rel {:.4}, {} left",
            thousands(self.epoch),
            thousands(self.epochs),
            self.loss,
            self.temperature,
            self.relative_bias,
            duration(self.left())
        )
    }
}

/// Prints a line now and then, at most some twenty in all and none for a short run. Set
/// `SIGLIP_PROGRESS=off` to print none at all, as headless reproduction does to keep
/// outputs reproducible.
pub fn print_progress() -> impl FnMut(&Progress) {
    let mut lines = Lines::new(NOTHING_KEPT);
    move |progress| lines.tell(progress, progress.elapsed, progress.left())
}

/// What an interruption leaves of work that is kept nowhere.
pub(crate) const NOTHING_KEPT: &str =
    "(Interrupting the kernel ends this and forgets all variables: then run the cells from the first one.)";

/// Lines of progress, each printed whole: a notebook shows no others.
pub(crate) struct Lines {
    silent: bool,
    /// When the next line is due.
    due: Duration,
    /// Said before the first line.
    notice: Option<&'static str>,
}

impl Lines {
    pub(crate) fn new(notice: &'static str) -> Self {
        let silent = std::env::var("SIGLIP_PROGRESS").is_ok_and(|value| value == "off");
        Self { silent, due: FIRST_LINE, notice: Some(notice) }
    }

    pub(crate) fn tell(&mut self, line: &dyn std::fmt::Display, elapsed: Duration, left: Duration) {
        if self.silent || elapsed < self.due || left.is_zero() {
            return;
        }
        if let Some(notice) = self.notice.take() {
            println!("{notice}");
        }
        println!("{line}");
        self.due = elapsed + FIRST_LINE.max((elapsed + left) / 20);
    }
}

const FIRST_LINE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_a_run_stands() {
        let progress = Progress {
            epoch: 250_000,
            epochs: 1_000_000,
            loss: 0.000_123_4,
            temperature: 51.5,
            relative_bias: 0.5,
            elapsed: Duration::from_secs(50),
        };
        let expected = "epoch 250,000 of 1,000,000: loss 1.2340e-4, t 51.5000, b_rel 0.5000, 2 min 30 s left";
        assert_eq!(progress.to_string(), expected);
    }

    #[test]
    fn lines_are_few() {
        let mut lines = Lines { silent: false, due: FIRST_LINE, notice: None };
        let mut told = 0;
        for second in 0..3600 {
            let before = lines.due;
            lines.tell(&"", Duration::from_secs(second), Duration::from_secs(3600 - second));
            told += usize::from(lines.due != before);
        }
        assert!((15..=25).contains(&told), "{told}");
    }
}
