//! Runs one kernel in a build directory of its own, and cleans up after it and after dead ones.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, TryLockError},
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::{Child, Command, exit},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{evcxr, rust_src, spare, spec, warm};
use crate::{files, process, project::Project};

/// Runs a kernel until Jupyter ends it.
///
/// # Errors
/// If the project is not set up, or its build directory cannot be cloned.
pub fn run(project: &Project, connection_file: &Path) -> Result<()> {
    let home = Home::make(project)?;
    // The directory is ours from here on: a signal must not end this process before it is removed.
    let child = Arc::new(Mutex::new(None::<Child>));
    let for_signals = Arc::clone(&child);
    ctrlc::set_handler(move || {
        if let Some(child) = for_signals.lock().ok().as_deref_mut().and_then(Option::as_mut) {
            let _ = child.kill();
        }
    })?;
    let started = command(project, &home, connection_file)?.spawn().context("cannot start evcxr_jupyter")?;
    *child.lock().expect("no one panics with this lock") = Some(started);
    // While evcxr starts.
    if let Err(error) = remove_left_overs(project) {
        eprintln!("{error:#}");
    }
    let parent = parent_id();
    let mut abandoned = false;
    let status = loop {
        // Polled, because waiting would keep the signal handler from the child.
        let ended = child.lock().expect("no one panics with this lock").as_mut().map(Child::try_wait);
        if let Some(status) = ended.transpose()?.flatten() {
            break status;
        }
        if !abandoned && parent_id() != parent {
            // Jupyter was killed. A cell may be running, so end all processes of this kernel.
            abandoned = true;
            let _ = Command::new("sh").args(["-c", "kill -TERM 0"]).status();
        }
        thread::sleep(Duration::from_millis(50));
    };
    home.leave(project, status.success())?;
    exit(status.code().unwrap_or(1));
}

fn command(project: &Project, home: &Home, connection_file: &Path) -> Result<Command> {
    let mut command = process::command(evcxr::binary(project));
    command.arg("--control_file").arg(connection_file).env("EVCXR_TMPDIR", home.folder.join("ctx"));
    // No start-up file and no other kernel of the user's takes part or is touched.
    command.env("EVCXR_CONFIG_DIR", &home.folder).env("JUPYTER_PATH", &home.folder);
    // Cells are loaded by a process that was not linked to libtorch.
    let loader_path = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    command.env(loader_path, prepended(loader_path, project.libtorch().join("lib"))?);
    if home.has_start_up {
        command.env(rust_src::VARIABLE, rust_src::nothing(project));
    }
    // evcxr's allocator: to clear huge pages, and pages that it gave back too soon, takes it seconds. The
    // cells inherit the first; where the system gives huge pages unasked, they have none.
    command.env("MIMALLOC_ALLOW_THP", "0").env("MIMALLOC_PURGE_DELAY", "-1");
    if let Some(folder) = env::var_os(spec::CARGO_FOLDER) {
        command.env("PATH", prepended("PATH", folder.into())?);
    }
    Ok(command)
}

/// What evcxr does before the first cell, without compiling anything: from now on rust-analyzer reads the
/// standard library, and as `ctx/Cargo.toml` differs it reads anew. (The level stands there only; what
/// counts is the workspace's profile.)
fn start_up(project: &Project) -> String {
    format!(":env {}={}\n:opt 1\n", rust_src::VARIABLE, rust_src::library(project).display())
}

fn prepended(variable: &str, folder: PathBuf) -> Result<OsString> {
    let old = env::var_os(variable).unwrap_or_default();
    let folders = std::iter::once(folder).chain(env::split_paths(&old));
    Ok(env::join_paths(folders.filter(|folder| !folder.as_os_str().is_empty()))?)
}

/// A running kernel's clone of the warm directory.
struct Home {
    folder: PathBuf,
    lock_path: PathBuf,
    /// Whether the standard library is read from the start-up file on.
    has_start_up: bool,
    /// Held for the life of the process; the system frees it however the process ends.
    _lock: File,
}

impl Home {
    fn make(project: &Project) -> Result<Self> {
        let warm = warm::folder(project);
        let _others_wait = warm::lock(project)?;
        if !warm.join("stamp").exists() || !evcxr::binary(project).exists() {
            bail!(
                "the Rust kernel of {} is not set up: run `cargo xtask setup` there",
                project.root().display()
            );
        }
        let folder = project.kernels().join(std::process::id().to_string());
        let lock_path = folder.with_extension("lock");
        let lock = File::create(&lock_path)?;
        lock.lock()?;
        spare::take(project, &folder)?;
        let has_start_up = rust_src::is_there(project);
        if has_start_up {
            fs::write(folder.join("init.evcxr"), start_up(project))?;
        }
        Ok(Self { folder, lock_path, has_start_up, _lock: lock })
    }

    /// Where evcxr was killed, its compiler may still be writing, so that folder serves no other kernel.
    fn leave(self, project: &Project, can_be_kept: bool) -> Result<()> {
        if can_be_kept {
            let _others_wait = warm::lock(project)?;
            spare::give(project, &self.folder)?;
        } else {
            files::remove(&self.folder)?;
        }
        files::remove(&self.lock_path)
    }
}

/// Removes the clones of kernels that were killed: their locks are free.
fn remove_left_overs(project: &Project) -> Result<()> {
    let _others_wait = warm::lock(project)?;
    for entry in fs::read_dir(project.kernels())? {
        let lock_path = entry?.path();
        if lock_path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        match File::open(&lock_path)?.try_lock() {
            Ok(()) => {
                files::remove(&lock_path.with_extension(""))?;
                files::remove(&lock_path)?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("cannot test a kernel's lock"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clones_of_dead_kernels_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let project = Project::at(root.path().to_owned());
        let folder = project.kernels();
        fs::create_dir(&folder).unwrap();
        for name in ["warm", "1", "2"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        File::create(folder.join("1.lock")).unwrap();
        let alive = File::create(folder.join("2.lock")).unwrap();
        alive.lock().unwrap();
        remove_left_overs(&project).unwrap();
        let there = |name: &str| folder.join(name).exists();
        assert!(there("warm") && there("2") && there("2.lock"));
        assert!(!there("1") && !there("1.lock"));
        drop(alive);
        remove_left_overs(&project).unwrap();
        assert!(there("warm") && !there("2") && !there("2.lock"));
    }
}
