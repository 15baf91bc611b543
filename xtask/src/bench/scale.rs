//! Runs with as many pairs as a large batch has, in which nothing of size N x N may be kept, against
//! PyTorch, which keeps it; and small runs in one tensor program against one at a time.

use std::{fmt::Write, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::contestant::{Answer, Contestant, engines_program};
use crate::{
    machine, process,
    project::Project,
    python::{PyTorch, Python},
    setup,
};

/// Where this suite computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Device {
    /// The processor
    #[default]
    Cpu,
    /// The first CUDA device
    Cuda,
}

/// Measures what the device is for, and returns the tables; on the processor also the geometry of `pairs`
/// pairs.
///
/// # Errors
/// If the set-up or a step fails.
pub(super) fn table(project: &Project, device: Device, pairs: usize) -> Result<String> {
    let bench = Bench::new(project, device)?;
    let mut table = String::from("# Scale\n\n");
    writeln!(table, "{}.", machine::description(&bench.python, &["torch"]))?;
    match device {
        Device::Cpu => {
            bench.fused(&mut table)?;
            bench.steps(&mut table, &[8_000, 20_000])?;
            bench.geometry(project, &mut table, pairs)?;
            table
                .push_str("\nN = 100,000 and a GPU were not run: `cargo xtask bench scale --device cuda`.\n");
        }
        Device::Cuda => {
            bench.steps(&mut table, &[20_000, 100_000])?;
            table.push_str("\nThe fused engine, which is the processor's, was not run.\n");
        }
    }
    bench.together(&mut table)?;
    Ok(table)
}

/// What a process took.
#[derive(serde::Deserialize)]
struct Cost {
    /// Of processor time.
    seconds: f64,
    peak_bytes: u64,
}

struct Bench {
    python: Python,
    program: PathBuf,
    peer: PathBuf,
    device: &'static str,
    cores: usize,
}

