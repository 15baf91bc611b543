//! The kernelspec, by which Jupyter finds the kernel.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{files, project::Project, python::Python};

/// The kernel's name, as the notebooks' metadata have it.
pub const NAME: &str = "siglip-rust";

/// The kernel's name on screen.
pub const DISPLAY_NAME: &str = "Rust (siglip)";

/// Folder with the `cargo` that the kernel compiles with, for when Jupyter's own path has none.
pub const CARGO_FOLDER: &str = "SIGLIP_CARGO_FOLDER";

/// Writes the kernelspec and the copy of `program`, this one, that it names, if they are not as they
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
    let text = serde_json::to_string_pretty(&content(project))? + "\n";
    let file = file(python);
    if fs::read_to_string(&file).ok().as_deref() != Some(text.as_str()) {
        files::write(&file, text)?;
    }
    Ok(())
}

/// Whether the kernelspec is there and names this project.
#[must_use]
pub fn is_ready(project: &Project, python: &Python) -> bool {
    let text = fs::read_to_string(file(python)).unwrap_or_default();
    let found: Value = serde_json::from_str(&text).unwrap_or_default();
    found["argv"] == content(project)["argv"] && launcher(project).exists()
}

/// A copy of this program, which no build replaces while it runs and no `cargo clean` removes.
#[must_use]
pub fn launcher(project: &Project) -> PathBuf {
    project.tools().join("siglip-kernel")
}

fn file(python: &Python) -> PathBuf {
    python.prefix().join("share/jupyter/kernels").join(NAME).join("kernel.json")
}

fn content(project: &Project) -> Value {
    let mut variables = serde_json::Map::new();
    // The toolchain that built the warm directory; another would build everything again.
    if let Ok(toolchain) = env::var("RUSTUP_TOOLCHAIN") {
        variables.insert("RUSTUP_TOOLCHAIN".into(), toolchain.into());
    }
    if let Some(folder) = folder_of_cargo() {
        variables.insert(CARGO_FOLDER.into(), folder.to_string_lossy().into());
    }
    json!({
        "argv": [launcher(project), "kernel", "--project", project.root(), "{connection_file}"],
        "display_name": DISPLAY_NAME,
        "language": "rust",
        "interrupt_mode": "message",
        "env": variables,
    })
}

fn folder_of_cargo() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find(|folder| folder.join("cargo").is_file())
}
