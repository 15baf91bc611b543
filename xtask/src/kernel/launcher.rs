//! Becomes a kernel in the first free slot, and ends what is left when it or Jupyter has ended.

use std::{
    env,
    ffi::OsString,
    os::unix::process::{CommandExt, parent_id},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::{
    io::{Errno, FdFlags, fcntl_setfd},
    process::{Pid, Signal, getpgrp, getppid, kill_process_group, setsid, test_kill_process},
};

use super::{Kernel, evcxr::EVCXR, rust_src, slot::Slot, spec, warm};
use crate::{process::command, project::Project};

/// Becomes evcxr.
///
/// # Errors
/// If the project is not set up, or no slot can be made. Otherwise it does not return.
pub fn run(project: &Project, kernel: Kernel, connection_file: &Path) -> Result<()> {
    let while_it_is_copied = warm::lock(project, kernel)?;
    while_it_is_copied.lock_shared()?;
    if !kernel.warm(project).join("stamp").exists() || !EVCXR.binary(project).exists() {
        bail!("the Rust kernel of {} is not set up: run `cargo xtask setup` there", project.root().display());
    }
    let slot = Slot::take(project, kernel)?;
    // A group of processes of its own, where Jupyter has not made one: it is ended as a whole.
    let _ = setsid();
    watch_from_outside()?;
    // From here on: the watcher must not hold the lock, and every process of the kernel's does, so that
    // the slot is not free while one of them, such as a compiler, may still write to it.
    fcntl_setfd(&slot.lock, FdFlags::empty())?;
    Err(evcxr(project, &slot, connection_file)?.exec()).context("cannot start evcxr_jupyter")
}

fn evcxr(project: &Project, slot: &Slot, connection_file: &Path) -> Result<Command> {
    let mut evcxr = command(EVCXR.binary(project));
    evcxr.arg("--control_file").arg(connection_file).env("EVCXR_TMPDIR", slot.folder.join("ctx"));
    // No start-up file and no other kernel of the user's takes part or is touched.
    evcxr.env("EVCXR_CONFIG_DIR", &slot.folder).env("JUPYTER_PATH", &slot.folder);
    evcxr.env(rust_src::VARIABLE, rust_src::nothing(project));
    // Cells are loaded by a process that was not linked to libtorch.
    let loader_path = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    evcxr.env(loader_path, prepended(loader_path, project.libtorch().join("lib"))?);
    // evcxr's allocator: to clear huge pages, and pages that it gave back too soon, takes it seconds. The
    // cells inherit the first; where the system gives huge pages unasked, they have none.
    evcxr.env("MIMALLOC_ALLOW_THP", "0").env("MIMALLOC_PURGE_DELAY", "-1");
    if let Some(folder) = env::var_os(spec::CARGO_FOLDER) {
        evcxr.env("PATH", prepended("PATH", folder.into())?);
    }
    Ok(evcxr)
}

fn prepended(variable: &str, folder: PathBuf) -> Result<OsString> {
    let old = env::var_os(variable).unwrap_or_default();
    let folders = std::iter::once(folder).chain(env::split_paths(&old));
    Ok(env::join_paths(folders.filter(|folder| !folder.as_os_str().is_empty()))?)
}

/// Starts [`watch`] as a process of its own.
fn watch_from_outside() -> Result<()> {
    let mut watcher = Command::new(env::current_exe()?);
    watcher.arg("watch").args([process::id(), parent_id()].map(|process| process.to_string()));
    watcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    Ok(())
}

/// Waits until the kernel, this process's parent, or Jupyter has ended, however that was, and ends what
/// is left of the kernel: a cell may be running, or a compiler.
///
/// # Errors
/// If nothing can be ended.
pub fn watch(kernel: i32, jupyter: i32) -> Result<()> {
    let [kernel, jupyter] = [kernel, jupyter].map(Pid::from_raw);
    let is_alive = |process| test_kill_process(process) != Err(Errno::SRCH);
    while getppid() == kernel && jupyter.is_some_and(is_alive) {
        thread::sleep(Duration::from_millis(500));
    }
    Ok(kill_process_group(getpgrp(), Signal::TERM)?)
}
