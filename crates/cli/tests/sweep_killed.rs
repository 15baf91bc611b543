//! A real `siglip sweep` that is killed in the middle goes on where it was.

mod process;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::SystemTime;

use process::{kill_when, make_pipe, siglip};
use serde_json::Value;

const SWEEP: &str =
    r#"{"base": {"pairs": 60, "dim": 6, "epochs": 4000}, "grid": {"seed": [1, 2, 3, 4, 5, 6, 7, 8, 9]}}"#;
const RUNS: usize = 9;
/// The run at which the sweep is stopped. Runs are begun in order, so those before it come to their ends.
const STOPPED: u64 = 5;

fn sweep(description: &Path, out: &Path) -> Command {
    let mut command = siglip();
    command.arg("sweep").arg(description).arg("--out").arg(out);
    command
}

/// The finished runs in a folder, with the times at which they were written.
fn finished(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let whole = files.filter(|path| path.is_file() && path.extension().is_some_and(|it| it == "json"));
    whole.map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect()
}

/// The lines that a sweep printed, without the seconds that it took.
fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let mut lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    lines.iter_mut().for_each(|line| line["summary"]["seconds"] = Value::Null);
    lines
}

/// The name that the file of a run has in every folder.
fn file_of(seed: u64, folder: &Path) -> PathBuf {
    let of_seed = |path: &PathBuf| {
        let run: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        run["experiment"]["seed"] == seed
    };
    finished(folder).into_keys().find(of_seed).unwrap().file_name().unwrap().into()
}

/// Where the file of a run would be found there is a pipe. The sweep looks for all files before it
/// trains anything: there the pipe is empty. It looks once more when the run's turn has come: then
/// nobody writes, and it waits until it is killed.
#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("sweep.json"), SWEEP).unwrap();
    let whole = lines(&sweep(&path("sweep.json"), &path("whole")).output().unwrap());
    assert_eq!((whole.len(), finished(&path("whole")).len()), (RUNS, RUNS));

    let out = path("killed");
    fs::create_dir(&out).unwrap();
    let pipe = out.join(file_of(STOPPED, &path("whole")));
    make_pipe(&pipe);
    let emptied = thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, "")
    });
    kill_when(sweep(&path("sweep.json"), &out), || finished(&out).len() as u64 >= STOPPED - 1);
    emptied.join().unwrap().unwrap();
    fs::remove_file(&pipe).unwrap();
    let before = finished(&out);
    assert!(before.len() < RUNS, "the run that waits has been finished");

    let resumed = lines(&sweep(&path("sweep.json"), &out).output().unwrap());
    let after = finished(&out);
    assert_eq!(after.len(), RUNS);
    for (path, written) in before {
        assert_eq!(after[&path], written, "a finished run was trained again");
    }
    assert_eq!(resumed, whole);
}
