//! The build directory that slots are copies of.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Kernel, evcxr::EVCXR, rust_src, slot};
use crate::{
    files::{self, Stamp},
    process,
    progress::Run,
    project::Project,
    torch_sys,
};

const WORKSPACE: &str = include_str!("workspace.toml");

/// What evcxr does with a cell: it builds it, and if it cannot tell a variable's type, as in every cell
/// that does not compile, it checks it.
const TASKS: [&str; 2] = ["build", "check"];

/// The file that is locked for whoever changes the warm directory, and shared by those who copy it.
///
/// # Errors
/// If it cannot be made.
pub(super) fn lock(project: &Project, kernel: Kernel) -> Result<File> {
    let path = kernel.warm(project).with_extension("lock");
    fs::create_dir_all(kernel.folder(project))?;
    File::create(&path).with_context(|| format!("cannot open {}", path.display()))
}

/// Whether the warm directory was built from the present sources by the present compiler.
///
/// # Errors
/// If the sources cannot be read.
pub fn is_ready(project: &Project, kernel: Kernel, rustc: &str) -> Result<bool> {
    Ok(stamp(project, kernel, rustc)?.is_at(&kernel.warm(project).join("stamp")))
}

/// Builds the warm directory if it is missing or old, and the first slots. What an interruption leaves is
/// continued.
///
/// # Errors
/// If the crate does not compile; the compiler's messages are then on the screen.
pub fn ready(project: &Project, kernel: Kernel, rustc: &str, run: Run) -> Result<()> {
    if is_ready(project, kernel, rustc)? {
        return Ok(());
    }
    let lock = lock(project, kernel)?;
    lock.lock()?;
    let warm = kernel.warm(project);
    // Of the sources as they are now: what is edited meanwhile is not in the build for certain.
    let stamp = stamp(project, kernel, rustc)?;
    start(project, kernel, rustc)?;
    write_manifests(project, kernel)?;
    // evcxr asks for the metadata of all platforms: now, not when someone opens a notebook offline.
    process::output(cargo(&warm)?.args(["metadata", "--format-version", "1"]))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    for task in TASKS {
        run(cargo(&warm)?.args([task, "--target", host]))
            .context("the crate `siglip_core` does not compile for the notebooks")?;
    }
    stamp.put(&warm.join("stamp"))?;
    slot::make(project, kernel)
}

/// Leaves of the warm directory what can be used. What another compiler built would only be copied to every
/// slot; what another kernel has built need not be built again.
fn start(project: &Project, kernel: Kernel, rustc: &str) -> Result<()> {
    let compiler = Stamp::of((rustc, EVCXR.version));
    let is_usable = |folder: &Path| compiler.is_at(&folder.join("compiler"));
    let warm = kernel.warm(project);
    if !is_usable(&warm) {
        files::remove(&warm)?;
        let others = Kernel::ALL.map(|kernel| kernel.warm(project));
        if let Some(other) = others.iter().find(|other| is_usable(other)) {
            slot::mend(other, &warm)?;
        }
    }
    files::remove(&warm.join("stamp"))?;
    compiler.put(&warm.join("compiler"))
}

fn write_manifests(project: &Project, kernel: Kernel) -> Result<()> {
    let [ctx, locked] = manifests(project, kernel)?;
    let folder = kernel.warm(project);
    if !folder.starts_with(project.root()) {
        // There the project's own `.cargo/config.toml`, which says the same, is not found.
        let libtorch = Value::from(project.libtorch().to_string_lossy());
        let config = format!("[env]\nLIBTORCH = {libtorch}\n{}", torch_sys::configuration(project));
        files::write(&project.kernels().join(".cargo/config.toml"), config)?;
    }
    files::write(&folder.join("Cargo.toml"), WORKSPACE)?;
    files::copy(&project.root().join("Cargo.lock"), &folder.join("Cargo.lock"))?;
    files::write(&folder.join("locked/Cargo.toml"), locked)?;
    files::write(&folder.join("locked/src/lib.rs"), "")?;
    files::write(&folder.join("ctx/Cargo.toml"), ctx)?;
    files::write(&folder.join("ctx/src/lib.rs"), "pub use siglip_core;\n")?;
    files::write(&folder.join("init.evcxr"), start_up(project))
}

/// What stands in the packages' `Cargo.toml`.
fn manifests(project: &Project, kernel: Kernel) -> Result<[String; 2]> {
    let dependency = kernel.dependency(&project.library().canonicalize()?);
    let package = |name: &str, tables: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n{tables}\n{dependency}\n"
        )
    };
    // As evcxr writes it when a cell names the crate.
    let ctx = package("ctx", "[lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n[dependencies]");
    // Keeps the versions in Cargo.lock while evcxr has none. On no platform, so that rust-analyzer does
    // not read all dependencies before a cell names the crate.
    let locked = package("locked", "[target.'cfg(any())'.dependencies]");
    Ok([ctx, locked])
}

/// What evcxr does before the first cell, without compiling anything: from now on rust-analyzer reads the
/// standard library, and as `ctx/Cargo.toml` differs it reads anew. (The level stands there only; what
/// counts is the workspace's profile.)
fn start_up(project: &Project) -> String {
    format!(":env {}={}\n:opt 1\n", rust_src::VARIABLE, rust_src::library(project).display())
}

/// Cargo exactly as evcxr calls it; any difference would make it build everything again.
fn cargo(folder: &Path) -> Result<Command> {
    let rustc = process::output(process::command("rustup").args(["which", "rustc"]))
        .map_or_else(|_| OsString::from("rustc"), OsString::from);
    let mut cargo = process::cargo();
    cargo
        .current_dir(folder.join("ctx"))
        .env("CARGO_TARGET_DIR", "target")
        .env("CARGO_BUILD_BUILD_DIR", "target")
        .env("RUSTC", rustc)
        .env("RUSTFLAGS", "-Cprefer-dynamic");
    Ok(cargo)
}

fn stamp(project: &Project, kernel: Kernel, rustc: &str) -> Result<Stamp> {
    let root = project.root();
    let is_source = |path: &PathBuf| {
        let mut folders = path.strip_prefix(root).unwrap_or(path).iter();
        !folders.any(|folder| ["tests", "benches", "examples", "target"].iter().any(|name| folder == *name))
    };
    let mut sources = [files::below(&project.library())?, files::below(&root.join("crates"))?].concat();
    sources.retain(is_source);
    sources.extend(["Cargo.toml", "Cargo.lock"].map(|name| root.join(name)));
    let mut parts = Vec::new();
    for path in sources {
        let cannot = || format!("cannot read {}", path.display());
        let content = fs::read(&path).with_context(cannot)?;
        // Cargo goes by this, also where a file was only touched.
        let time = fs::metadata(&path).and_then(|file| file.modified()).with_context(cannot)?;
        parts.push((path.clone(), content, time));
    }
    let libtorch = fs::canonicalize(project.libtorch()).ok();
    let written =
        (WORKSPACE, manifests(project, kernel)?, start_up(project), torch_sys::configuration(project));
    Ok(Stamp::of((parts, rustc, EVCXR.version, TASKS, written, libtorch)))
}
