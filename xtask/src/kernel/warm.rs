//! The build directory that kernels are cloned from.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{clone_tree, evcxr, spare};
use crate::{
    files::{self, Stamp},
    process,
    project::Project,
};

const WORKSPACE: &str = include_str!("workspace.toml");

/// What evcxr does with a cell: it builds it, and if it cannot tell a variable's type, as in every cell
/// that does not compile, it checks it.
const TASKS: [&str; 2] = ["build", "check"];

/// The warm directory.
#[must_use]
pub fn folder(project: &Project) -> PathBuf {
    project.kernels().join("warm")
}

/// Where the next one is built; what an interruption leaves there is continued.
fn next(project: &Project) -> PathBuf {
    project.kernels().join("next")
}

/// Waits until no other process makes, removes or replaces a directory in `.kernels`.
///
/// # Errors
/// If the lock file cannot be made.
pub fn lock(project: &Project) -> Result<File> {
    fs::create_dir_all(project.kernels())?;
    let path = project.kernels().join("lock");
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Whether the warm directory was built from the present sources by the present compiler.
///
/// # Errors
/// If the sources cannot be read.
pub fn is_ready(project: &Project, rustc: &str) -> Result<bool> {
    Ok(stamp(project, rustc)?.is_at(&folder(project).join("stamp")))
}

/// Builds the warm directory if it is missing or old.
///
/// # Errors
/// If the crate does not compile; the compiler's messages are then on the screen.
pub fn ready(project: &Project, rustc: &str) -> Result<()> {
    let stamp = stamp(project, rustc)?;
    if stamp.is_at(&folder(project).join("stamp")) {
        return Ok(());
    }
    let next = next(project);
    start_from_what_is_there(project, &next, rustc)?;
    write_manifests(project, &next)?;
    eprintln!("Building the crate for the notebooks: once, some minutes");
    // evcxr asks for the metadata of all platforms: now, not when someone opens a notebook offline.
    process::output(cargo(&next)?.args(["metadata", "--format-version", "1"]))?;
    let host = host(rustc).context("`rustc -vV` names no host")?;
    for task in TASKS {
        process::run(cargo(&next)?.args([task, "--target", host]))
            .context("the crate `siglip_core` does not compile for the notebooks")?;
    }
    stamp.put(&next.join("stamp"))?;
    let _lock = lock(project)?;
    files::remove(&folder(project))?;
    fs::rename(&next, folder(project)).context("cannot put the new build directory in its place")?;
    spare::make(project)
}

/// Leaves in `next` the best start: what an interruption left, else a clone of the old, else nothing. What
/// was built of other versions would only be cloned for every kernel.
fn start_from_what_is_there(project: &Project, next: &Path, rustc: &str) -> Result<()> {
    let locked = fs::read(project.root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let versions = Stamp::of((rustc, evcxr::VERSION, locked));
    let usable = |folder: &Path| versions.is_at(&folder.join("versions"));
    if !usable(next) {
        files::remove(next)?;
        let warm = folder(project);
        if usable(&warm) {
            let _lock = lock(project)?;
            clone_tree(&warm, next)?;
        }
    }
    versions.put(&next.join("versions"))
}

fn write_manifests(project: &Project, folder: &Path) -> Result<()> {
    let [ctx, locked] = manifests(project)?;
    files::write(&folder.join("Cargo.toml"), WORKSPACE)?;
    files::copy(&project.root().join("Cargo.lock"), &folder.join("Cargo.lock"))?;
    files::write(&folder.join("locked/Cargo.toml"), locked)?;
    files::write(&folder.join("locked/src/lib.rs"), "")?;
    files::write(&folder.join("ctx/Cargo.toml"), ctx)?;
    files::write(&folder.join("ctx/src/lib.rs"), "pub use siglip_core;\n")
}

/// What stands in the packages' `Cargo.toml`.
fn manifests(project: &Project) -> Result<[String; 2]> {
    let library = project.library().canonicalize()?;
    let package = |name: &str, tables: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n\
             {tables}\nsiglip_core = {{ path = {library:?} }}\n"
        )
    };
    // As evcxr writes it when a cell names the crate.
    let ctx = package("ctx", "[lib]\ncrate-type = [\"cdylib\"]\npath = \"src/lib.rs\"\n\n[dependencies]");
    // Keeps the versions in Cargo.lock while evcxr has none. On no platform, so that rust-analyzer does
    // not read all dependencies before a cell names the crate.
    let locked = package("locked", "[target.'cfg(any())'.dependencies]");
    Ok([ctx, locked])
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

fn host(rustc: &str) -> Option<&str> {
    rustc.lines().find_map(|line| line.strip_prefix("host: "))
}

fn stamp(project: &Project, rustc: &str) -> Result<Stamp> {
    let mut sources = files::below(&project.library())?;
    sources.retain(|path| {
        let name = path.strip_prefix(project.library()).unwrap_or(path);
        !["tests", "benches", "examples", "target"].iter().any(|folder| name.starts_with(folder))
    });
    sources.extend(["Cargo.toml", "Cargo.lock"].map(|name| project.root().join(name)));
    let mut parts = Vec::new();
    for path in sources {
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        parts.push((path, content));
    }
    let libtorch = fs::canonicalize(project.libtorch()).ok();
    Ok(Stamp::of((parts, rustc, evcxr::VERSION, WORKSPACE, TASKS, manifests(project)?, libtorch)))
}
