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
