//! evcxr's Jupyter kernel, installed for this project only.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{
    files, process,
    project::{self, Project},
};

/// The version; its directory layout is relied on in [`super::warm`].
pub const VERSION: &str = "0.22.0";

/// How it is optimised: before a kernel's first cell it analyses all crates, on one thread, and that takes
/// a seventh less than in the package's own profile. As settings of cargo.
const PROFILE: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "fat"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")];

/// The program, whether it is there or not.
#[must_use]
pub fn binary(project: &Project) -> PathBuf {
    folder(project).join("bin/evcxr_jupyter")
}

fn folder(project: &Project) -> PathBuf {
    project.tools().join(format!("evcxr_jupyter-{VERSION}"))
}

/// Installs the program if it is not there: from the user's cache, else from its sources.
///
/// # Errors
/// If it cannot be built.
pub fn ready(project: &Project, rustc: &str) -> Result<()> {
    let binary = binary(project);
    if binary.exists() {
        return Ok(());
    }
    let cached = cached(rustc);
    if let Some(cached) = cached.as_deref().filter(|cached| works(cached)) {
        eprintln!("Taking evcxr_jupyter {VERSION} from {}", cached.display());
        return files::copy(cached, &binary);
    }
    build(project)?;
    if !works(&binary) {
        files::remove(&binary)?;
        bail!("the evcxr_jupyter that was built does not run");
    }
    // A convenience for the next clone; that it cannot be kept is no failure.
    if let Some(cached) = cached {
        let _ = files::copy(&binary, &cached);
    }
    Ok(())
}

fn build(project: &Project) -> Result<()> {
    eprintln!("Building the Rust kernel, evcxr_jupyter {VERSION}: once, about ten minutes on two cores");
    let build = project.tools().join("evcxr_build");
    let mut cargo = process::cargo();
    cargo.args(["install", "evcxr_jupyter", "--version", VERSION, "--locked", "--force", "--root"]);
    cargo.arg(folder(project));
    // A directory of our own keeps what was compiled when the build is interrupted.
    process::run(cargo.env("CARGO_TARGET_DIR", &build).envs(PROFILE))?;
    files::remove(&build)
}

fn works(binary: &Path) -> bool {
    process::output(process::command(binary).arg("--help")).is_ok_and(|text| text.contains("--install"))
}

/// Where a copy is kept for other clones of the same user; `rustc` is what `rustc -vV` prints.
fn cached(rustc: &str) -> Option<PathBuf> {
    let line = |key: &str| rustc.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let name = format!("evcxr_jupyter-{VERSION}-lto-rustc-{}-{}", line("release:")?, line("host:")?);
    Some(project::cache()?.join(name))
}
