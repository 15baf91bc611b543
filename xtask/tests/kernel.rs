//! The real kernel on small notebooks: what must pass passes, and what must not is caught.
//!
//! `cargo xtask test` runs these, after the set-up that they need. Most use a project of their own,
//! whose `siglip_core` is a few lines, so that they can edit it and need no libtorch.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::LazyLock,
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::{
    environment::Environment,
    files,
    kernel::{evcxr, rust_src, spec, warm},
    notebook::{Execution, Failure, Outcome, execute},
    process,
    project::Project,
    python::{self, Python},
    setup,
};

const LIBRARY: &str = "pub fn answer() -> u32 { 41 }\n\
                       pub fn finish() { println!(\"All 1 checks passed.\") }\n";
const USE: &str = ":dep siglip_core = { path = \"../crate\" }\nuse siglip_core::*;";
const SLEEP: &str = "std::thread::sleep(std::time::Duration::from_secs(3600));";
const FINISH: &str = "finish();";

/// A small project with its kernel set up.
struct Small {
    folder: TempDir,
    project: Project,
}

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |name: &str, text: &str| files::write(&root.join(name), text).unwrap();
        write("Cargo.toml", "[workspace]\nmembers = [\"crate\"]\nresolver = \"3\"\n");
        write("crate/Cargo.toml", "[package]\nname = \"siglip_core\"\nedition = \"2024\"\n");
        write("crate/src/lib.rs", LIBRARY);
        fs::create_dir(root.join("notebooks")).unwrap();
        fs::create_dir(root.join(".tools")).unwrap();
        process::output(process::cargo().arg("generate-lockfile").current_dir(&root)).unwrap();
        let project = Project::at(root);
        let tool = |project: &Project| evcxr::binary(project).ancestors().nth(2).unwrap().to_owned();
        symlink(tool(&Project::find().unwrap()), tool(&project)).unwrap();
        let rustc = setup::rustc_version().unwrap();
        rust_src::ready(&project, &rustc).unwrap();
        warm::ready(&project, &rustc).unwrap();
        let prefix = Python::at(project.root().join("prefix"));
        spec::ready(&project, &prefix, Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap();
        Self { folder, project }
    }

    fn notebook(&self, cells: &[&str]) -> PathBuf {
        let file = tempfile::Builder::new().suffix(".ipynb").tempfile_in(self.project.notebooks()).unwrap();
        let (_, path) = file.keep().unwrap();
        fs::write(&path, serde_json::to_vec(&notebook(cells)).unwrap()).unwrap();
        path
    }

    fn jupyter_path(&self) -> (String, String) {
        let path = self.project.root().join("prefix/share/jupyter");
        ("JUPYTER_PATH".to_owned(), path.to_string_lossy().into_owned())
    }

    fn run(&self, cells: &[&str], timeout: u64) -> Outcome {
        let source = self.notebook(cells);
        let executed = self.folder.path().join("executed").join(source.file_name().unwrap());
        let folder = self.project.notebooks();
        let variables = vec![self.jupyter_path()];
        execute(&python(), &Execution { source, executed, folder, timeout, variables }).unwrap()
    }

    fn failure(&self, cells: &[&str]) -> Failure {
        self.run(cells, 120).verdict.unwrap_err()
    }

    /// What is in `.kernels` besides the warm directory, the spare clones and the locks.
    fn clones(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.project.kernels()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_kernels = |path: &PathBuf| {
            path.file_name().unwrap().to_str().unwrap().chars().all(|letter| letter.is_ascii_digit())
        };
        paths.filter(is_kernels).collect()
    }
}

/// The project's Python.
fn python() -> Python {
    let project = Project::find().unwrap();
    let environment = Environment::read(&project.environment_file()).unwrap();
    let (python, _) = python::locate(&project, &environment);
    assert!(python.is_complete(&environment), "run `cargo xtask setup` first");
    python
}

