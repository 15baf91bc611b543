//! What the command does when nobody reads, nothing more can be written, or the place is not free.
//! Devices are nodes of the tests' own.
#![cfg(unix)]
#![allow(missing_docs)]

mod process;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use process::{siglip, with_limit};
use serde_json::Value;

const SMALL: &str = r#"{"pairs": 6, "dim": 3, "epochs": 20}"#;
/// Some 10 MB of history, and seconds of training.
const LONG: &str = r#"{"pairs": 20, "dim": 3, "epochs": 400000}"#;
const SWEEP: &str =
    r#"{"base": {"pairs": 40, "dim": 6, "epochs": 3000}, "grid": {"seed": [1, 2, 3, 4, 5, 6, 7, 8]}}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    /// A device that is full; none where none can be made.
    fn full(&self, test: &str) -> Option<File> {
        let path = self.at("full");
        let made = Command::new("mknod").arg(&path).args(["c", "1", "7"]).status();
        let device = File::options().write(true).open(&path).ok().filter(|_| made.is_ok());
        if device.is_none() {
            testing::skip(test, "only root can make a device");
        }
        device
    }
}

fn with_out(command: &str, description: &Path, out: &Path) -> Command {
    let mut siglip = siglip();
    siglip.arg(command).arg(description).arg("--out").arg(out);
    siglip
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
}

/// How many files of runs a sweep's folder has, two a run.
fn files_of_runs(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "npz" || end == "json")).count()
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let folder = Folder::new();
    let small = folder.write("small.json", SMALL);
    let sweep = folder.write("sweep.json", SWEEP);
    for mut command in
        [with_out("train", &small, &folder.at("out.npz")), with_out("sweep", &sweep, &folder.at("runs"))]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).env("RUST_BACKTRACE", "1").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("rror"), "{output:?}");
    }
    assert!(folder.at("out.npz").is_file() && files_of_runs(&folder.at("runs")) == 16);
}

#[test]
fn a_full_device_is_an_error_and_lost_progress_is_none() {
    let folder = Folder::new();
    let Some(full) = folder.full("a_full_device_is_an_error_and_lost_progress_is_none") else { return };
    let small = folder.write("small.json", SMALL);
    let mut command = with_out("train", &small, &folder.at("out.npz"));
    let output = command.stdout(full.try_clone().unwrap()).env("RUST_BACKTRACE", "1").output().unwrap();
    refused(&output, &["standard output", "No space left"]);
    assert!(folder.at("out.npz").is_file());

    let long = folder.write("long.json", LONG);
    for stderr in [Stdio::from(full), { Stdio::from(std::io::pipe().unwrap().1) }] {
        let output = with_out("train", &long, &folder.at("long.npz")).stderr(stderr).output().unwrap();
        assert!(output.status.success() && serde_json::from_slice::<Value>(&output.stdout).is_ok());
        fs::remove_file(folder.at("long.npz")).unwrap();
    }
}

