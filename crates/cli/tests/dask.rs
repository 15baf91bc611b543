//! A sweep on a Dask cluster of several processes, one of which is killed.

mod process;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use process::siglip;
use serde_json::Value;
use testing::root;

const SWEEP: &str = r#"{"base": {"pairs": 100, "dim": 8, "epochs": 6000},
    "grid": {"bias.init": [-0.5, 0, 0.5], "seed": {"from": 1, "to": 12, "count": 12}}}"#;

#[test]
fn a_sweep_on_dask_survives_a_worker() {
    let Some(python) = testing::python("a_sweep_on_dask_survives_a_worker", &testing::DASK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let [sweep, whole, out] = ["sweep.json", "whole", "out"].map(|name| folder.path().join(name));
    fs::write(&sweep, SWEEP).unwrap();
    let alone = siglip().arg("sweep").arg(&sweep).arg("--out").arg(&whole).output().unwrap();
    assert!(alone.status.success(), "{alone:?}");

    let mut dask = Command::new(python);
    dask.arg(root().join("crates/cli/tests/dask/local_cluster.py")).arg(root().join("cluster"));
    let output = dask.arg(siglip().get_program()).args([&sweep, &out]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("killed"), "{said}");
    let merged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&merged["runs"], &merged["missing"]), (&36.into(), &0.into()));
    for table in ["runs.parquet", "runs.jsonl"] {
        assert!(fs::read(out.join(table)).unwrap() == fs::read(whole.join(table)).unwrap(), "{table}");
    }
    let mut lines: BTreeMap<u64, usize> = BTreeMap::new();
    for file in fs::read_dir(out.join("shards")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "jsonl") {
            let text = fs::read_to_string(file).unwrap();
            let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let runs = whole.filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["run"].as_u64());
            runs.for_each(|run| *lines.entry(run).or_default() += 1);
        }
    }
    assert!(lines.len() == 36 && lines.values().all(|&count| count == 1), "trained twice: {lines:?}");
}
