//! A program that trains what it is told to, and says how long it took.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

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
