//! The kernelspecs, by which Jupyter finds the kernels.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::Kernel;
use crate::{files, project::Project, python::Python};

/// Folder with the `cargo` that kernels compile with, for when Jupyter's own path has none.
pub const CARGO_FOLDER: &str = "SIGLIP_CARGO_FOLDER";

/// Writes the kernelspecs and the copy of `program`, this one, that they name, if they are not as they
/// should be.
///
/// # Errors
/// If the Python environment or the project's folder cannot be written.
pub fn ready(project: &Project, python: &Python, program: &Path) -> Result<()> {
    let wanted = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let launcher = launcher(project);
    if fs::read(&launcher).ok().as_deref() != Some(wanted.as_slice()) {
        files::copy(program, &launcher)?;
    }
    for kernel in Kernel::ALL {
        let text = serde_json::to_string_pretty(&content(project, kernel))? + "\n";
        let file = file(python, kernel);
        if fs::read_to_string(&file).ok().as_deref() != Some(text.as_str()) {
            files::write(&file, text)?;
        }
    }
    Ok(())
}

/// Whether the kernelspec is there and names this project.
#[must_use]
pub fn is_ready(project: &Project, python: &Python, kernel: Kernel) -> bool {
    let text = fs::read_to_string(file(python, kernel)).unwrap_or_default();
    let found: Value = serde_json::from_str(&text).unwrap_or_default();
    found["argv"] == content(project, kernel)["argv"] && launcher(project).exists()
}

/// A copy of this program, which no build replaces while it runs and no `cargo clean` removes.
#[must_use]
pub fn launcher(project: &Project) -> PathBuf {
    project.tools().join("siglip-kernel")
}

/// What a notebook's metadata say of its kernel.
#[must_use]
pub fn metadata(kernel: Kernel) -> Value {
    json!({"name": kernel.name(), "display_name": kernel.display_name(), "language": "rust"})
}

fn file(python: &Python, kernel: Kernel) -> PathBuf {
    python.prefix().join("share/jupyter/kernels").join(kernel.name()).join("kernel.json")
}

fn content(project: &Project, kernel: Kernel) -> Value {
    let mut variables = Map::new();
    // The toolchain that built the warm directory; another would build everything again. Without both,
    // cargo does not trust what it has noted about the compiler, and asks it four times for each cell.
    for name in ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        variables.extend(env::var(name).ok().map(|value| (name.to_owned(), value.into())));
    }
    if let Some(folder) = folder_of_cargo() {
        variables.insert(CARGO_FOLDER.into(), folder.to_string_lossy().into());
    }
    let which = kernel.to_possible_value().map(|value| value.get_name().to_owned());
    json!({
        "argv": [launcher(project), "kernel", which, "--project", project.root(), "{connection_file}"],
        "display_name": kernel.display_name(),
        "language": "rust",
        "interrupt_mode": "message",
        "env": variables,
    })
}

fn folder_of_cargo() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find(|folder| folder.join("cargo").is_file())
}
