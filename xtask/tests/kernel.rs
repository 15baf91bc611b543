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
    kernel::{Kernel, evcxr::EVCXR, rust_src, slot::Slot, spec, warm},
    notebook::{Counts, Execution, Failure, Outcome, execute, judge},
    process,
    project::Project,
    python::{self, PyTorch, Python},
    setup,
};

const LIBRARY: &str = "pub fn answer() -> u32 { 41 }\n\
                       pub fn finish() {\n\
                           let counts = \"{\\\"passed\\\": 1, \\\"reported\\\": 0}\";\n\
                           std::fs::write(std::env::var(\"METRICS\").unwrap(), counts).unwrap()\n\
                       }\n";
const USE: &str = ":dep siglip_core = { path = \"../crate\" }\nuse siglip_core::*;";
const SLEEP: &str = "std::thread::sleep(std::time::Duration::from_secs(3600));";
const FINISH: &str = "finish();";
const PASSED: Result<Counts, Failure> = Ok(Counts { passed: 1, reported: 0 });
/// Prints in which slot the kernel is.
const SLOT: &str = "println!(\"{}\", std::env::var(\"EVCXR_TMPDIR\")?.rsplit('/').nth(1).unwrap());";

/// The kernel of the small projects; for them both are the same.
const KERNEL: Kernel = Kernel::Synthetic;

/// A small project with its kernel set up.
struct Small {
    folder: TempDir,
    project: Project,
}

impl Small {
    fn new() -> Self {
        Self::below("project")
    }

    /// In a folder whose name begins so.
    fn below(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let write = |name: &str, text: &str| files::write(&root.join(name), text).unwrap();
        write("Cargo.toml", "[workspace]\nmembers = [\"crate\"]\nresolver = \"3\"\n");
        write("crate/Cargo.toml", "[package]\nname = \"siglip_core\"\nedition = \"2024\"\n");
        write("crate/src/lib.rs", LIBRARY);
        fs::create_dir(root.join("notebooks")).unwrap();
        fs::create_dir(root.join(".tools")).unwrap();
        process::output(process::cargo().arg("generate-lockfile").current_dir(&root)).unwrap();
        let project = Project::at(root);
        let tool = |project: &Project| EVCXR.binary(project).ancestors().nth(2).unwrap().to_owned();
        symlink(tool(&Project::find().unwrap()), tool(&project)).unwrap();
        let rustc = setup::rustc_version().unwrap();
        rust_src::ready(&project, &rustc).unwrap();
        warm::ready(&project, KERNEL, &rustc, &process::run).unwrap();
        let prefix = Python::at(project.root().join("prefix"));
        spec::ready(&project, &prefix, Path::new(env!("CARGO_BIN_EXE_xtask"))).unwrap();
        Self { folder, project }
    }

    fn notebook(&self, cells: &[&str]) -> PathBuf {
        let file = tempfile::Builder::new().suffix(".ipynb").tempfile_in(self.project.notebooks()).unwrap();
        let (_, path) = file.keep().unwrap();
        fs::write(&path, serde_json::to_vec(&notebook(KERNEL, cells)).unwrap()).unwrap();
        path
    }

    fn jupyter_path(&self) -> (String, String) {
        let path = self.project.root().join("prefix/share/jupyter");
        ("JUPYTER_PATH".to_owned(), path.to_string_lossy().into_owned())
    }

    fn run(&self, cells: &[&str], timeout: u64) -> Outcome {
        let source = self.notebook(cells);
        // As an earlier execution has left them.
        fs::write(source.with_extension("json"), "{\"passed\": 9, \"reported\": 0}").unwrap();
        let executed = self.folder.path().join("executed").join(source.file_name().unwrap());
        let folder = self.project.notebooks();
        let metrics = source.with_extension("json");
        let variables =
            vec![self.jupyter_path(), ("METRICS".to_owned(), metrics.to_string_lossy().into_owned())];
        execute(&python(), &Execution { source, executed, metrics, folder, timeout, variables }).unwrap()
    }

    fn failure(&self, cells: &[&str]) -> Failure {
        self.run(cells, 120).verdict.unwrap_err()
    }

