//! Every test of the project, or those that take no more than minutes.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    browser::Browser, fuzz, process, project::Project, python::PyTorch, report, reproduce, setup,
    side_environment::side_environment,
};

/// Longest time for one cell of a committed notebook, in seconds.
const CELL_TIMEOUT: u64 = 3600;

/// Of each target, so that all take a minute.
const FUZZ_SECONDS: u64 = 20;

/// What a test that is ignored says, where a step of its own runs it.
const OWN_STEP: &str = "`cargo xtask test` runs it";

/// Runs every test, in order, and goes on after a failure; if `is_quick`, those that need no kernel.
///
/// # Errors
/// If the set-up or any test fails.
pub fn run(project: &Project, is_quick: bool) -> Result<()> {
    let table = Table::new();
    let python = if is_quick {
        setup::engine(project, PyTorch::Whole)?
    } else {
        setup::everything(project, PyTorch::Whole)?
    };
    let cargo = |arguments: &[&str]| {
        let mut cargo = process::cargo();
        // For tests that compare with Python, live.
        cargo.current_dir(project.root()).args(arguments).env("SIGLIP_PYTHON", python.executable());
        cargo
    };
    let mut crates = cargo(&["test", "--workspace", "--no-fail-fast"]);
    if !is_quick {
        let requirements = project.parity_requirements();
        let parity = side_environment(project, &python, ".venv-parity", &requirements)?;
        crates.env("PARITY_PYTHON", parity.executable());
        let requirements = project.root().join("cluster/requirements.txt");
        let dask = side_environment(project, &python, ".venv-dask", &requirements)?;
        crates.env("DASK_PYTHON", dask.executable());
    }
    let browser = if is_quick { None } else { Browser::ready(project, &python)? };
    table.step("format", || follow(cargo(&["fmt", "--all", "--check"])));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    let of_crates = || {
        table.step("lints", || follow(cargo(&clippy)));
        table.step("crates", || follow(crates));
        table.step("documentation", || follow(doc));
    };
    if is_quick {
        of_crates();
        for step in ["fuzzing", "kernel", "JupyterLab", "notebooks"] {
            table.step(step, || Ok(Tally::skipped(format!("{step}: only without --quick"))));
        }
        return table.close();
    }
    let kernel = ["test", "--workspace", "--test", "kernel", "--", "--ignored"];
    let output = project.target().join("notebook-tests");
    // Kernels and browsers wait much of the time, and keep to themselves what they compile.
    thread::scope(|scope| {
        scope.spawn(|| {
            table.step("notebooks", || {
                let passed = reproduce::check(project, &python, &output, CELL_TIMEOUT)?;
                Ok(Tally { passed, ..Tally::default() })
            });
        });
        scope.spawn(|| {
            table.step("JupyterLab", || match browser {
                Some(browser) => follow(browser.tests(project)),
                None => Ok(Tally::skipped(
                    "JupyterLab: no Chromium or Chrome on the path (`apt install chromium`)",
                )),
            });
            table.step("kernel", || follow(cargo(&kernel)));
        });
        of_crates();
        table.step("fuzzing", || {
            if let Err(error) = fuzz::ready(project) {
                return Ok(Tally::skipped(format!("fuzzing: cargo-fuzz cannot be installed: {error:#}")));
            }
            let passed = fuzz::run(project, &fuzz::IN_TESTS, FUZZ_SECONDS)?;
            Ok(Tally { passed, ..Tally::default() })
        });
    });
    table.close()
}

/// Runs a step with its output on the screen, and counts its tests.
fn follow(mut command: Command) -> Result<Tally> {
    let (reader, writer) = io::pipe()?;
    let mut child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
    drop(command); // and with it the pipe's other end
    let mut lines = Vec::new();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        println!("{line}");
        lines.push(line);
    }
    let status = child.wait()?;
    let mut tally = Tally::of(&lines);
    if !status.success() {
        println!("{status}");
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
}

/// What came of tests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
    /// What the runners printed of those that failed.
    failures: Vec<String>,
    /// Which, and why.
    skipped: Vec<String>,
}

impl Tally {
    fn skipped(which_and_why: impl Into<String>) -> Self {
        Self { skipped: vec![which_and_why.into()], ..Self::default() }
    }