impl Bench {
    fn new(project: &Project, device: Device) -> Result<Self> {
        let device = match device {
            Device::Cpu => "cpu",
            Device::Cuda => "cuda",
        };
        Ok(Self {
            python: setup::engine(project, PyTorch::Whole)?,
            program: engines_program(project)?,
            peer: project.library().join("benches/peers/pytorch.py"),
            device,
            cores: thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// Our engines, on so many threads.
    fn ours(&self, threads: usize, how: &str) -> Command {
        let mut command = process::command(&self.program);
        // Progress would be taken for an answer.
        command.args([&threads.to_string(), self.device, how]).env("SIGLIP_PROGRESS", "off");
        command
    }

    fn pytorch(&self, mode: &str) -> Command {
        let mut command = self.python.command();
        command.arg(&self.peer).args([mode, &self.cores.to_string(), self.device]);
        command
    }

    /// Steps of growing size of the fused engine.
    fn fused(&self, table: &mut String) -> Result<()> {
        table.push_str(
            "\nFull-batch steps of the fused engine with d = 32 and two modalities. Memory is the peak of the \
             whole process, libtorch included.\n\n\
             | pairs | cores | seconds a step | ns an entry | peak memory |\n|---|---|---|---|---|\n",
        );
        let cores = self.cores;
        for (pairs, threads, epochs) in
            [(2_000, 1, 40), (2_000, cores, 80), (20_000, cores, 2), (100_000, cores, 1)]
        {
            eprintln!("fused, N = {pairs}");
            let answer = alone("fused", &mut self.ours(threads, "alone"), &step_of(pairs, "fused"), epochs)?;
            let seconds = answer.seconds / epochs as f64;
            let entry = seconds / (pairs as f64 * pairs as f64) * 1e9;
            let peak = peak(&answer)?;
            writeln!(table, "| {pairs} | {threads} | {seconds:.4} | {entry:.2} | {peak} |")?;
        }
        Ok(())
    }

    /// A step of libtorch's engine, in blocks and with all similarities stored, against PyTorch's.
    fn steps(&self, table: &mut String, sizes: &[usize]) -> Result<()> {
        const EPOCHS: usize = 3;
        writeln!(
            table,
            "\nThe same steps of libtorch's engine and of PyTorch on `{}`, all cores, each a process of its own. \
             Memory is the process's on the processor.\n\n\
             | pairs | | seconds a step | to ours in blocks | peak memory |\n|---|---|---|---|---|",
            self.device
        )?;
        for &pairs in sizes {
            let run = step_of(pairs, "libtorch");
            let contestants = [
                ("in blocks", self.ours(self.cores, "alone")),
                ("all similarities stored", self.ours(self.cores, "dense")),
                ("torch.compile", self.pytorch("compile")),
                ("PyTorch eager", self.pytorch("eager")),
            ];
            let mut ours = None;
            for (name, mut command) in contestants {
                eprintln!("{name}, N = {pairs}");
                match alone(name, &mut command, &run, EPOCHS) {
                    Ok(answer) => {
                        let seconds = answer.seconds / EPOCHS as f64;
                        let ratio = seconds / *ours.get_or_insert(seconds);
                        let peak = peak(&answer)?;
                        writeln!(table, "| {pairs} | {name} | {seconds:.3} | {ratio:.2} | {peak} |")?;
                    }
                    // Where memory is too short for N x N, that is the result.
                    Err(error) if ours.is_some() => {
                        eprintln!("{error:#}");
                        writeln!(table, "| {pairs} | {name} | failed | | |")?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// The similarities of all images with all texts, by shards.
    fn geometry(&self, project: &Project, table: &mut String, pairs: usize) -> Result<()> {
        const DIM: usize = 32;
        /// What one task does, in rows, as far as it comes out even.
        const ROWS: usize = 62_500;
        let mut cargo = process::cargo();
        cargo.current_dir(project.root()).args(["build", "--release", "--package", "siglip"]);
        process::run(&mut cargo)?;
        let shards = pairs.div_ceil(ROWS);
        eprintln!("geometry, {pairs} x {pairs} in {shards} shards");
        let mut command = self.python.command();
        command.arg(project.library().join("benches/geometry.py"));
        command.arg(project.target().join("release/siglip")).arg(project.target().join("bench/geometry"));
        command.args([pairs, DIM, shards].map(|number| number.to_string())).env("SIGLIP_PROGRESS", "off");
        let answers = process::output(&mut command)?;
        let costs: Vec<Cost> = answers.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let (merge, counting) = costs.split_last().context("geometry.py says nothing")?;
        let seconds = counting.iter().map(|cost| cost.seconds).sum::<f64>();
        let longest = counting.iter().map(|cost| cost.seconds).fold(0.0, f64::max);
        let peak = counting.iter().map(|cost| cost.peak_bytes).max().unwrap_or_default() / 1_000_000;
        writeln!(
            table,
            "\nThe geometry of random pairs, every image with every text, d = {DIM} (`siglip geometry \
             --similarities --shard K/{shards}`, then `siglip merge`): seconds of one core, and peaks of a \
             process. The mean was checked against NumPy's.\n\n\
             | pairs | shards | all shards | the longest | ns a similarity | peak memory | merge | its peak |\n\
             |---|---|---|---|---|---|---|---|\n\
             | {pairs} | {shards} | {seconds:.1} | {longest:.1} | {:.2} | {peak} MB | {:.1} | {} MB |",
            seconds / (pairs as f64).powi(2) * 1e9,
            merge.seconds,
            merge.peak_bytes / 1_000_000
        )?;
        Ok(())
    }

    /// Small runs in one tensor program against one at a time, in turns.
    fn together(&self, table: &mut String) -> Result<()> {
        const RUNS: usize = 64;
        const EPOCHS: usize = 500;
        const ROUNDS: usize = 3;
        let run = |seed: usize| json!({"pairs": 20, "dim": 3, "engine": "libtorch", "seed": seed});
        let runs: Vec<Value> = (1..=RUNS).map(run).collect();
        let mut contestants = Vec::new();
        for how in ["alone", "together"] {
            contestants.push((Contestant::start(how, &mut self.ours(1, how))?, f64::INFINITY));
        }
        for _ in 0..ROUNDS {
            for (contestant, best) in &mut contestants {
                *best = best.min(contestant.train(&runs, EPOCHS)?.seconds);
            }
        }
        let [alone, together] = [0, 1].map(|which: usize| contestants[which].1 / EPOCHS as f64 * 1e6);
        writeln!(
            table,
            "\n{RUNS} runs of N = 20, d = 3 with libtorch's engine on `{}`, one thread, best of {ROUNDS}: \
             microseconds an epoch of all.\n\n\
             | one at a time | together | ratio |\n|---|---|---|\n\
             | {alone:.0} | {together:.0} | {:.1} |",
            self.device,
            alone / together
        )?;
        Ok(())
    }
}

fn step_of(pairs: usize, engine: &str) -> Value {
    let description = json!({"pairs": pairs, "dim": 32, "modalities": 2, "seed": 50, "learning_rate": 0.01});
    let mut run = description;
    run["temperature"] = json!({"init": 10.0, "trainable": true});
    run["bias"] = json!({"kind": "relative", "init": 0.0, "trainable": false});
    run["engine"] = engine.into();
    run
}

/// What a process of its own answers, so that the peak of memory is that of this run.
fn alone(name: &'static str, command: &mut Command, run: &Value, epochs: usize) -> Result<Answer> {
    Contestant::start(name, command)?.train(std::slice::from_ref(run), epochs)
}

fn peak(answer: &Answer) -> Result<String> {
    let peak = answer.peak_bytes.context("the system does not tell a process's peak of memory")?;
    Ok(format!("{} MB", peak / 1_000_000))
}
