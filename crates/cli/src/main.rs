//! `siglip`: the work of the crates without a notebook. Results go to standard output as
//! JSON, progress to standard error.

mod embed;
mod geometry;
mod output;
mod parts;
mod submit;
mod sweep;

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use constellation::sweep::Keep;
use constellation::train::Batching;
use constellation::{Experiment, Settings};
use models::{Dtype, EmbedOptions};
use shard::Shard;
use siglip_core::{Device, settings_on};
use towers::TowersConfig;

use crate::output::Progress;

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
        device: On,
    },
    /// Train the runs of a sweep side by side, and print the summary of each.
    Sweep {
        /// The sweep (JSON, see `constellation::sweep`); `-` reads standard input.
        description: PathBuf,
        /// Folder for the runs; those that are there already are not trained again.
        #[arg(long)]
        out: PathBuf,
        /// What to keep of each run: two files with vectors and history, or its final numbers alone.
        #[arg(long, value_enum, default_value_t)]
        keep: What,
        /// Train only the K-th of N shares, from 0, or in a Slurm array that of this task (`slurm`).
        #[arg(long, value_name = "K/N|slurm", default_value_t)]
        shard: Shard,
        /// Most threads to train with; otherwise, as many as this process may use.
        #[arg(long)]
        threads: Option<NonZeroUsize>,
        /// Where to compute.
        #[arg(long, value_enum, default_value_t)]
        device: On,
        /// How many runs of equal shapes libtorch's engine trains together, which moves the last bits of
        /// each; otherwise, on a GPU as many as fit into a GiB (1024 at most), on the processor one.
        #[arg(long, value_name = "N")]
        batch: Option<NonZeroUsize>,
    },
    /// Put together what shards have made, and say which of it is missing.
    Merge {
        /// What was given to the shards as `--out`.
        out: PathBuf,
    },
    /// Train a sweep on a cluster: an array of Slurm, and a job that merges it. Submitted again, only
    /// what is missing.
    Submit(submit::Arguments),
    /// Embed images and their classes' names with a SigLIP checkpoint; goes on where it was killed.
    Embed {
        /// Folder of a checkpoint in Hugging Face's layout or OpenCLIP's, or a hub id.
        #[arg(long)]
        model: String,
        /// Folder of images, tar archive, or many, such as 'shard-{000..331}.tar'.
        #[arg(long)]
        images: PathBuf,
        /// Names the class of the k-th image, in order of names, in line k.
        #[arg(long)]
        labels: Option<PathBuf>,
        /// `txt`: each image's text is the .txt beside it; else, this key of the .json beside it.
        #[arg(long, value_name = "KEY")]
        captions: Option<String>,
        /// What is embedded for a class, such as 'a photo of a {}.'; several are averaged.
        #[arg(long, value_name = "TEXT")]
        template: Vec<String>,
        /// Where to write the embeddings (npz).
        #[arg(long)]
        out: PathBuf,
        /// Images, or texts, that go through the model at once.
        #[arg(long, default_value_t = 16)]
        batch: usize,
        /// Type of weights and activations.
        #[arg(long, value_enum, default_value_t)]
        dtype: Type,
        /// Leave out images that cannot be decoded, instead of stopping at the first.
        #[arg(long)]
        skip_broken: bool,
        /// Embed only the K-th of N stretches of batches, from 0, or in a Slurm array that of this task
        /// (`slurm`); `siglip merge OUT` puts them together.
        #[arg(long, value_name = "K/N|slurm", default_value_t)]
        shard: Shard,
        /// Where to compute.
        #[arg(long, value_enum, default_value_t)]
        device: On,
    },
    /// Print the geometry of an npz file of embeddings, from `embed`, `train` or elsewhere.
    Geometry(geometry::Arguments),
    /// Train the small SigLIP on the emoji that ship with the project; goes on where it was killed.
    TrainTowers {
        /// The training's description (JSON); `-` reads standard input.
        description: PathBuf,
        /// Folder for the checkpoint.
        #[arg(long)]
        out: PathBuf,
        /// Replace a key of the description, such as `steps=100`.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Type {
    #[default]
    F32,
    Bf16,
    Int8,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum What {
    #[default]
    Runs,
    Summaries,
}

impl From<What> for Keep {
    fn from(what: What) -> Self {
        match what {
            What::Runs => Self::Runs,
            What::Summaries => Self::Summaries,
        }
    }
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum On {
    #[default]
    Cpu,
    Cuda,
    /// The CUDA device where there is one.
    Auto,
}

impl From<On> for Device {
    fn from(on: On) -> Self {
        match on {
            On::Cpu => Self::Cpu,
            On::Cuda => Self::Cuda,
            On::Auto => Self::Auto,
        }
    }
}

fn main() -> ExitCode {
    #[cfg(unix)]
    clean_up_at_the_end();
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has heard enough.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::show(&format_args!("Error: {}", output::chain(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Where Ctrl-C or `kill` end the process, a file that is half written does not stay; what is whole does.
/// That a terminal closes is left to the system, which does not tell those who run under `nohup`.
#[cfg(unix)]
fn clean_up_at_the_end() {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
    };
    // Without it all else works as well.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            files::exit_without_unfinished(128 + signal); // as shells say it
        }
    });
}

fn run(command: Command) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    match command {
        Command::Train { description, out, set, device } => {
            let json = read(&description).with_context(|| description.display().to_string())?;
            let experiment = Experiment::from_json(&json)?.with(&set)?;
            out.as_deref().map_or(Ok(()), files::check_place)?;
            let settings = Settings { snapshots: 0, ..settings_on(device.into()) };
            let run = experiment.train_with(settings, &mut |at| progress.show(at))?;
            // What was computed is printed, and kept, even if the other fails.
            let saved = out.map_or(Ok(()), |path| run.save(&path));
            let printed = output::print_json(&run.summary());
            saved?;
            printed
        }
        Command::Sweep { description, out, keep, shard, threads, device, batch } => {
            let json = read(&description).with_context(|| description.display().to_string())?;
            let settings = settings_on(device.into());
            let batching = settings.batching.map(|it| Batching { limit: batch.or(it.limit), ..it });
            let threads = threads.map_or(settings.threads, usize::from);
            let settings = Settings { threads, batching, ..settings };
            sweep::train(&json, &out, keep.into(), shard, settings, &mut |at| progress.show(at))
        }
        Command::Merge { out } if geometry::has_parts(&out) => geometry::merge(&out),
        Command::Merge { out } if embed::has_parts(&out) => embed::merge(&out),
        Command::Merge { out } => sweep::merge(&out),
        Command::Submit(arguments) => submit::submit(&arguments),
        Command::Embed {
            model,
            images,
            labels,
            captions,
            template,
            out,
            batch,
            dtype,
            skip_broken,
            shard,
            device,
        } => {
            let dtype = match dtype {
                Type::F32 => Dtype::F32,
                Type::Bf16 => Dtype::Bf16,
                Type::Int8 => Dtype::Int8,
            };
            let templates = template;
            let device = device.into();
            let options = EmbedOptions {
                model,
                images,
                labels,
                captions,
                templates,
                out,
                batch,
                dtype,
                skip_broken,
                device,
            };
            embed::embed(&options, shard, &mut |at| progress.show(at))
        }
        Command::Geometry(arguments) => geometry::print(&arguments, &mut progress),
        Command::TrainTowers { description, out, set } => {
            let json = read(&description).with_context(|| description.display().to_string())?;
            let config = TowersConfig::from_json(&json)?.with(&set)?;
            output::print_json(&towers::train(&config, &out, &mut |at| progress.show(at))?)
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
