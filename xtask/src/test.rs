//! Every test of the project.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    browser::Browser, process, project::Project, reproduce, setup, side_environment::side_environment,
};

/// Longest time for one cell of a committed notebook, in seconds.
const CELL_TIMEOUT: u64 = 3600;

/// Runs every test, in order, and goes on after a failure.
///
/// # Errors
/// If the set-up or any test fails.
pub fn run(project: &Project) -> Result<()> {
    let start = Instant::now();
    let python = setup::everything(project)?;
    let requirements = project.library().join("tests/parity/requirements.txt");
    let parity = side_environment(project, &python, ".venv-parity", &requirements)?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = process::cargo();
        cargo.current_dir(project.root()).args(arguments);
        // For tests that compare with Python, live.
        cargo.env("SIGLIP_PYTHON", python.executable()).env("PARITY_PYTHON", parity.executable());
        cargo
    };
    let browser = Browser::ready(project, &python)?;
    let mut summary = Summary::default();
    summary.step("format", cargo(&["fmt", "--all", "--check"]));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    summary.step("lints", cargo(&clippy));
    summary.step("crates", cargo(&["test", "--workspace", "--no-fail-fast"]));
    let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    summary.step("documentation", doc);
    summary.step("kernel", cargo(&["test", "--package", "xtask", "--test", "kernel", "--", "--ignored"]));
    match browser {
        Some(browser) => summary.step("JupyterLab", browser.tests(project, &python)),
        None => summary.record(
            "JupyterLab",
            Ok(vec!["skipped: no Chromium or Chrome on the path (`apt install chromium`)".to_owned()]),
        ),
    }
    let output = project.target().join("notebook-tests");
    summary.record(
        "notebooks",
        reproduce::check(project, &python, &output, CELL_TIMEOUT)
            .map(|number| vec![format!("{number} notebooks executed, all of their checks passed")]),
    );
    println!("\n{}", summary.lines.join("\n"));
    println!("finished in {}", reproduce::readable(start.elapsed()));
    if !summary.failed.is_empty() {
        bail!("failed: {}", summary.failed.join(", "));
    }
    Ok(())
}

/// The closing lines of all steps, for the end.
#[derive(Default)]
struct Summary {
    lines: Vec<String>,
    failed: Vec<&'static str>,
}

impl Summary {
    fn step(&mut self, name: &'static str, command: Command) {
        eprintln!("\n== {name}");
        let result = closing_lines(command);
        self.record(name, result);
    }

    fn record(&mut self, name: &'static str, result: Result<Vec<String>>) {
        match result {
            Ok(lines) if lines.is_empty() => self.lines.push(format!("{name}: ok")),
            Ok(lines) => self.lines.extend(lines.into_iter().map(|line| format!("{name}: {line}"))),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                self.lines.push(format!("{name}: FAILED"));
                self.failed.push(name);
            }
        }
    }
}

/// Runs a step with its output on the screen, and returns the lines with which test runners close.
fn closing_lines(mut command: Command) -> Result<Vec<String>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("a pipe was asked for")?;
    let mut lines = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        if line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed") {
            lines.push(line);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(lines)
}
