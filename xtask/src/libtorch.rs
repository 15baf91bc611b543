//! libtorch: the one inside the Python environment's torch.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs,
    os::unix,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{files, project::Project, python::Python};

/// Points the project's link at the libtorch of `python`.
///
/// # Errors
/// If that torch has no libtorch, or the link cannot be made.
pub fn link(project: &Project, python: &Python) -> Result<()> {
    let torch = python.folder_of("torch")?;
    if !library(&torch).exists() {
        bail!("{} has no libtorch: remove {} and try again", torch.display(), python.prefix().display());
    }
    let link = project.libtorch();
    // Relative inside the project, so that the project can be moved.
    let wanted = torch.strip_prefix(project.root()).unwrap_or(&torch);
    if fs::read_link(&link).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    files::remove(&link)?;
    unix::fs::symlink(wanted, &link).with_context(|| format!("cannot make the link {}", link.display()))
}

/// The version of the linked libtorch, if there is one.
#[must_use]
pub fn version(project: &Project) -> Option<String> {
    library(&project.libtorch()).exists().then_some(())?;
    let text = fs::read_to_string(project.libtorch().join("version.py")).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(version.trim_matches(['\'', '"']).to_owned())
}

fn library(torch: &Path) -> PathBuf {
    torch.join("lib").join(format!("{DLL_PREFIX}torch_cpu{DLL_SUFFIX}"))
}
