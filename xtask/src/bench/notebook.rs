//! The fused engine in a notebook's cell, which evcxr compiles with debug assertions and overflow
//! checks, against the same in a program; and how long a kernel takes to its first finished cell.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::contestant::{Contestant, engines_program};
use crate::{
    files,
    kernel::{Kernel, spec},
    machine,
    notebook::{self, Execution},
    process,
    project::Project,
    python::{PyTorch, Python},
    reproduce, setup,
};

const EPOCHS: usize = 20_000;
const ROUNDS: usize = 5;
const STARTS: usize = 3;
/// One for each kernel.
const NOTEBOOKS: [&str; 2] = ["BasicExperiment", "ImageNetEmbedding"];

/// Measures both, and returns the table.
///
/// # Errors
/// If the set-up fails, or the notebook does not run.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::everything(project, PyTorch::for_this_machine())?;
    let folder = project.target().join("bench");
    let source = folder.join("cell.ipynb");
    files::write(&source, serde_json::to_vec(&notebook_of(project))?)?;
    let execution = Execution {
        source,
        executed: folder.join("executed.ipynb"),
        metrics: folder.join("cell.json"),
        folder: folder.clone(),
        timeout: 600,
        variables: vec![("SIGLIP_PROGRESS".to_owned(), "off".to_owned())],
    };
    let outcome = notebook::execute(&python, &execution)?;
    let cell = notebook::printed(&outcome.notebook)
        .lines()
        .filter_map(|line| line.strip_prefix("seconds ")?.parse().ok())
        .min_by(f64::total_cmp)
        .context("the cell printed no time")?;

    let program = engines_program(project)?;
    let mut contestant = Contestant::start("fused", process::command(&program).arg("1"))?;
    let mut native = f64::INFINITY;
    for _ in 0..ROUNDS {
        let run = [json!({"pairs": 100, "dim": 10, "engine": "fused"})];
        native = native.min(contestant.train(&run, EPOCHS)?.seconds);
    }
    let mut table = String::from("# In a notebook\n\n");
    writeln!(table, "{}.\n", machine::description(&python, &["torch"]))?;
    let [cell_us, native_us] = [cell, native].map(|seconds| seconds / EPOCHS as f64 * 1e6);
    writeln!(table, "N = 100, d = 10, one thread, best of {ROUNDS}, microseconds an epoch.\n")?;
    writeln!(table, "| program | notebook's cell | ratio |\n|---|---|---|")?;
    writeln!(table, "| {native_us:.2} | {cell_us:.2} | {:.2} |", cell / native)?;
    writeln!(table, "\nSeconds from a kernel's start to its first finished cell, median of {STARTS}.\n")?;
    writeln!(table, "| notebook | one kernel | the slower of two at once |\n|---|---|---|")?;
    for name in NOTEBOOKS {
        let [one, two] = [first_cell(project, &python, name, 1)?, first_cell(project, &python, name, 2)?];
        writeln!(table, "| {name} | {one:.1} | {two:.1} |")?;
    }
    Ok(table)
}

/// Seconds until all of `count` kernels that start at once have finished the first cell of a notebook.
fn first_cell(project: &Project, python: &Python, name: &str, count: usize) -> Result<f64> {
    let mut seconds = Vec::new();
    for round in 1..=STARTS {
        eprintln!("{name}: start {round} of {STARTS} of {count}");
        let mut command = python.command();
        command
            .args(["-c", include_str!("kernel_start.py")])
            .arg(reproduce::file(&project.notebooks(), name))
            .arg(count.to_string());
        let printed = process::output(&mut command)?;
        // The kernel has lines of its own.
        let each = printed.lines().filter_map(|line| line.strip_prefix("seconds ")?.parse().ok());
        seconds.push(each.fold(0.0, f64::max));
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[STARTS / 2])
}

fn notebook_of(project: &Project) -> Value {
    let code = |source: String| json!({"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": source});
    let head =
        format!(":dep {}\nuse siglip_core::prelude::*;", Kernel::Synthetic.dependency(&project.library()));
    let cell = format!(
        "for _ in 0..{ROUNDS} {{\n    \
            let experiment = Experiment {{ pairs: 100, dim: 10, epochs: {EPOCHS}, ..Default::default() }};\n    \
            let settings = Settings {{ threads: 1, snapshots: 0, ..Default::default() }};\n    \
            let run = experiment.train_with(settings, &mut |_| ())?;\n    \
            println!(\"seconds {{}}\", run.summary().seconds);\n\
         }}"
    );
    json!({
        "cells": [code(head), code(cell)],
        "metadata": {"kernelspec": spec::metadata(Kernel::Synthetic)},
        "nbformat": 4, "nbformat_minor": 4,
    })
}