fn notebook(cells: &[&str]) -> Value {
    let cells: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(index, source)| {
            json!({"cell_type": "code", "id": format!("c{index}"), "metadata": {}, "source": source,
                   "outputs": [], "execution_count": null})
        })
        .collect();
    let kernelspec = json!({"name": spec::NAME, "display_name": spec::DISPLAY_NAME, "language": "rust"});
    json!({"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5})
}

/// For the tests that do not edit the library.
static SHARED: LazyLock<Small> = LazyLock::new(Small::new);

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_good_notebook_passes() {
    let outcome = SHARED.run(&[USE, "println!(\"{}\", answer());", FINISH], 120);
    assert_eq!(outcome.verdict, Ok(1));
    assert_eq!(outcome.notebook["cells"][1]["outputs"][0]["text"], json!(["41\n"]));
}

/// For both the kernel must have read the standard library.
#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn variables_have_types_before_and_after_the_crate_is_named() {
    let cells = ["let a = vec![1, 2];", "let b = a.len();", USE, "let c = Some(vec![answer(); b]);"];
    let print = "println!(\"{:?}\", (b, c));";
    let outcome = SHARED.run(&[&cells[..], &[print, FINISH]].concat(), 120);
    assert_eq!(outcome.verdict, Ok(1));
    assert_eq!(outcome.notebook["cells"][4]["outputs"][0]["text"], json!(["(2, Some([41, 41]))\n"]));
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_panic_is_caught() {
    let failure = SHARED.failure(&[USE, "let _ = [1, 2][answer() as usize];", FINISH]);
    assert_eq!(failure.cell, Some(2));
    assert!(failure.message.contains("index out of bounds"), "{failure}");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn an_err_is_caught_wherever_it_is() {
    let failing = "let number: u32 = \"forty\".parse()?;";
    for cells in [[failing, USE, FINISH], [USE, failing, FINISH], [USE, FINISH, failing]] {
        let failure = SHARED.failure(&cells);
        assert!(failure.message.contains("invalid digit"), "{failure}");
        assert_eq!(failure.source, failing);
    }
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_compile_error_is_caught() {
    let failure = SHARED.failure(&[USE, "let text: String = answer();", FINISH]);
    assert_eq!(failure.cell, Some(2));
    assert!(failure.message.contains("mismatched types"), "{failure}");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_cell_that_ends_its_process_is_caught() {
    for end in ["std::process::abort();", "std::process::exit(0);"] {
        let failure = SHARED.failure(&[USE, end, FINISH]);
        assert_eq!(failure.cell, Some(2));
        assert!(failure.message.contains("Subprocess terminated"), "{failure}");
    }
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_timeout_is_caught() {
    let failure = SHARED.run(&[USE, SLEEP, FINISH], 60).verdict.unwrap_err();
    assert_eq!(failure.cell, Some(2));
    assert!(failure.message.starts_with("timeout: no result after 60 s"), "{failure}");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_dead_kernel_is_caught_and_its_clone_removed_by_the_next() {
    let small = Small::new();
    let kill_the_kernel = "std::process::Command::new(\"sh\").args([\"-c\", \"kill -9 0\"]).status();";
    let failure = small.failure(&[USE, kill_the_kernel, FINISH]);
    assert_eq!(failure.cell, Some(2));
    assert!(failure.message.starts_with("the kernel died"), "{failure}");
    assert_eq!(small.clones().len(), 1, "the killed launcher could not clean up");
    assert_eq!(small.run(&[USE, FINISH], 120).verdict, Ok(1));
    assert_eq!(small.clones(), Vec::<PathBuf>::new());
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_kernel_whose_jupyter_was_killed_ends() {
    let small = Small::new();
    let source = small.notebook(&[USE, SLEEP]);
    let mut nbconvert = python().command();
    nbconvert.args(["-m", "nbconvert", "--to", "notebook", "--execute"]).arg(&source);
    let mut jupyter = nbconvert.envs([small.jupyter_path()]).spawn().unwrap();
    wait_until(|| small.clones().iter().any(|clone| clone.join("ctx/src/lib.rs").exists()));
    jupyter.kill().unwrap();
    jupyter.wait().unwrap();
    wait_until(|| small.clones().is_empty());
}

fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(300), "waited in vain");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_notebook_without_the_last_line_is_caught() {
    let failure = SHARED.failure(&[USE, FINISH, "println!(\"done\");"]);
    assert_eq!(failure.cell, None);
    assert!(failure.message.contains("`done`"), "{failure}");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn an_edit_is_picked_up_and_leaves_the_warm_directory_alone() {
    let small = Small::new();
    let warm = warm::folder(&small.project);
    let before = contents(&warm);
    let print = ["println!(\"{}\", answer());", FINISH];
    let answer = |small: &Small| {
        let outcome = small.run(&[USE, print[0], print[1]], 120);
        assert_eq!(outcome.verdict, Ok(1));
        outcome.notebook["cells"][1]["outputs"][0]["text"].clone()
    };
    assert_eq!(answer(&small), json!(["41\n"]));
    files::write(&small.project.library().join("src/lib.rs"), LIBRARY.replace("41", "42")).unwrap();
    assert_eq!(answer(&small), json!(["42\n"]));
    assert!(contents(&warm) == before, "the warm directory was changed by a clone of it");
}

/// Every file below `folder` with its modification time and its content.
fn contents(folder: &Path) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
    let files = files::below(folder).unwrap().into_iter();
    files
        .map(|path| {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let content = fs::read(&path).unwrap();
            (path, modified, content)
        })
        .collect()
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn plain_nbconvert_executes_a_notebook() {
    let source = SHARED.notebook(&[USE, FINISH]);
    let mut nbconvert = python().command();
    nbconvert.args(["-m", "nbconvert", "--to", "notebook", "--execute", "--output", "plain.ipynb"]);
    process::output(nbconvert.arg(&source).envs([SHARED.jupyter_path()])).unwrap();
    let executed = fs::read(source.with_file_name("plain.ipynb")).unwrap();
    let executed: Value = serde_json::from_slice(&executed).unwrap();
    assert_eq!(xtask::notebook::checks_passed(&executed), Ok(1));
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn the_projects_kernel_has_the_locked_versions() {
    let project = Project::find().unwrap();
    let print =
        "println!(\"{}\", std::fs::read_to_string(std::env::var(\"EVCXR_TMPDIR\")? + \"/../Cargo.lock\")?);";
    let printed = printed_in_the_project(&project, &[USE, print]);
    let locked = packages(&fs::read_to_string(project.root().join("Cargo.lock")).unwrap());
    let used = packages(&printed);
    assert!(used.iter().any(|package| package.starts_with("tch ")), "{printed}");
    let strangers: Vec<_> = used.iter().filter(|&package| !locked.contains(package)).collect();
    assert_eq!(strangers, ["ctx 1.0.0", "locked 1.0.0"]);
}

/// Types of other crates, which a cell can name only through `siglip_core`.
#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_variable_may_be_of_another_crates_type() {
    let train = "let vectors = Experiment { epochs: 1, ..Default::default() }.train()?.embeddings().to_owned();\n\
                 let doubled = vectors.mapv(|value| 2.0 * f64::from(value));\n\
                 let tensor = siglip_core::tch::Tensor::from_slice(&[1.0, 2.0]);\n\
                 let value = siglip_core::serde_json::json!({\"size\": tensor.size()});";
    let print = "println!(\"{} {}\", (doubled - vectors.mapv(f64::from) * 2.0).sum(), value);";
    let uses = ":dep siglip_core = { path = \"../crate\" }\nuse siglip_core::prelude::*;";
    let printed = printed_in_the_project(&Project::find().unwrap(), &[uses, train, print]);
    assert_eq!(printed, "0 {\"size\":[2]}\n");
}

/// What the last cell prints when these are run in the project's own kernel.
fn printed_in_the_project(project: &Project, cells: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("cells.ipynb");
    fs::write(&source, serde_json::to_vec(&notebook(cells)).unwrap()).unwrap();
    let executed = folder.path().join("executed.ipynb");
    let execution =
        Execution { source, executed, folder: project.notebooks(), timeout: 600, variables: Vec::new() };
    let outcome = execute(&python(), &execution).unwrap();
    let text = &outcome.notebook["cells"][cells.len() - 1]["outputs"][0]["text"];
    let lines: Vec<String> =
        serde_json::from_value(text.clone()).unwrap_or_else(|_| panic!("{:?}", outcome.verdict));
    lines.concat()
}

/// `name version` of every package in a lock file.
fn packages(lock: &str) -> Vec<String> {
    let value = |line: Option<&str>| line?.split('"').nth(1).map(str::to_owned);
    let mut lines = lock.lines();
    let mut packages = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("name = ") {
            packages.extend(
                value(Some(line)).zip(value(lines.next())).map(|(name, version)| name + " " + &version),
            );
        }
    }
    packages
}
