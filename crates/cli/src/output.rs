//! What the command says, and what becomes of it when nobody listens: a closed pipe ends it quietly,
//! a full device is an error, and progress that cannot be shown is no reason to stop.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Context;

/// Prints a result on standard output.
///
/// # Errors
/// If it cannot be written; [`is_closed`] tells a closed pipe from other reasons.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("standard output")
}

/// Whether it is standard output that somebody has closed.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Shows a line on standard error, if somebody sees it.
pub(crate) fn show(line: &dyn Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Progress on standard error, once a second.
pub(crate) struct Progress {
    last: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { last: Instant::now() }
    }

    pub(crate) fn show(&mut self, progress: &dyn Display) {
        if self.last.elapsed() > Duration::from_secs(1) {
            show(progress);
            self.last = Instant::now();
        }
    }
}
