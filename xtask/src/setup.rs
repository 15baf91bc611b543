//! Everything that has to be there before any task, in the order in which it builds on each other.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    environment::Environment,
    kernel::{Kernel, evcxr::EVCXR, rust_src, spec, warm},
    libtorch, process,
    project::Project,
    python::{self, Python},
};

/// Sets up what is missing; in no time if nothing is.
///
/// # Errors
/// What could not be set up, and what to do. What was done until then is kept, and a second call goes on.
pub fn everything(project: &Project) -> Result<Python> {
    let python = engine(project)?;
    let _one_at_a_time = lock(project)?;
    let rustc = rustc_version()?;
    EVCXR.ready(project, &rustc)?;
    rust_src::ready(project, &rustc)?;
    Kernel::ALL.into_iter().try_for_each(|kernel| warm::ready(project, kernel, &rustc))?;
    spec::ready(project, &python, &this_program()?)?;
    Ok(python)
}

/// Linux has it also when a build has replaced the file meanwhile.
fn this_program() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    Ok(if running.exists() { running.to_owned() } else { env::current_exe()? })
}

/// Sets up Python and libtorch: what building the crate needs.
///
/// # Errors
/// As [`everything`].
pub fn engine(project: &Project) -> Result<Python> {
    project.bearable()?;
    let _one_at_a_time = lock(project)?;
    let environment = Environment::read(&project.environment_file())?;
    let (located, _) = python::locate(project, &environment);
    if !located.is_complete(&environment) {
        // Better now than after minutes of installing.
        compiler()?;
    }
    let python = python::ready(project, &environment)?;
    libtorch::link(project, &python)?;
    Ok(python)
}

/// What `rustc -vV` prints.
///
/// # Errors
/// If there is no rustc.
pub fn rustc_version() -> Result<String> {
    process::output(process::command("rustc").arg("-vV"))
}

/// The first line of the C++ compiler's version.
///
/// # Errors
/// If there is none.
pub fn compiler() -> Result<String> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    match process::output(process::command(&compiler).arg("--version")) {
        Ok(version) => Ok(version.lines().next().unwrap_or_default().to_owned()),
        Err(_) => bail!(
            "no C++ compiler `{compiler}`: install one \
             (`sudo apt install g++`, on macOS `xcode-select --install`) and try again"
        ),
    }
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
