//! A sweep on a Slurm of two nodes: tasks are killed and requeued, a node is lost, and nothing else is.

mod cluster;
mod process;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use cluster::{Cluster, wait};
use process::siglip;
use serde_json::Value;

const SWEEP: &str = r#"{"base": {"pairs": 100, "dim": 8, "epochs": 12000},
    "grid": {"bias.init": [-0.5, 0, 0.5], "seed": {"from": 1, "to": 12, "count": 12}}}"#;
const RUNS: usize = 36;
const TABLES: [&str; 2] = ["runs.parquet", "runs.jsonl"];

#[test]
fn a_sweep_survives_killed_tasks_a_requeue_and_the_loss_of_a_node() {
    let name = "a_sweep_survives_killed_tasks_a_requeue_and_the_loss_of_a_node";
    let Some(mut cluster) = Cluster::start(name) else { return };
    let sweep = cluster.at("sweep.json");
    fs::write(&sweep, SWEEP).unwrap();
    let whole = cluster.at("whole");
    let alone = siglip().arg("sweep").arg(&sweep).arg("--out").arg(&whole).output().unwrap();
    assert!(alone.status.success(), "{alone:?}");

    let out = cluster.at("it's the \"runs\"");
    let submit = |cluster: &Cluster| {
        let mut command = cluster.slurm(siglip().get_program());
        command.arg("submit").arg(&sweep).arg("--out").arg(&out).args([
            "--tasks",
            "6",
            "--",
            "--time=10",
            "-n",
            "1",
        ]);
        said(&command.output().unwrap())
    };
    let first = submit(&cluster);
    assert_eq!((&first["submitted"], &first["queued"]), (&6.into(), &0.into()));
    let job = first["array"].as_str().unwrap().to_owned();
    let again = submit(&cluster);
    assert_eq!((&again["submitted"], &again["queued"]), (&0.into(), &6.into()), "nothing twice");

    // One task is killed, one requeued, and a node is lost with what runs there.
    wait("some runs are finished", 120, || !lines(&out).is_empty());
    let on = |cluster: &Cluster, node: &str| {
        cluster.queue().into_iter().find(|(_, at)| at == node).map(|task| task.0)
    };
    let killed = on(&cluster, "n1").unwrap();
    cluster.slurm("scancel").args(["--signal=KILL", &killed]).status().unwrap();
    wait("the killed task is over", 60, || cluster.queue().iter().all(|(task, _)| *task != killed));
    wait("the next task runs", 60, || on(&cluster, "n1").is_some());
    let requeued = on(&cluster, "n1").unwrap();
    cluster.slurm("scontrol").args(["requeue", &requeued]).status().unwrap();
    wait("a task runs on the other node", 60, || on(&cluster, "n2").is_some());
    cluster.lose_node("n2");
    let before = lines(&out);
    cluster.start_node("n2");
    // A requeued task waits for two minutes before it is begun again.
    let waits = |cluster: &Cluster| cluster.queue().len();
    wait("the queue is empty", 400, || {
        for (task, _) in cluster.queue() {
            let _ = cluster
                .slurm("scontrol")
                .args(["update", &format!("JobId={task}"), "StartTime=now"])
                .output();
        }
        waits(&cluster) == 0
    });
    let merged =
        fs::read_to_string(out.join(format!("shards/logs/merge-{}.log", first["merge"].as_str().unwrap())));
    assert!(merged.unwrap().contains("runs are missing: run shards"), "of the task that was killed");

    let second = submit(&cluster);
    assert!((1..6).contains(&second["submitted"].as_u64().unwrap()), "only what is missing: {second}");
    assert_ne!(second["array"].as_str().unwrap(), job);
    wait("the queue is empty", 200, || waits(&cluster) == 0);

    for table in TABLES {
        assert!(fs::read(out.join(table)).unwrap() == fs::read(whole.join(table)).unwrap(), "{table}");
    }
    let after = lines(&out);
    assert_eq!(after.len(), RUNS);
    for (run, lines) in &after {
        assert_eq!(*lines, 1, "run {run} was trained twice");
    }
    assert!(before.keys().all(|run| after.contains_key(run)), "a finished run was lost");
    let last = submit(&cluster);
    assert_eq!((&last["submitted"], &last["queued"]), (&0.into(), &0.into()));
}

/// Commands of Slurm that only remember what they were asked, and whose queue is a file a job.
fn pretended_slurm(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let sbatch = r#"#!/bin/sh
cd "$(dirname "$0")"
case "$*" in *merge.sbatch*) [ -e refuse-merge ] && { echo refused >&2; exit 1; }; esac
n=$(($(cat count 2>/dev/null || echo 100) + 1)); echo $n > count; echo "$n $*" >> asked; echo $n"#;
    let squeue = r#"#!/bin/sh
