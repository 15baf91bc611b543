//! The notebooks as a web site that is opened from disk.

use std::path::PathBuf;

use anyhow::Result;

use crate::{process, project::Project, python::Python};

const SCRIPT: &str = include_str!("notebook/site.py");

/// Writes a page for each of the executed `notebooks` and an index of them, and returns the index.
/// The pages fetch nothing from the network.
///
/// # Errors
/// If a notebook cannot be read or the folder cannot be written.
pub fn write(
    project: &Project,
    python: &Python,
    notebooks: impl Iterator<Item = PathBuf>,
) -> Result<PathBuf> {
    let folder = project.target().join("site");
    process::run(python.command().args(["-c", SCRIPT]).arg(&folder).args(notebooks))?;
    Ok(folder.join("index.html"))
}
