//! The notebooks as a web site, with the page that trains in front.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{process, project::Project, python::Python};

const PAGES: &str = include_str!("notebook/site.py");

/// Writes the site into `folder`: a page for each of `notebooks`, in the order in which they are
/// read, the report, and the front page. It is opened from disk as well as served, and fetches nothing.
///
/// # Errors
/// If a notebook cannot be read, or a page not be written.
pub fn write(project: &Project, python: &Python, notebooks: &[PathBuf], folder: &Path) -> Result<()> {
    let logs = project.logs();
    process::run(python.command().args(["-c", PAGES]).arg(folder).arg(&logs).args(notebooks))?;
    let mut front = process::cargo();
    front.args(["run", "--quiet", "--package", "siglip-explorer", "--example", "front", "--"]);
    front.current_dir(project.root()).arg(folder.join("index.html")).arg(folder.join("entries.json"));
    process::run(front.arg("report.html").arg(logs.join("basicpicture.png")))?;
    println!("The site is {}", folder.join("index.html").display());
    Ok(())
}
