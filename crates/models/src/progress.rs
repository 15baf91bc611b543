//! How far a run is, and how long the rest will take.

use std::time::{Duration, Instant};

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbedProgress {
    /// What is being embedded: `texts` or `images`.
    pub stage: &'static str,
    /// How many are done.
    pub done: usize,
    /// How many of them an earlier run had finished.
    pub resumed: usize,
    /// How many there are.
    pub total: usize,
    /// Since the stage began.
    pub elapsed: Duration,
}

impl EmbedProgress {
    /// Texts or images each second; none before the first batch.
    pub fn rate(&self) -> Option<f64> {
        let computed = self.done - self.resumed;
        (computed > 0).then(|| computed as f64 / self.elapsed.as_secs_f64())
    }

    /// Time that the rest of the stage will take.
    pub fn left(&self) -> Option<Duration> {
        self.rate().map(|rate| Duration::from_secs_f64((self.total - self.done) as f64 / rate))
    }
}

impl std::fmt::Display for EmbedProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} of {}", self.stage, self.done, self.total)?;
        if let (Some(rate), Some(left)) = (self.rate(), self.left()) {
            let left = left.as_secs();
            write!(f, ", {rate:.1}/s, {}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60)?;
        }
        Ok(())
    }
}

/// Counts what is done in a stage.
pub(crate) struct Clock {
    begun: Instant,
    progress: EmbedProgress,
}

impl Clock {
    pub(crate) fn start(stage: &'static str, total: usize) -> Self {
        let progress = EmbedProgress { stage, done: 0, resumed: 0, total, elapsed: Duration::ZERO };
        Self { begun: Instant::now(), progress }
    }

    pub(crate) fn computed(&mut self, count: usize) {
        self.progress.done += count;
    }

    pub(crate) fn resumed(&mut self, count: usize) {
        self.progress.done += count;
        self.progress.resumed += count;
    }

    pub(crate) fn now(&self) -> EmbedProgress {
        EmbedProgress { elapsed: self.begun.elapsed(), ..self.progress }
    }
}
