//! Executing one notebook, with progress on standard error.

use std::{
    fs,
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{Counts, Failure, code_cells, judge, text};
use crate::{files, python::Python};

const SCRIPT: &str = include_str!("execute.py");

/// What to execute, and where.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The notebook.
    pub source: PathBuf,
    /// Where the executed copy goes, whether it succeeds or fails.
    pub executed: PathBuf,
    /// The metrics that it writes; those of an earlier execution are removed first.
    pub metrics: PathBuf,
    /// The kernel's working directory.
    pub folder: PathBuf,
    /// Longest time for one cell, in seconds.
    pub timeout: u64,
    /// Variables that the cells see.
    pub variables: Vec<(String, String)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The executed notebook.
    pub notebook: Value,
    /// How many checks it passed, or why it failed.
    pub verdict: Result<Counts, Failure>,
    /// How long it took, the kernel's start included.
    pub elapsed: Duration,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Cell { number: usize, of: usize },
    Failed { kind: String, number: usize, message: String },
}

/// Executes a notebook and judges it.
///
/// # Errors
/// If it could not be executed at all; that a cell failed is in the outcome's verdict.
pub fn execute(python: &Python, execution: &Execution) -> Result<Outcome> {
    let start = Instant::now();
    fs::create_dir_all(execution.executed.parent().context("no folder for the executed notebook")?)?;
    files::remove(&execution.metrics)?;
    let mut command = python.command();
    command.args(["-c", SCRIPT]).arg(&execution.source).arg(&execution.executed).arg(&execution.folder);
    command.arg(execution.timeout.to_string()).envs(execution.variables.iter().cloned());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("a pipe was asked for")?;
    let (sender, events) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(event) = serde_json::from_str::<Event>(&line) {
                let _ = sender.send(event);
            }
        }
    });
    let failed = follow(&execution.source, start, &events);
    let _ = reader.join();
    let status = child.wait()?;
    if !status.success() {
        bail!("{} could not be executed: its runner ended with {status}", execution.source.display());
    }
    let notebook: Value = serde_json::from_slice(&fs::read(&execution.executed)?)?;
    let verdict = verdict(&notebook, failed, judge(&notebook, &execution.metrics));
    Ok(Outcome { notebook, verdict, elapsed: start.elapsed() })
}

/// The outputs tell most; that the kernel died or took too long, only its runner knows.
fn verdict(
    notebook: &Value,
    failed: Option<Event>,
    judged: Result<Counts, Failure>,
) -> Result<Counts, Failure> {
    match failed {
        Some(Event::Failed { kind, number, message }) => {
            let earlier =
                judged.as_ref().err().and_then(|failure| failure.cell).is_some_and(|cell| cell < number);
            if earlier || (kind == "error" && judged.is_err()) {
                return judged;
            }
            let source = code_cells(notebook).nth(number.saturating_sub(1)).map(|cell| text(&cell["source"]));
            let source = source.unwrap_or_default().trim().lines().next().unwrap_or_default().to_owned();
            Err(Failure { cell: Some(number), source, message: explained(&kind, &message) })
        }
        _ => judged,
    }
}

fn explained(kind: &str, message: &str) -> String {
    match kind {
        "timeout" => format!("timeout: {message} (`--timeout` allows more)"),
        "dead" => format!("the kernel died: {message}"),
        _ => message.to_owned(),
    }
}

/// Shows the progress until the last event, and returns the failure if there was one.
fn follow(source: &Path, start: Instant, events: &mpsc::Receiver<Event>) -> Option<Event> {
    let name = source.file_stem().unwrap_or_default().to_string_lossy();
    let terminal = io::stderr().is_terminal();
    let show = |what: &str| {
        let seconds = start.elapsed().as_secs();
        let line = format!("{name}: {what}  {}:{:02}", seconds / 60, seconds % 60);
        if terminal {
            eprint!("\r\x1b[K{line}")
        } else {
            eprintln!("{line}")
        }
        let _ = io::stderr().flush();
    };
    let mut now = "starting the kernel".to_owned();
    let mut failed = None;
    show(&now);
    loop {
        match events.recv_timeout(Duration::from_secs(1)) {
            Ok(Event::Cell { number, of }) => {
                now = format!("cell {number} of {of}");
                show(&now);
            }
            Ok(event @ Event::Failed { .. }) => failed = failed.or(Some(event)),
            Err(RecvTimeoutError::Timeout) if terminal => show(&now),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    failed
}
