//! Python environments beside the project's own, for what only tests and benchmarks compare with.
//!
//! They see the project's torch and numpy, which are large, and add packages that the notebooks
//! must not depend on.

use std::{fs, path::Path};

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
    let inherited = python.site_packages()?;
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
    side.make(python.command(), &process::run)?;
    // Lines of such a file follow the environment's own packages on Python's path, so pip finds
    // torch there too and does not install it again.
    files::write(&side.site_packages()?.join("project.pth"), format!("{}\n", inherited.display()))?;
    side.install(&process::run, ["--requirement".as_ref(), requirements.as_os_str()])?;
    let torch = side.folder_of("torch")?;
    ensure!(
        !torch.starts_with(side.prefix()),
        "{} asks for another torch than the project's",
        requirements.display()
    );
    Ok(())
}
