//! A real `siglip sweep` that is killed in the middle goes on where it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

use serde_json::Value;
use siglip_core::{Experiment, Settings};

const SWEEP: &str =
    r#"{"base": {"pairs": 60, "dim": 6, "epochs": 4000}, "grid": {"seed": [1, 2, 3, 4, 5, 6, 7, 8, 9]}}"#;
const RUNS: usize = 9;

fn sweep(description: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siglip"));
    command.arg("sweep").arg(description).arg("--out").arg(out).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The finished runs in a folder, with the times at which they were written.
fn finished(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let Ok(files) = fs::read_dir(folder) else { return BTreeMap::new() };
    let files = files.map(|file| file.unwrap().path());
    let whole = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    whole.map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap())).collect()
}

#[test]
fn a_killed_sweep_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (description, out) = (folder.path().join("sweep.json"), folder.path().join("runs"));
    fs::write(&description, SWEEP).unwrap();

    let mut first = sweep(&description, &out).spawn().unwrap();
    let start = Instant::now();
    while finished(&out).len() < 2 {
        assert!(first.try_wait().unwrap().is_none(), "the sweep ended before results appeared");
        assert!(start.elapsed() < Duration::from_secs(300), "no results appear");
        thread::sleep(Duration::from_millis(1));
    }
    first.kill().unwrap(); // SIGKILL: it cannot put anything in order
    first.wait().unwrap();
    let before = finished(&out);
    assert!(before.len() < RUNS, "the sweep was over before it could be killed");

    let second = sweep(&description, &out).output().unwrap();
    assert!(second.status.success());
    let after = finished(&out);
    assert_eq!(after.len(), RUNS);
    for (path, written) in before {
        assert_eq!(after[&path], written, "a finished run was trained again");
    }
    // What was found and what was trained alike has the numbers of the run alone.
    let lines = String::from_utf8(second.stdout).unwrap();
    assert_eq!(lines.lines().count(), RUNS);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let experiment: Experiment = serde_json::from_value(line["experiment"].clone()).unwrap();
        let settings = Settings { snapshots: 0, ..Settings::default() };
        let alone = serde_json::to_value(experiment.train_with(settings, &mut |_| ()).unwrap().summary());
        for key in ["loss", "temperature", "margin", "optimal_relative_bias"] {
            assert_eq!(
                line["summary"][key],
                alone.as_ref().unwrap()[key],
                "{key} of seed {}",
                experiment.seed
            );
        }
    }
}
