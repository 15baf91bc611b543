//! The page that trains, in a browser: `crates/explorer/tests/browser/measure.py`.

use std::fs;

use anyhow::{Context, Result};

use crate::{browser::Browser, process, project::Project, python::PyTorch, setup};

/// Opens the page, turns its knobs, and returns the table of what it noted about itself.
///
/// # Errors
/// If there is no browser, or the page cannot be built or does not train.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project, PyTorch::Libraries)?;
    let browser = Browser::ready(project, &python)?.context(
        "the page is measured in Chromium or Chrome, and neither is on the path (`apt install chromium`)",
    )?;
    let folder = project.target().join("bench/page");
    fs::create_dir_all(&folder)?;
    let (front, table) = (folder.join("front.html"), folder.join("table.md"));
    let mut cargo = process::cargo();
    cargo.current_dir(project.root()).args([
        "run",
        "--package",
        "siglip-explorer",
        "--example",
        "front",
        "--",
    ]);
    process::run(cargo.arg(&front))?;
    let script = project.root().join("crates/explorer/tests/browser/measure.py");
    process::run(browser.python().command().arg(script).arg(&front).arg(&table))?;
    Ok(fs::read_to_string(table)?)
}
