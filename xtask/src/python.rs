//! The Python environment: the active conda environment, else `.venv` in the project.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{environment::Environment, files, files::Stamp, process, project::Project};

/// A Python environment of the project.
#[derive(Debug, Clone)]
pub struct Python {
    prefix: PathBuf,
}

impl Python {
    /// The environment in `prefix`.
    #[must_use]
    pub fn at(prefix: PathBuf) -> Self {
        Self { prefix }
    }

    /// The environment's root folder.
    #[must_use]
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The interpreter.
    #[must_use]
    pub fn executable(&self) -> PathBuf {
        self.prefix.join("bin/python")
    }

    /// A command that runs this interpreter, untouched by the user's own Python variables.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = process::command(self.executable());
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env("PYTHONNOUSERSITE", "1");
        command
    }

    /// The folder of an installed package.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn folder_of(&self, package: &str) -> Result<PathBuf> {
        let script = "import importlib.util, sys; \
                      print(importlib.util.find_spec(sys.argv[1]).submodule_search_locations[0])";
        let folder = process::output(self.command().args(["-c", script, package]))
            .with_context(|| format!("{package} is not installed in {}", self.prefix.display()))?;
        Ok(folder.into())
    }

    /// Whether all of the environment's packages were installed here.
    #[must_use]
    pub fn is_complete(&self, environment: &Environment) -> bool {
        self.executable().exists() && stamp(environment).is_at(&self.stamp_file())
    }

    fn stamp_file(&self) -> PathBuf {
        self.prefix.join(".siglip-requirements")
    }

    /// Where pip puts packages.
    ///
    /// # Errors
    /// If this is no Python.
    pub fn site_packages(&self) -> Result<PathBuf> {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        Ok(process::output(self.command().args(["-c", script]))?.into())
    }

    /// Makes this environment anew with another Python.
    ///
    /// # Errors
    /// If that has no module `venv`.
    pub fn make(&self, mut base: Command) -> Result<()> {
        files::remove(&self.prefix)?;
        process::run(base.args(["-m", "venv"]).arg(&self.prefix))
            .context("on Debian and Ubuntu, `apt install python3-venv` provides the module venv")
    }

    /// Installs packages with pip, which takes these arguments.
    ///
    /// # Errors
    /// If one cannot be installed.
    pub fn install(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
        let mut pip = self.command();
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        process::run(pip.args(arguments))
    }
}

/// The environment that is or would be used, whatever its state, and whether it is conda's.
#[must_use]
pub fn locate(project: &Project, environment: &Environment) -> (Python, bool) {
    let conda = env::var_os("CONDA_PREFIX").map(PathBuf::from).filter(|prefix| {
        let named = env::var("CONDA_DEFAULT_ENV").is_ok_and(|name| name == environment.name);
        named || prefix.file_name().is_some_and(|name| name == environment.name.as_str())
    });
    let is_conda = conda.is_some();
    (Python::at(conda.unwrap_or_else(|| project.venv())), is_conda)
}

/// Completes the environment and returns it.
///
/// # Errors
/// If no suitable Python is found, or a package cannot be installed.
pub fn ready(project: &Project, environment: &Environment) -> Result<Python> {
    let (python, is_conda) = locate(project, environment);
    if python.is_complete(environment) {
        return Ok(python);
    }
    if is_conda {
        eprintln!("Completing the conda environment {} with pip.", python.prefix().display());
    } else {
        make_venv(&python, environment)?;
        forget_half_installed(&python)?;
    }
    eprintln!("Installing {} (about 5 GB with torch's CUDA libraries)", environment.requirements.join(", "));
    python.install(&environment.requirements)?;
    stamp(environment).put(&python.stamp_file())?;
    Ok(python)
}

fn stamp(environment: &Environment) -> Stamp {
    Stamp::of(&environment.requirements)
}

fn make_venv(python: &Python, environment: &Environment) -> Result<()> {
    if process::output(python.command().args(["-m", "pip", "--version"])).is_ok() {
        return Ok(());
    }
    let base = base_python(environment.python)?;
    eprintln!("Making {} with {base}", python.prefix().display());
    python.make(process::command(base))
}

/// The first Python on the path that is new enough.
fn base_python(oldest: (u32, u32)) -> Result<&'static str> {
    const NAMES: [&str; 7] =
        ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python3.14", "python"];
    let mut found = Vec::new();
    for name in NAMES {
        let script = "import sys; print(*sys.version_info[:2])";
        let Ok(version) = process::output(process::command(name).args(["-c", script])) else { continue };
        let mut numbers = version.split(' ').filter_map(|number| number.parse().ok());
        if let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) {
            if (major, minor) >= oldest {
                return Ok(name);
            }
            found.push(format!("{name} is {major}.{minor}"));
        }
    }
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    bail!(
        "no Python {}.{} or newer on the path (found: {found}); install one and try again",
        oldest.0,
        oldest.1
    )
}

/// pip writes RECORD last, but takes a package without it for installed.
fn forget_half_installed(python: &Python) -> Result<()> {
    let site = python.site_packages()?;
    for entry in fs::read_dir(&site).with_context(|| format!("cannot read {}", site.display()))? {
        let path = entry?.path();
        let is_metadata = path.extension().is_some_and(|extension| extension == "dist-info");
        if is_metadata && !path.join("RECORD").exists() {
            files::remove(&path)?;
        }
    }
    Ok(())
}