    fn is_free(&self, slot: usize) -> bool {
        Slot::free(&self.project, KERNEL, slot).unwrap().is_some()
    }
}

/// The project's Python.
fn python() -> Python {
    let project = Project::find().unwrap();
    let environment = Environment::read(&project.environment_file()).unwrap();
    let (python, _) = python::locate(&project, &environment);
    assert!(python.is_complete(&environment, PyTorch::Libraries), "run `cargo xtask setup` first");
    python
}

fn notebook(kernel: Kernel, cells: &[&str]) -> Value {
    let cells: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(index, source)| {
            json!({"cell_type": "code", "id": format!("c{index}"), "metadata": {}, "source": source,
                   "outputs": [], "execution_count": null})
        })
        .collect();
    let metadata = json!({"kernelspec": spec::metadata(kernel)});
    json!({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
}

/// For the tests that do not edit the library.
static SHARED: LazyLock<Small> = LazyLock::new(Small::new);

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_good_notebook_passes() {
    let outcome = SHARED.run(&[USE, "println!(\"{}\", answer());", FINISH], 120);
    assert_eq!(outcome.verdict, PASSED);
    assert_eq!(outcome.notebook["cells"][1]["outputs"][0]["text"], json!(["41\n"]));
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_project_may_be_in_a_folder_of_any_name() {
    let name =
        "my  runs, \"a\" 'e\u{301}' \u{a0}\u{e01}\u{e33} \u{939}\u{93f} \u{2764}\u{fe0f} #1 \\ $HOME {a} ";
    let small = Small::below(name);
    let outcome = small.run(&[USE, "let n = answer();", "println!(\"{n}\");", FINISH], 120);
    files::remove(&small.project.kernels()).unwrap();
    assert_eq!(outcome.verdict, PASSED);
    assert_eq!(outcome.notebook["cells"][2]["outputs"][0]["text"], json!(["41\n"]));
}

/// For both the kernel must have read the standard library.
#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn variables_have_types_before_and_after_the_crate_is_named() {
    let cells = ["let a = vec![1, 2];", "let b = a.len();", USE, "let c = Some(vec![answer(); b]);"];
    let print = "println!(\"{:?}\", (b, c));";
    let outcome = SHARED.run(&[&cells[..], &[print, FINISH]].concat(), 120);
    assert_eq!(outcome.verdict, PASSED);
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
fn a_dead_kernel_is_caught_and_its_slot_is_the_next_ones() {
    let small = Small::new();
    let kill_the_kernel = "std::process::Command::new(\"sh\").args([\"-c\", \"kill -9 0\"]).status();";
    let failure = small.failure(&[USE, kill_the_kernel, FINISH]);
    assert_eq!(failure.cell, Some(2));
    assert!(failure.message.starts_with("the kernel died"), "{failure}");
    wait_until(|| small.is_free(1));
    let outcome = small.run(&[USE, SLOT, FINISH], 120);
    assert_eq!(outcome.verdict, PASSED);
    assert_eq!(slot_of(&outcome), "slot-1\n");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn a_kernel_whose_jupyter_was_killed_ends() {
    let small = Small::new();
    let source = small.notebook(&[USE, SLEEP]);
    let mut nbconvert = python().command();
    nbconvert.args(["-m", "nbconvert", "--to", "notebook", "--execute"]).arg(&source);
    let mut jupyter = nbconvert.envs([small.jupyter_path()]).spawn().unwrap();
    wait_until(|| !small.is_free(1));
    jupyter.kill().unwrap();
    jupyter.wait().unwrap();
    wait_until(|| small.is_free(1));
}

/// What the second cell, [`SLOT`], printed.
fn slot_of(outcome: &Outcome) -> &str {
    outcome.notebook["cells"][1]["outputs"][0]["text"][0].as_str().unwrap()
}

/// What runs in a cell is ended with its kernel, and only then is the slot free.
#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn nothing_is_left_of_a_killed_kernel() {
    let small = Small::new();
    let kill_evcxr =
        "std::process::Command::new(\"sh\").args([\"-c\", \"kill -9 $(ps -o ppid= $PPID)\"]).status();";
    let failure = small.failure(&[USE, &format!("{kill_evcxr}\n{SLEEP}"), FINISH]);
    assert_eq!(failure.cell, Some(2));
    wait_until(|| small.is_free(1));
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn two_kernels_at_once_are_in_two_slots() {
    let small = Small::new();
    let outcomes = thread::scope(|scope| {
        let kernels = [(); 2].map(|()| scope.spawn(|| small.run(&[USE, SLOT, FINISH], 120)));
        kernels.map(|kernel| kernel.join().unwrap())
    });
    assert!(outcomes.iter().all(|outcome| outcome.verdict == PASSED));
    let mut slots = outcomes.each_ref().map(slot_of);
    slots.sort_unstable();
    assert_eq!(slots, ["slot-1\n", "slot-2\n"]);
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
fn a_notebook_that_does_not_finish_is_caught_even_beside_old_metrics() {
    let failure = SHARED.failure(&[USE, "println!(\"done\");"]);
    assert_eq!(failure.cell, None);
    assert!(failure.message.contains("no metrics"), "{failure}");
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn an_edit_is_picked_up_and_leaves_the_warm_directory_alone() {
    let small = Small::new();
    let warm = KERNEL.warm(&small.project);
    let before = contents(&warm);
    let print = ["println!(\"{}\", answer());", FINISH];
    let answer = |small: &Small| {
        let outcome = small.run(&[USE, print[0], print[1]], 120);
        assert_eq!(outcome.verdict, PASSED);
        outcome.notebook["cells"][1]["outputs"][0]["text"].clone()
    };
    assert_eq!(answer(&small), json!(["41\n"]));
    files::write(&small.project.library().join("src/lib.rs"), LIBRARY.replace("41", "42")).unwrap();
    assert_eq!(answer(&small), json!(["42\n"]));
    assert!(contents(&warm) == before, "the warm directory was changed by a kernel");
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
    let metrics = source.with_extension("json");
    process::output(nbconvert.arg(&source).envs([SHARED.jupyter_path()]).env("METRICS", &metrics)).unwrap();
    let executed = fs::read(source.with_file_name("plain.ipynb")).unwrap();
    let executed: Value = serde_json::from_slice(&executed).unwrap();
    assert_eq!(judge(&executed, &metrics), PASSED);
}

#[test]
#[ignore = "needs the kernel: `cargo xtask test` runs it"]
fn the_projects_kernels_have_the_locked_versions_and_only_one_has_libtorch() {
    let project = Project::find().unwrap();
    let locked = packages(&fs::read_to_string(project.root().join("Cargo.lock")).unwrap());
    for kernel in Kernel::ALL {
        let uses = format!(":dep {}\nuse siglip_core::prelude::*;", kernel.dependency(&project.library()));
        // In one line: evcxr sends every line by itself, and of thousands the last may come after the cell's end.
        let print = "println!(\"{:?}\", std::fs::read_to_string(std::env::var(\"EVCXR_TMPDIR\")? + \"/../Cargo.lock\")?);";
        let printed = printed_in_the_project(&project, kernel, &[&uses, print]);
        let printed: String = serde_json::from_str(&printed).unwrap();
        let used = packages(&printed);
        let has_libtorch = used.iter().any(|package| package.starts_with("torch-sys "));
        assert_eq!(has_libtorch, kernel == Kernel::Full, "{printed}");
        let strangers: Vec<_> = used.iter().filter(|&package| !locked.contains(package)).collect();
        assert_eq!(strangers, ["ctx 1.0.0", "locked 1.0.0"]);
    }
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
    let printed = printed_in_the_project(&Project::find().unwrap(), Kernel::Full, &[uses, train, print]);
    assert_eq!(printed, "0 {\"size\":[2]}\n");
}

/// What the last cell prints when these are run in the project's own kernel.
fn printed_in_the_project(project: &Project, kernel: Kernel, cells: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("cells.ipynb");
    fs::write(&source, serde_json::to_vec(&notebook(kernel, cells)).unwrap()).unwrap();
    let executed = folder.path().join("executed.ipynb");
    let metrics = folder.path().join("metrics.json");
    let (folder, variables) = (project.notebooks(), Vec::new());
    let execution = Execution { source, executed, metrics, folder, timeout: 600, variables };
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
