//! Python environments beside the project's own, for what only tests and benchmarks compare with.
//!
//! They see the project's torch and numpy, which are large, and add packages that the notebooks
//! must not depend on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{files, files::Stamp, process, project::Project, python::Python, setup};

/// The environment `name` in the project's root with the packages of `requirements`, a file for
/// `pip install -r`. It is made if it is not there, and again if the file or `python`, the
/// project's environment, has changed.
///
/// # Errors
/// If the environment cannot be made, or a package cannot be installed.
pub fn side_environment(
    project: &Project,
    python: &Python,
    name: &str,
    requirements: &Path,
) -> Result<Python> {
    let _one_at_a_time = setup::lock(project)?;
    let side = Python::at(project.root().join(name));
    let text = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let inherited = site_packages(python)?;
    let version = process::output(python.command().arg("--version"))?;
    let stamp = Stamp::of((&text, &inherited, version));
    let stamp_file = side.prefix().join(".siglip-requirements");
    if side.executable().exists() && stamp.is_at(&stamp_file) {
        return Ok(side);
    }
    make(&side, python, &inherited, requirements).with_context(|| format!("cannot make {name}"))?;
    stamp.put(&stamp_file)?;
    Ok(side)
}

fn make(side: &Python, python: &Python, inherited: &Path, requirements: &Path) -> Result<()> {
    eprintln!("Making {} from {}", side.prefix().display(), requirements.display());
    files::remove(side.prefix())?;
    process::run(python.command().args(["-m", "venv"]).arg(side.prefix()))
        .context("on Debian and Ubuntu, `apt install python3-venv` provides the module venv")?;
    // Lines of such a file follow the environment's own packages on Python's path, so pip finds
    // torch there too and does not install it again.
    files::write(&site_packages(side)?.join("project.pth"), format!("{}\n", inherited.display()))?;
    let mut pip = side.command();
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--requirement"]);
    process::run(pip.arg(requirements))?;
    let torch = side.folder_of("torch")?;
    ensure!(
        !torch.starts_with(side.prefix()),
        "{} asks for another torch than the project's",
        requirements.display()
    );
    Ok(())
}

/// Where pip puts packages.
fn site_packages(python: &Python) -> Result<PathBuf> {
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    Ok(process::output(python.command().args(["-c", script]))?.into())
}