#[test]
fn places_are_tried_before_the_work_and_what_was_computed_is_printed() {
    let folder = Folder::new();
    let endless = folder.write("endless.json", r#"{"pairs": 20, "dim": 3, "epochs": 100000000}"#);
    fs::create_dir(folder.at("taken")).unwrap();
    folder.write("file", "");
    for (out, word) in [("taken", "is a folder"), ("file/below", "file/below")] {
        refused(&with_out("train", &endless, &folder.at(out)).output().unwrap(), &[word]);
    }
    refused(&with_out("train", &endless, Path::new("/proc/no/such")).output().unwrap(), &["/proc/no/such"]);
    let base = r#"{"base": {"pairs": 20, "dim": 3, "epochs": 100000000}}"#;
    let sweep = folder.write("sweep.json", base);
    refused(&with_out("sweep", &sweep, &folder.at("file")).output().unwrap(), &["file"]);

    // The disk is full before the file is whole: the kernel lets no file grow beyond 8 kB.
    let small = folder.write("small.json", r#"{"pairs": 100, "dim": 10, "epochs": 1000}"#);
    let train = with_out("train", &small, &folder.at("out.npz"));
    let output = with_limit(&train, "trap '' XFSZ; ulimit -f 16").output().unwrap();
    refused(&output, &["out.npz", "File too large"]);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["loss"].is_number() && !folder.at("out.npz").exists());
}

#[test]
fn a_sweep_stops_at_the_first_run_that_cannot_be_kept_and_a_diverging_one_hides_no_other() {
    let folder = Folder::new();
    let sweep = folder.write(
        "sweep.json",
        r#"{"base": {"pairs": 100, "dim": 10, "epochs": 2000}, "grid": {"seed": {"from": 1, "to": 40, "count": 40}}}"#,
    );
    let command = with_out("sweep", &sweep, &folder.at("runs"));
    let output = with_limit(&command, "trap '' XFSZ; ulimit -f 16").output().unwrap();
    refused(&output, &["File too large"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("File too large").count(), 1, "{said}");
    assert!(!said.contains("ZipWriter") && files_of_runs(&folder.at("runs")) == 0, "{said}");
    assert!(!folder.at("runs/runs.parquet").exists(), "a table without runs");

    let sweep = folder.write(
        "diverging.json",
        r#"{"base": {"pairs": 8, "dim": 3, "epochs": 300}, "runs": [{"seed": 1}, {"temperature": {"init": 1e300}}, {"seed": 2}]}"#,
    );
    let output = with_out("sweep", &sweep, &folder.at("two")).output().unwrap();
    refused(&output, &["run 1"]);
    assert_eq!(output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count(), 2);
}

#[test]
fn results_go_through_pipes_and_devices() {
    let folder = Folder::new();
    let small = folder.write("small.json", SMALL);
    let pipe = folder.at("pipe");
    process::make_pipe(&pipe);
    let mut child = with_out("train", &small, &pipe).spawn().unwrap();
    let through = fs::read(&pipe).unwrap();
    assert!(child.wait().unwrap().success() && fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(with_out("train", &small, &folder.at("plain.npz")).output().unwrap().status.success());
    assert!(through == fs::read(folder.at("plain.npz")).unwrap());

    let null = folder.at("null");
    let made = Command::new("mknod").arg(&null).args(["c", "1", "3"]).status();
    if made.is_ok_and(|status| status.success()) && File::options().write(true).open(&null).is_ok() {
        assert!(with_out("train", &small, &null).output().unwrap().status.success());
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device());
    }
}

/// The process waits in the middle of its write, which goes to a pipe, until the signal comes.
#[test]
fn an_interrupted_run_leaves_no_temporary_file() {
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        let folder = Folder::new();
        let description = folder.write("long.json", LONG);
        let out = folder.at("out.npz");
        let mut child = with_out("train", &description, &out).spawn().unwrap();
        let unfinished = || {
            let names = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with(".unfinished")).count()
        };
        // It is seen in most runs; where it is not, the run is over, and nothing is left either.
        while unfinished() == 0 && child.try_wait().unwrap().is_none() {}
        let id = child.id().to_string();
        let _ = Command::new("kill").args(["-s", signal, &id]).status();
        let status = child.wait().unwrap();
        assert!(status.success() || status.code() == code, "{signal}: {status}");
        if signal == "KILL" {
            let small = folder.write("small.json", SMALL);
            assert!(with_out("train", &small, &folder.at("next.npz")).output().unwrap().status.success());
        }
        assert_eq!(unfinished(), 0, "{signal}");
    }
}

#[test]
fn errors_say_each_thing_once() {
    let folder = Folder::new();
    let wrong = folder.write("wrong.json", r#"{"pairs": 1}"#);
    let output = siglip().arg("train").arg(&wrong).env("RUST_BACKTRACE", "1").output().unwrap();
    let lines: Vec<String> = BufReader::new(&output.stderr[..]).lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let output = siglip().arg("train").arg(folder.at("gone.json")).output().unwrap();
    refused(&output, &["gone.json", "No such file"]);
}
