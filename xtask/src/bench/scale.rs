//! A run with as many pairs as a large batch has, in which nothing of size N x N may be kept.

use std::{fmt::Write, thread};

use anyhow::{Context, Result};
use serde_json::json;

use super::contestant::{Contestant, engines_program};
use crate::{machine, process, project::Project, setup};

/// Measures steps of growing size, and returns the table.
///
/// # Errors
/// If the set-up or a step fails.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project)?;
    let program = engines_program(project)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut table = String::from("# Scale\n\n");
    writeln!(table, "{}.\n", machine::description(&python, &["torch"]))?;
    table.push_str(
        "Full-batch steps of the fused engine with d = 32 and two modalities. Memory is the peak of the \
         whole process, libtorch included.\n\n\
         | pairs | cores | seconds a step | ns an entry | peak memory |\n|---|---|---|---|---|\n",
    );
    for (pairs, threads, epochs) in
        [(2_000, 1, 40), (2_000, cores, 80), (20_000, cores, 2), (100_000, cores, 1)]
    {
        eprintln!("N = {pairs}");
        let run = [json!({"pairs": pairs, "dim": 32, "engine": "fused"})];
        // A process of its own, so that the peak is this size's.
        let mut contestant = Contestant::start("fused", process::command(&program).arg(threads.to_string()))?;
        let answer = contestant.train(&run, epochs)?;
        let seconds = answer.seconds / epochs as f64;
        let entry = seconds / (pairs as f64 * pairs as f64) * 1e9;
        let peak = answer.peak_bytes.context("the system does not tell a process's peak of memory")?;
        writeln!(table, "| {pairs} | {threads} | {seconds:.4} | {entry:.2} | {} MB |", peak / 1_000_000)?;
    }
    Ok(table)
}
