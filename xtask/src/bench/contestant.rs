//! A program that trains what it is told to, and says how long it took.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{process, project::Project};

/// A running contestant; it ends when this is dropped.
pub(super) struct Contestant {
    pub(super) name: &'static str,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What a contestant answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    /// From initial vectors to final ones, all runs.
    pub(super) seconds: f64,
    /// Loss of every epoch of the first run.
    pub(super) losses: Vec<f64>,
    /// The most memory that the program has had so far, if it and the system tell.
    pub(super) peak_bytes: Option<u64>,
}

impl Contestant {
    pub(super) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
        Ok(Self { name, child, requests, answers })
    }

    /// Has it train these runs, for so many epochs each.
    pub(super) fn train(&mut self, runs: &[Value], epochs: usize) -> Result<Answer> {
        let mut runs = runs.to_vec();
        runs.iter_mut().for_each(|run| run["epochs"] = epochs.into());
        let failed = || format!("{} failed", self.name);
        let requests = self.requests.as_mut().context("it takes requests until it is dropped")?;
        writeln!(requests, "{}", Value::from(runs)).with_context(failed)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).with_context(failed)?;
        let answer: Answer = serde_json::from_str(&line).with_context(failed)?;
        ensure!(answer.losses.len() == epochs, "{} trained {} epochs", self.name, answer.losses.len());
        Ok(answer)
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        self.requests = None; // ends its standard input, and so the program
        let _ = self.child.wait();
    }
}

/// Builds `crate/benches/engines.rs` and returns the program.
pub(super) fn engines_program(project: &Project) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.current_dir(project.root());
    cargo.args(["bench", "--package", "siglip_core", "--bench", "engines", "--no-run"]);
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let messages = process::output(&mut cargo)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "engines")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no program `engines`")
}
