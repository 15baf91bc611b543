//! A machine that has nothing but a toolchain: from a clone to the first executed notebook.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{machine, process, project::Project, report, setup};
use anyhow::{Context, Result};

const NOTEBOOK: &str = "BasicExperiment";

/// Clones the last commit, reproduces one notebook with empty caches, sets up the rest, and returns the table
/// of what that
/// took. All is below `target/bench/fresh`, and removed after.
///
/// # Errors
/// If a step fails; the folder is kept then.
pub(super) fn table(project: &Project) -> Result<String> {
    let folder = project.target().join("bench/fresh");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(&folder)?;
    let [clone, home, cargo_home] = ["clone", "home", "cargo"].map(|name| folder.join(name));
    process::run(process::command("git").args(["clone", "--quiet"]).arg(project.root()).arg(&clone))?;
    let task = |arguments: &[&str]| -> Result<Duration> {
        let mut cargo = process::cargo();
        // The toolchain is there, as on any machine that can begin; the rest is not.
        cargo.current_dir(&clone).env("RUSTUP_HOME", toolchains()?).env("CARGO_HOME", &cargo_home);
        cargo.env("HOME", &home).env("XDG_CACHE_HOME", home.join(".cache"));
        cargo.env("PIP_CACHE_DIR", home.join("pip"));
        cargo.env_remove("LIBTORCH").env_remove("CARGO_TARGET_DIR");
        let start = Instant::now();
        process::run(cargo.arg("xtask").args(arguments))?;
        Ok(start.elapsed())
    };
    let fresh = Project::at(clone.clone());
    let mut lines = vec![
        "# A fresh machine".to_owned(),
        format!(
            "\nFrom a clone with empty caches to {NOTEBOOK} executed, and then to what notebooks of checkpoints \
             need; steps go side by side.\n"
        ),
        "| step | time |\n|---|---|".to_owned(),
    ];
    let first = task(&["reproduce", NOTEBOOK])?;
    lines.extend(setup::taken(&fresh).iter().map(line));
    lines.push(format!("| **together, with the first notebook** | **{}** |", report::readable(first)));
    let rest = task(&["setup"])?;
    lines.extend(setup::taken(&fresh).iter().map(line));
    lines.push(format!("| **all** | **{}** |", report::readable(first + rest)));
    lines.push("\n| folder | MB |\n|---|---|".to_owned());
    let folders = [
        ("`.venv`: Python packages", fresh.venv()),
        ("`.kernels`: the crate for notebooks, built", fresh.kernels()),
        ("`.tools`: the Rust kernel, the C++ of torch-sys", fresh.tools()),
        ("`target`: what sets up", fresh.target()),
        ("sources of crates", cargo_home),
        ("caches", home),
    ];
    for (what, folder) in folders {
        lines.push(format!("| {what} | {} |", megabytes(&folder)?));
    }
    lines.push("\n| measured on | |\n|---|---|".to_owned());
    lines.extend(machine::surroundings(project).iter().map(|(what, which)| format!("| {what} | {which} |")));
    fs::remove_dir_all(&folder)?;
    Ok(lines.join("\n") + "\n")
}

fn line(step: &setup::Taken) -> String {
    format!("| {} | {} |", step.name, report::readable(Duration::from_secs_f64(step.seconds)))
}

/// Where rustup keeps its toolchains.
fn toolchains() -> Result<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".rustup"));
    env::var_os("RUSTUP_HOME").map(PathBuf::from).or_else(home).context("neither RUSTUP_HOME nor HOME is set")
}

/// What a folder takes on the disk.
fn megabytes(folder: &Path) -> Result<String> {
    let printed = process::output(process::command("du").arg("-sm").arg(folder))?;
    Ok(printed.split_whitespace().next().unwrap_or_default().to_owned())
}
