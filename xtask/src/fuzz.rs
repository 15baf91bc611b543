//! Fuzzing of everything that reads files from outside, by cargo-fuzz: `fuzz/README.md`.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Result, bail, ensure};

use crate::{process, project::Project, setup, tool::Tool};

/// The program.
const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.1",
    profile: &[],
    variant: "",
    proof: ("--version", "cargo-fuzz"),
};

/// A reader, and what its search begins with.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    /// Whether it needs libtorch, whose C++ the sanitizer does not know.
    is_of_models: bool,
}

const PICTURES: [&str; 2] = ["crates/pictures/tests/golden", "crates/models/tests/golden/images"];
const TARGETS: [Target; 7] = [
    Target { name: "picture", seeds: &PICTURES, is_of_models: false },
    Target { name: "npz", seeds: &["fuzz/seeds/npz"], is_of_models: false },
    Target { name: "description", seeds: &["fuzz/seeds/description"], is_of_models: false },
    Target { name: "archive", seeds: &["fuzz/seeds/archive"], is_of_models: true },
    Target { name: "weights", seeds: &["fuzz/seeds/weights"], is_of_models: true },
    Target { name: "tokenizer", seeds: &["fuzz/seeds/tokenizer"], is_of_models: true },
    Target { name: "checkpoint", seeds: &["fuzz/seeds/checkpoint"], is_of_models: true },
];

/// Those that need no libtorch, which would have to be compiled once more.
pub const IN_TESTS: [&str; 3] = ["picture", "npz", "description"];

/// Installs cargo-fuzz if it is not there.
///
/// # Errors
/// If it cannot be installed.
pub fn ready(project: &Project) -> Result<()> {
    let _one_at_a_time = setup::lock(project)?;
    CARGO_FUZZ.ready(project, &setup::rustc_version()?, &process::run)
}

/// Runs each of `targets`, or all of them, for so many seconds, and goes on after one that fails.
///
/// # Errors
/// If there is no such target, cargo-fuzz cannot be installed, a target cannot be built, or one finds an
/// input at which a reader stops; it is then in `fuzz/artifacts`, and becomes a test.
pub fn run<S: AsRef<str>>(project: &Project, targets: &[S], seconds: u64) -> Result<usize> {
    let targets: Vec<&str> = targets.iter().map(AsRef::as_ref).collect();
    if let Some(unknown) = targets.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("no target is called `{unknown}`: there are {}", names.join(", "));
    }
    ready(project)?;
    let chosen = TARGETS.iter().filter(|target| targets.is_empty() || targets.contains(&target.name));
    let (mut passed, mut failed) = (0, Vec::new());
    for target in chosen {
        match run_one(&mut target.command(project, seconds)?) {
            Ok(()) => passed += 1,
            Err(error) => {
                eprintln!("{}: {error:#}", target.name);
                failed.push(target.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}; the inputs are in fuzz/artifacts", failed.join(", "));
    }
    Ok(passed)
}

/// Runs a target, and prints what it says but for the inputs that it keeps, of which there are thousands.
fn run_one(command: &mut Command) -> Result<()> {
    let (reader, writer) = io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    command.stdout(Stdio::null()).stderr(Stdio::null()); // closes the pipe's other end
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if !["\tREDUCE", "\tNEW", "\" # Uses: "].iter().any(|kept| line.contains(kept)) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

impl Target {
    fn command(&self, project: &Project, seconds: u64) -> Result<Command> {
        let corpus = project.root().join("fuzz/corpus").join(self.name);
        std::fs::create_dir_all(&corpus)?;
        let mut command = process::command(CARGO_FUZZ.binary(project));
        command.current_dir(project.root()).args(["run", "--fuzz-dir", "fuzz"]);
        // The flags for sanitizers are those of nightly compilers. Every compiler has them, and the libraries.
        command.env("RUSTC_BOOTSTRAP", "1");
        if self.is_of_models {
            command.args(["--features", "models", "--sanitizer", "none"]);
            command.env("LD_LIBRARY_PATH", project.root().join(".libtorch/lib"));
        }
        // What is found goes to the first folder.
        let seeds = self.seeds.iter().map(|folder| project.root().join(folder));
        let folders: Vec<PathBuf> = std::iter::once(corpus).chain(seeds).collect();
        command.arg(self.name).args(folders);
        // A few bytes can be a picture of 89 million pixels, which takes the sanitizer half a minute.
        command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=240", "-rss_limit_mb=4096"]);
        Ok(command)
    }
}
