//! `cargo xtask`: the command line of the tasks.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use xtask::{
    bench::{self, Device, Suite},
    doctor, fuzz,
    kernel::{Kernel, launcher},
    lab,
    project::Project,
    python::PyTorch,
    reproduce::{self, Override},
    setup, site, test,
};

/// Tasks of the project. Each sets up what it needs first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing: Python packages, libtorch, the Rust kernel
    Setup {
        /// PyTorch with CUDA's libraries also where there is no card, such as on a cluster's front end
        #[arg(long)]
        cuda: bool,
    },
    /// Say what is there, what is missing, and the command that mends it
    Doctor,
    /// Open JupyterLab with the kernel ready; arguments after `--` are handed to JupyterLab
    Lab {
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Execute notebooks headless, and fail if any cell fails
    Reproduce(Reproduce),
    /// Write the committed notebooks as a web site, with a page in front that trains
    Site {
        /// Where to; `target/site` if it is not said
        folder: Option<PathBuf>,
    },
    /// Run every test: format, lints, crates, documentation, kernel, JupyterLab, notebooks
    Test {
        /// Only those that need no kernel, browser and notebooks: less than 3 minutes when all is built
        #[arg(long)]
        quick: bool,
    },
    /// Give the readers of files whatever bytes, with cargo-fuzz
    Fuzz {
        /// Targets such as `picture`; without any, all
        targets: Vec<String>,
        /// How long each of them runs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Measure side by side, into `logs/benchmarks`
    Bench {
        /// What to measure; without it everything
        suite: Option<Suite>,
        /// Where `scale` computes
        #[arg(long, value_enum, default_value_t)]
        device: Device,
        /// Whose geometry `scale` counts; a million take half an hour of a core
        #[arg(long, default_value_t = 125_000)]
        pairs: usize,
    },
    /// Become a Rust kernel; Jupyter calls this
    #[command(hide = true)]
    Kernel {
        kernel: Kernel,
        #[arg(long)]
        project: PathBuf,
        connection_file: PathBuf,
    },
    /// End what is left of a kernel when it or Jupyter, two processes, has ended
    #[command(hide = true)]
    Watch { kernel: i32, jupyter: i32 },
}

#[derive(Args)]
struct Reproduce {
    /// Names such as `BasicExperiment`; without any, all notebooks and `logs/REPORT.md`
    notebooks: Vec<String>,
    /// Override a key of the run descriptions, such as `temperature.init=5`.
    /// The results then go to `target/reproduce`, and what is committed stays as it is
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Also write all notebooks as a web site, to be opened from `target/site/index.html`
    #[arg(long)]
    html: bool,
    /// Longest time that one cell may take, in seconds
    #[arg(long, default_value_t = 7200)]
    timeout: u64,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    // Jupyter starts these, from anywhere.
    match &cli.task {
        Task::Kernel { kernel, project, connection_file } => {
            return launcher::run(&Project::at(project.clone()), *kernel, connection_file);
        }
        Task::Watch { kernel, jupyter } => return launcher::watch(*kernel, *jupyter),
        _ => {}
    }
    let project = Project::find()?;
    match cli.task {
        Task::Setup { cuda } => {
            let pytorch = if cuda { PyTorch::Whole } else { PyTorch::for_this_machine() };
            setup::everything(&project, pytorch).map(|_| eprintln!("Everything is set up."))
        }
        Task::Doctor => doctor::examine(&project),
        Task::Lab { arguments } => lab::open(&project, &arguments),
        Task::Reproduce(Reproduce { notebooks, overrides, html, timeout }) => {
            reproduce::run(&project, &reproduce::Request { notebooks, overrides, html, timeout })
        }
        Task::Site { folder } => {
            let python = setup::engine(&project, PyTorch::for_this_machine())?;
            let names = reproduce::all(&project)?;
            let notebooks: Vec<_> =
                names.iter().map(|name| reproduce::file(&project.notebooks(), name)).collect();
            site::write(&project, &python, &notebooks, &folder.unwrap_or_else(|| project.site()))
        }
        Task::Test { quick } => test::run(&project, quick),
        Task::Fuzz { targets, seconds } => {
            setup::engine(&project, PyTorch::for_this_machine())?;
            fuzz::run(&project, &targets, seconds).map(|passed| eprintln!("{passed} targets found nothing."))
        }
        Task::Bench { suite, device, pairs } => bench::run(&project, suite, device, pairs),
        Task::Kernel { .. } | Task::Watch { .. } => unreachable!("handled above"),
    }
}