cd "$(dirname "$0")"
for a in "$@"; do case "$a" in --jobs=*) cat "queue-${a#--jobs=}" 2>/dev/null; esac; done; true"#;
    for (name, text) in [("sbatch", sbatch), ("squeue", squeue)] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn what_is_in_the_queue_is_never_submitted_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    pretended_slurm(folder.path());
    fs::write(
        at("sweep.json"),
        r#"{"base": {"pairs": 5, "dim": 3, "epochs": 5}, "grid": {"seed": [1, 2, 3, 4]}}"#,
    )
    .unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let submit_of = |description: &str, more: &[&str]| {
        let mut command = siglip();
        command.env("PATH", &path).arg("submit").arg(at(description)).arg("--out").arg(at("runs"));
        command.args(["--tasks", "4"]).args(more).output().unwrap()
    };
    let submit = || said(&submit_of("sweep.json", &[]));
    let asked = || fs::read_to_string(at("asked")).unwrap();
    // The merging is refused: the array is in the queue all the same, and not forgotten.
    fs::write(at("refuse-merge"), "").unwrap();
    let refused = submit_of("sweep.json", &["--at-once", "2"]);
    assert!(!refused.status.success() && asked().contains("101 --parsable --array=0-3%2"), "{}", asked());
    fs::remove_file(at("refuse-merge")).unwrap();
    fs::write(at("queue-101"), "0\n1\n2\n3\n").unwrap();
    assert_eq!((&submit()["submitted"], asked().lines().count()), (&0.into(), 1));
    // Task 3 is killed, and submitted again: now two arrays are in the queue, and both are asked for.
    fs::write(at("queue-101"), "0\n1\n2\n").unwrap();
    let second = submit();
    assert!(second["submitted"] == 1 && asked().contains("--dependency=afterany:101:102 "), "{}", asked());
    fs::write(at("queue-102"), "3\n").unwrap();
    assert_eq!((&submit()["submitted"], &submit()["queued"]), (&0.into(), &4.into()));

    // The folder belongs to the sweep, and what the array needs is not for others to choose.
    fs::write(at("other.json"), r#"{"grid": {"seed": [1, 2, 3, 4]}}"#).unwrap();
    let error = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error(submit_of("other.json", &[])).contains("belongs to another sweep"));
    assert!(error(submit_of("sweep.json", &["--", "--array=0-3%2"])).contains("--at-once"));
    assert_eq!(fs::read(at("runs/shards/sweep.json")).unwrap(), fs::read(at("sweep.json")).unwrap());
}

#[test]
fn scripts_are_written_without_a_slurm() {
    let folder = tempfile::tempdir().unwrap();
    let (sweep, out) = (folder.path().join("sweep.json"), folder.path().join("runs"));
    fs::write(&sweep, SWEEP).unwrap();
    let submit = |more: &[&str]| {
        let mut command = siglip();
        command.arg("submit").arg(&sweep).arg("--out").arg(&out).args(more);
        command.env("PATH", folder.path()).output().unwrap()
    };
    let written = said(&submit(&["--tasks", "100", "--dry-run", "--", "--partition=main"]));
    assert_eq!(written["unfinished"], RUNS, "no more tasks than runs");
    let script = fs::read_to_string(out.join("shards/array.sbatch")).unwrap();
    for line in ["#SBATCH --array=0-35\n", "#SBATCH --partition=main\n", "#SBATCH --requeue\n"] {
        assert!(script.contains(line), "{script}");
    }
    assert!(script.contains("--shard \"$SLURM_ARRAY_TASK_ID/36\""), "{script}");
    let refused = |output: Output, word: &str| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(word), "{error}");
    };
    refused(submit(&["--tasks", "4"]), "no `sbatch`");
    refused(submit(&["--tasks", "0"]), "`--tasks` is 0");
}

/// The line that `siglip submit` prints.
fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How many lines each run has, in all files of summaries.
fn lines(out: &Path) -> BTreeMap<u64, usize> {
    let mut runs = BTreeMap::new();
    let Ok(files) = fs::read_dir(out.join("shards")) else { return runs };
    for path in files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
    {
        for line in
            fs::read_to_string(path).unwrap().split_inclusive('\n').filter(|line| line.ends_with('\n'))
        {
            let line: Value = serde_json::from_str(line).unwrap();
            if let Some(run) = line["run"].as_u64() {
                *runs.entry(run).or_default() += 1;
            }
        }
    }
    runs
}
