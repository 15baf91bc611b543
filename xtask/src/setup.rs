//! Everything that has to be there before any task. What does not build on each other is made at the same time.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    files,
    kernel::{Kernel, evcxr::EVCXR, rust_src, spec, warm},
    libtorch, process,
    progress::{self, Progress, Step},
    project::Project,
    python::{self, PyTorch, Python},
    torch_sys,
};

const LIBTORCH: Step = Step { name: "libtorch", cost: 25.0, lines: 12 };
const PACKAGES: Step = Step { name: "Python packages", cost: 35.0, lines: 230 };
const CXX: Step = Step { name: "C++ of torch-sys", cost: 70.0, lines: 1 };
const KERNEL: Step = Step { name: "evcxr", cost: 670.0, lines: 281 };
const CRATE: Step = Step { name: "crate for notebooks", cost: 500.0, lines: 420 };
/// Of the notebooks without libtorch.
const SYNTHETIC_CRATE: Step = Step { name: "crate for synthetic notebooks", cost: 150.0, lines: 135 };

/// How long a step of a set-up took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Taken {
    /// What was made.
    pub name: String,
    /// From its start to its end, others beside it.
    pub seconds: f64,
}

/// Sets up what is missing, with so much of PyTorch; in no time if nothing is.
///
/// # Errors
/// What could not be set up, and what to do. What was done until then is kept, and a second call goes on.
pub fn everything(project: &Project, pytorch: PyTorch) -> Result<Python> {
    kernels(project, pytorch, &Kernel::ALL)
}

/// Sets up what is missing for some of the kernels.
///
/// # Errors
/// As [`everything`].
pub fn kernels(project: &Project, pytorch: PyTorch, kernels: &[Kernel]) -> Result<Python> {
    let setup = SetUp::new(project, pytorch)?;
    let has_libtorch = kernels.contains(&Kernel::Full);
    let mut missing = setup.missing(has_libtorch)?;
    missing.extend((!EVCXR.binary(project).exists()).then_some(KERNEL));
    let builds = kernels.iter().map(|&kernel| warm::is_ready(project, kernel, &setup.rustc));
    let are_built = builds.collect::<Result<Vec<_>>>()?.into_iter().all(|is_ready| is_ready);
    let a_crate = if has_libtorch { CRATE } else { SYNTHETIC_CRATE };
    missing.extend((!are_built || !missing.is_empty()).then_some(a_crate));
    setup.make(missing, |progress| {
        thread::scope(|scope| {
            let evcxr = scope.spawn(|| progress.step(KERNEL, |run| EVCXR.ready(project, &setup.rustc, run)));
            let made = setup.engine(progress, has_libtorch, || {
                rust_src::ready(project, &setup.rustc)?;
                progress.step(a_crate, |run| {
                    kernels.iter().try_for_each(|&kernel| warm::ready(project, kernel, &setup.rustc, run))
                })
            });
            evcxr.join().expect("a step does not panic")?;
            made
        })
    })?;
    spec::ready(project, &setup.python, &this_program()?)?;
    Ok(setup.python)
}

/// Sets up Python and libtorch: what building the crate needs.
///
/// # Errors
/// As [`everything`].
pub fn engine(project: &Project, pytorch: PyTorch) -> Result<Python> {
    let setup = SetUp::new(project, pytorch)?;
    setup.make(setup.missing(true)?, |progress| setup.engine(progress, true, || Ok(())))?;
    Ok(setup.python)
}

/// How long the steps of the last set-up took.
#[must_use]
pub fn taken(project: &Project) -> Vec<Taken> {
    let text = fs::read(project.tools().join("setup.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// What is set up, and what was found about the machine.
struct SetUp<'a> {
    project: &'a Project,
    environment: Environment,
    python: Python,
    is_conda: bool,
    pytorch: PyTorch,
    rustc: String,
    _one_at_a_time: File,
}

impl<'a> SetUp<'a> {
    fn new(project: &'a Project, pytorch: PyTorch) -> Result<Self> {
        project.bearable()?;
        let environment = Environment::read(&project.environment_file())?;
        let (python, is_conda) = python::locate(project, &environment);
        let (rustc, _one_at_a_time) = (rustc_version()?, lock(project)?);
        Ok(Self { project, environment, python, is_conda, pytorch, rustc, _one_at_a_time })
    }

    /// Of what building the crate needs, with libtorch's bindings or without.
    fn missing(&self, has_libtorch: bool) -> Result<Vec<Step>> {
        let mut missing = Vec::new();
        if !self.python.is_complete(&self.environment, self.pytorch) {
            missing.extend([LIBTORCH, PACKAGES]);
        } else {
            libtorch::link(self.project, &self.python)?;
        }
        // Without a compiler this fails: better now than after minutes of installing.
        missing.extend((has_libtorch && !torch_sys::is_ready(self.project, &self.rustc)?).then_some(CXX));
        Ok(missing)
    }

    fn make(&self, missing: Vec<Step>, work: impl FnOnce(&Progress) -> Result<()>) -> Result<()> {
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|step| step.name).collect();
            eprintln!("Setting up {}", names.join(", "));
        }
        let ((), times) = progress::show(missing, &self.project.tools().join("logs"), work)?;
        if times.is_empty() {
            return Ok(());
        }
        let taken =
            |(step, time): &(Step, Duration)| Taken { name: step.name.into(), seconds: time.as_secs_f64() };
        let taken: Vec<_> = times.iter().map(taken).collect();
        files::write(&self.project.tools().join("setup.json"), serde_json::to_vec(&taken)?)
    }

    /// Python and, where libtorch's bindings are wanted, their C++; `then` what can be built with them,
    /// beside the packages that Rust needs not.
    fn engine(
        &self,
        progress: &Progress,
        has_libtorch: bool,
        then: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let (python, environment) = (&self.python, &self.environment);
        if !python.is_complete(environment, self.pytorch) {
            progress.step(LIBTORCH, |run| python::libraries(python, self.is_conda, environment, run))?;
        }
        libtorch::link(self.project, python)?;
        thread::scope(|scope| {
            let packages = scope.spawn(|| {
                if python.is_complete(environment, self.pytorch) {
                    return Ok(());
                }
                progress.step(PACKAGES, |run| python::packages(python, environment, self.pytorch, run))
            });
            if has_libtorch {
                progress.step(CXX, |run| torch_sys::ready(self.project, &self.rustc, run))?;
            }
            then()?;
            packages.join().expect("a step does not panic")
        })
    }
}

/// Linux has it also when a build has replaced the file meanwhile.
fn this_program() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    Ok(if running.exists() { running.to_owned() } else { env::current_exe()? })
}

/// What `rustc -vV` prints.
///
/// # Errors
/// If there is no rustc.
pub fn rustc_version() -> Result<String> {
    process::output(process::command("rustc").arg("-vV"))
}

/// Waits for other set-ups of this project to end, and keeps more from beginning.
pub(crate) fn lock(project: &Project) -> Result<File> {
    fs::create_dir_all(project.tools())?;
    let path = project.tools().join("setup.lock");
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        eprintln!("Waiting for another set-up of this project to end");
        file.lock()?;
    }
    Ok(file)
}
