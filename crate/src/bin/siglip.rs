//! `siglip`: the crate's work without a notebook. Results go to standard output as
//! JSON, progress to standard error.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::json;
use siglip_core::train::{self, Sweep};
use siglip_core::{Experiment, Settings};

#[derive(Parser)]
#[command(version, about = "Experiments on the global minimizers of the sigmoid contrastive loss")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train one synthetic experiment and print its summary.
    Train {
        /// The run's description (JSON); `-` reads standard input.
        description: PathBuf,
        /// Where to write embeddings and history (npz).
        #[arg(long)]
        out: Option<PathBuf>,
        /// Replace a key of the description, such as `temperature.init=5`.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Where to compute.
        #[arg(long, value_enum, default_value_t)]
        device: Device,
    },
    /// Train the runs of a sweep side by side, and print the summary of each.
    Sweep {
        /// The sweep (JSON, see `siglip_core::train::sweep`); `-` reads standard input.
        description: PathBuf,
        /// Folder for the runs; those that are there already are not trained again.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Device {
    #[default]
    Cpu,
    Cuda,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Train { description, out, set, device } => {
            let json = read(&description).with_context(|| description.display().to_string())?;
            let experiment = Experiment::from_json(&json)?.with(&set)?;
            let device = match device {
                Device::Cpu => train::Device::Cpu,
                Device::Cuda => train::Device::Cuda,
            };
            let settings = Settings { device, snapshots: 0, ..Settings::default() };
            let run = experiment.train_with(settings, &mut progress_on_stderr())?;
            if let Some(path) = out {
                run.save(&path)?;
            }
            print_json(&run.summary())
        }
        Command::Sweep { description, out } => {
            let json = read(&description).with_context(|| description.display().to_string())?;
            let runs = Sweep::from_json(&json)?.train_into(&out, &mut sweep_progress_on_stderr())?;
            runs.iter().try_for_each(|run| {
                print_json(&json!({"experiment": run.experiment, "summary": run.summary()}))
            })
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

fn sweep_progress_on_stderr() -> impl FnMut(&train::sweep::SweepProgress) {
    let mut last = Instant::now();
    move |progress| {
        if last.elapsed() > Duration::from_secs(1) {
            eprintln!("{progress}");
            last = Instant::now();
        }
    }
}

fn progress_on_stderr() -> impl FnMut(&train::Progress) {
    let mut last = Instant::now();
    move |progress| {
        if last.elapsed() > Duration::from_secs(1) {
            eprintln!("{progress}");
            last = Instant::now();
        }
    }
}