    /// Counts what the lines of test runners say.
    fn of(lines: &[String]) -> Self {
        let mut tally = Self::default();
        let mut returned = 0;
        let mut is_of_failure = false;
        for line in lines {
            // A section for each, then a list of their names.
            is_of_failure = (is_of_failure && line != "failures:") || line.starts_with("---- ");
            if is_of_failure {
                tally.failures.push(line.clone());
            }
            if let Some(result) = line.strip_prefix("test result: ") {
                let words: Vec<_> = result.split([' ', ';']).filter(|word| !word.is_empty()).collect();
                let number = |what| {
                    let place = words.iter().position(|word| *word == what);
                    place.and_then(|place| words[place - 1].parse::<usize>().ok()).unwrap_or(0)
                };
                tally.passed += number("passed");
                tally.failed += number("failed");
            } else if let Some((test, reason)) = line.split_once(" ... ignored")
                && !reason.contains(OWN_STEP)
            {
                tally.skipped.push(format!(
                    "{}: {}",
                    test.trim_start_matches("test "),
                    reason.trim_start_matches(", ")
                ));
            } else if let Some(skipped) =
                line.rsplit(" ... ").next().and_then(|said| said.strip_prefix("SKIPPED "))
            {
                // By `testing::skip`: its runner counts it among those that passed.
                returned += 1;
                tally.skipped.push(skipped.to_owned());
            }
        }
        tally.passed = tally.passed.saturating_sub(returned);
        tally
    }
}

/// A line for each step, for the end.
struct Table {
    start: Instant,
    /// In the order in which they ended.
    steps: Mutex<Vec<(&'static str, Duration, Tally)>>,
}

impl Table {
    fn new() -> Self {
        Self { start: Instant::now(), steps: Mutex::default() }
    }

    fn step(&self, name: &'static str, work: impl FnOnce() -> Result<Tally>) {
        println!("\n== {name}");
        let start = Instant::now();
        let tally = work().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Tally { failed: 1, failures: vec![format!("{name}: {error:#}")], ..Tally::default() }
        });
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push((name, start.elapsed(), tally));
    }

    /// Prints the table, and fails if a step has failed.
    fn close(self) -> Result<()> {
        let steps = self.steps.into_inner().unwrap_or_else(PoisonError::into_inner);
        let all = |count: fn(&Tally) -> usize| steps.iter().map(|(_, _, tally)| count(tally)).sum::<usize>();
        let failed: Vec<_> = steps.iter().filter(|step| step.2.failed > 0).map(|step| step.0).collect();
        println!("\n{:<14}{:>8}{:>8}{:>8}{:>9}", "step", "seconds", "passed", "failed", "skipped");
        for (name, time, tally) in &steps {
            let Tally { passed, failed, skipped, .. } = tally;
            let seconds = time.as_secs_f64();
            println!("{name:<14}{seconds:>8.1}{passed:>8}{failed:>8}{:>9}", skipped.len());
        }
        for skipped in steps.iter().flat_map(|(_, _, tally)| &tally.skipped) {
            println!("skipped {skipped}");
        }
        // Once more, as it went by among what other lanes printed.
        for line in steps.iter().flat_map(|(_, _, tally)| &tally.failures) {
            println!("{line}");
        }
        println!("finished in {}", report::readable(self.start.elapsed()));
        let [passed, skipped] = [all(|tally| tally.passed), all(|tally| tally.skipped.len())];
        println!("{passed} passed, {} failed, {skipped} skipped", all(|tally| tally.failed));
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_and_skipped_tests_are_named() {
        let lines = [
            "running 4 tests",
            "test a ... ok",
            "SKIPPED b::c: node is not installed",
            "test b::c ... ok",
            // Where tests run one at a time, the runner has begun its line.
            "test d ... SKIPPED d: no browser",
            "ok",
            "test slow ... ignored, takes minutes",
            "test other ... ignored, needs the kernel: `cargo xtask test` runs it",
            "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "test result: ok. 10 passed; 0 failed",
        ];
        let failing = [
            "failures:",
            "",
            "---- b::c stdout ----",
            "left: 1",
            "",
            "failures:",
            "    b::c",
            "",
            "test result: FAILED. 0 passed; 1 failed",
        ];
        let told = Tally::of(&failing.map(str::to_owned));
        assert_eq!(
            (told.failed, told.failures),
            (1, failing[2..5].iter().map(|&line| line.into()).collect())
        );
        let skipped = ["b::c: node is not installed", "d: no browser", "slow: takes minutes"];
        let tally = Tally::of(&lines.map(str::to_owned));
        assert_eq!(
            tally,
            Tally { passed: 11, failed: 1, skipped: skipped.map(str::to_owned).to_vec(), ..Tally::default() }
        );
    }

    #[test]
    fn a_step_that_fails_without_a_result_is_counted() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            follow(command).unwrap()
        };
        assert_eq!(
            shell("echo 'test result: ok. 2 passed; 0 failed' >&2"),
            Tally { passed: 2, ..Tally::default() }
        );
        assert_eq!(shell("echo; exit 3").failed, 1);
        assert_eq!(shell("echo 'test result: FAILED. 2 passed; 4 failed'; exit 1").failed, 4);
        let table = Table::new();
        table.step("good", || Ok(Tally::skipped("x: why")));
        assert!(table.close().is_ok());
        let table = Table::new();
        table.step("bad", || bail!("not even begun"));
        assert_eq!(table.close().unwrap_err().to_string(), "failed: bad");
    }
}
