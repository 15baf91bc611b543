//! The Python environment: the active conda environment, else `.venv` in the project.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{environment::Environment, files, files::Stamp, process, progress::Run, project::Project};

/// How much of PyTorch an environment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PyTorch {
    /// Its libraries, and what those of the processor load: all that Rust needs.
    Libraries,
    /// All that `import torch` and a card need: CUDA's libraries, four gigabytes.
    Whole,
}

impl PyTorch {
    /// What notebooks and the command line need on this machine.
    #[must_use]
    pub fn for_this_machine() -> Self {
        Self::for_machine(Path::new("/"))
    }

    /// The same of the machine whose file system begins at `root`.
    fn for_machine(root: &Path) -> Self {
        // Linux's driver of NVIDIA's, and that of Windows below Linux.
        let has_card =
            ["proc/driver/nvidia", "dev/nvidiactl", "dev/dxg"].iter().any(|it| root.join(it).exists());
        if has_card { Self::Whole } else { Self::Libraries }
    }
}

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

    /// Whether all of the environment's packages were installed here, and so much of PyTorch or more.
    #[must_use]
    pub fn is_complete(&self, environment: &Environment, pytorch: PyTorch) -> bool {
        let has = |pytorch| stamp(environment, pytorch).is_at(&self.stamp_file());
        self.executable().exists() && (has(pytorch) || has(PyTorch::Whole))
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
    pub fn make(&self, mut base: Command, run: Run) -> Result<()> {
        files::remove(&self.prefix)?;
        run(base.args(["-m", "venv"]).arg(&self.prefix))
            .context("on Debian and Ubuntu, `apt install python3-venv` provides the module venv")
    }

    /// Installs packages with pip, which takes these arguments.
    ///
    /// # Errors
    /// If one cannot be installed.
    pub fn install(&self, run: Run, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
        let mut pip = self.command();
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-warn-conflicts",
        ]);
        run(pip.args(arguments))
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

/// Installs PyTorch's libraries, for which Rust can be built from then on.
///
/// # Errors
/// If no suitable Python is found, or a package cannot be installed.
pub fn libraries(python: &Python, is_conda: bool, environment: &Environment, run: Run) -> Result<()> {
    if !is_conda {
        make_venv(python, environment, run)?;
        forget_half_installed(python)?;
    }
    let torch = environment.requirement("torch").context("environment.yml names no torch")?;
    python.install(run, ["--no-deps", "--no-compile", torch])?;
    // libtorch_cpu of a wheel that can use CUDA loads two small libraries of it, also where there is no card.
    let script = "import importlib.metadata as m, re\n\
                  for r in m.requires('torch'):\n\
                  \x20 if f := re.match(r'cuda-toolkit\\[.*\\](==[^;]+)', r): print('cuda-toolkit[cudart,cupti]' + f[1])";
    let cuda = process::output(python.command().args(["-c", script]))?;
    if cuda.is_empty() { Ok(()) } else { python.install(run, [cuda.trim()]) }
}

/// Installs what is missing yet.
///
/// # Errors
/// If a package cannot be installed.
pub fn packages(python: &Python, environment: &Environment, pytorch: PyTorch, run: Run) -> Result<()> {
    let is_wanted = |requirement: &&String| pytorch == PyTorch::Whole || !requirement.starts_with("torch==");
    python.install(run, environment.requirements.iter().filter(is_wanted))?;
    stamp(environment, pytorch).put(&python.stamp_file())
}

fn stamp(environment: &Environment, pytorch: PyTorch) -> Stamp {
    match pytorch {
        PyTorch::Whole => Stamp::of(&environment.requirements),
        PyTorch::Libraries => Stamp::of((&environment.requirements, "libraries")),
    }
}

fn make_venv(python: &Python, environment: &Environment, run: Run) -> Result<()> {
    if process::output(python.command().args(["-m", "pip", "--version"])).is_ok() {
        return Ok(());
    }
    python.make(process::command(base_python(environment.python)?), run)
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What pip is asked for, once libtorch is there, on the machine whose file system begins at `root`.
    fn asked_for(root: &Path, python: &Python, environment: &Environment) -> Vec<String> {
        let asked = Mutex::new(Vec::new());
        let run = |pip: &mut Command| {
            asked.lock().unwrap().extend(pip.get_args().map(|it| it.to_string_lossy().into_owned()));
            Ok(())
        };
        packages(python, environment, PyTorch::for_machine(root), &run).unwrap();
        asked.into_inner().unwrap()
    }

    #[test]
    fn a_machine_with_a_card_gets_all_of_pytorch() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environment.yml");
        let environment = Environment::read(&file).unwrap();
        let torch = environment.requirement("torch").unwrap();
        for card in [None, Some("proc/driver/nvidia"), Some("dev/nvidiactl"), Some("dev/dxg")] {
            let (machine, prefix) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            if let Some(card) = card {
                fs::create_dir_all(machine.path().join(card)).unwrap();
            }
            let python = Python::at(prefix.path().to_owned());
            files::write(&python.executable(), "").unwrap();
            // With its dependencies, CUDA's libraries among them: `libraries` installs it without.
            let asked = asked_for(machine.path(), &python, &environment);
            assert_eq!(asked.iter().any(|it| it == torch), card.is_some(), "{card:?}: {asked:?}");
            assert!(!asked.iter().any(|it| it == "--no-deps"), "{asked:?}");
            // What has no card's libraries is incomplete as soon as there is a card.
            assert!(python.is_complete(&environment, PyTorch::Libraries));
            assert_eq!(python.is_complete(&environment, PyTorch::Whole), card.is_some());
        }
    }
}
