//! Every branch of a run's description against the same recipe in plain PyTorch
//! (`reference/train.py`), from the same seed, in the environment that libtorch comes from.
#![cfg(feature = "libtorch")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use constellation::{Experiment, Settings};
use serde::Deserialize;
use siglip_core::{Device, settings_on};

/// What the reference found.
#[derive(Deserialize)]
struct Reference {
    loss: f64,
    losses: Vec<f64>,
    temperature: f64,
    bias: f64,
    relative_bias: f64,
    margin: f64,
    optimal_relative_bias: f64,
    delta: Option<f64>,
}

#[test]
fn the_libtorch_engine_agrees_with_pytorch() {
    agree("libtorch");
}

#[test]
fn the_fused_engine_agrees_with_pytorch() {
    agree("fused");
}

/// Descriptions that together take every branch: two and more modalities, locked,
/// adapter, both biases, trained and fixed, both numerics, odd sizes, skips.
const DESCRIPTIONS: &[&str] = &[
    r#"{"pairs": 20, "dim": 3}"#,
    r#"{"pairs": 7, "dim": 2, "seed": 1, "bias": {"trainable": true}}"#,
    r#"{"pairs": 2, "dim": 1, "seed": 2, "bias": {"kind": "absolute", "trainable": true}}"#,
    r#"{"pairs": 33, "dim": 5, "seed": 3, "bias": {"kind": "absolute", "init": -10, "trainable": true}}"#,
    r#"{"pairs": 33, "dim": 5, "seed": 3, "numerics": "exact", "bias": {"kind": "absolute", "init": 10, "trainable": true}}"#,
    r#"{"pairs": 50, "dim": 10, "skip": 4, "temperature": {"trainable": false}, "bias": {"init": 0.5}}"#,
    r#"{"pairs": 50, "dim": 10, "numerics": "exact", "temperature": {"init": 30, "trainable": false}}"#,
    r#"{"pairs": 25, "dim": 4, "modalities": 3, "bias": {"trainable": true}}"#,
    r#"{"pairs": 12, "dim": 6, "modalities": 5, "skip": 3, "numerics": "exact", "bias": {"kind": "absolute"}}"#,
    r#"{"pairs": 40, "dim": 8, "locked": true, "bias": {"init": -1, "trainable": true}}"#,
    r#"{"pairs": 40, "dim": 8, "locked": true, "skip": 2, "numerics": "exact", "bias": {"kind": "absolute", "trainable": true}}"#,
    r#"{"pairs": 40, "dim": 8, "locked": true, "skip": 1, "adapter": 0.5, "temperature": {"init": 25.8}, "bias": {"init": -1, "trainable": true}}"#,
    r#"{"pairs": 11, "dim": 3, "locked": true, "adapter": -1, "numerics": "exact", "bias": {"kind": "absolute", "init": 2}}"#,
    r#"{"pairs": 9, "dim": 7, "modalities": 3, "locked": true, "skip": 1, "learning_rate": 0.003, "bias": {"trainable": true}}"#,
    r#"{"pairs": 17, "dim": 3, "locked": true, "temperature": {"init": 3, "trainable": false}, "bias": {"kind": "absolute", "init": 1}}"#,
];

/// Trained on for 300 epochs: rounding has not grown to anything by then.
const EPOCHS: usize = 300;

fn agree(engine: &str) {
    let experiments: Vec<Experiment> = DESCRIPTIONS
        .iter()
        .map(|json| Experiment::from_json(json).unwrap())
        .map(|run| run.with(&[format!("epochs={EPOCHS}"), format!("engine={engine}")]).unwrap())
        .collect();
    let settings = Settings { snapshots: 0, ..settings_on(Device::Cpu) };
    for ((json, experiment), expected) in DESCRIPTIONS.iter().zip(&experiments).zip(reference(&experiments)) {
        let run = experiment.train_with(settings, &mut |_| ()).unwrap();
        let got = run.summary();
        let close = |what: &str, got: f64, expected: f64, tolerance: f64| {
            assert!((got - expected).abs() <= tolerance, "{json}: {what} {got}, PyTorch {expected}");
        };
        close("loss", got.loss, expected.loss, 1e-3 * expected.loss);
        for (epoch, (&got, &expected)) in run.history.loss.iter().zip(&expected.losses).enumerate() {
            close(&format!("loss at {epoch}"), got, expected, 1e-3 * expected);
        }
        close("t", got.temperature, expected.temperature, 1e-4 * expected.temperature);
        close("bias", got.bias, expected.bias, 1e-3);
        close("b_rel", got.relative_bias, expected.relative_bias, 1e-3);
        close("margin", got.margin, expected.margin, 1e-3);
        close("optimal b_rel", got.optimal_relative_bias, expected.optimal_relative_bias, 1e-3);
        assert_eq!(got.delta.is_some(), expected.delta.is_some(), "{json}");
        close("delta", got.delta.unwrap_or(0.0), expected.delta.unwrap_or(0.0), 1e-4);
    }
}

fn reference(experiments: &[Experiment]) -> Vec<Reference> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/train.py");
    let mut python = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python of libtorch's environment starts; `cargo xtask setup` makes it");
    let descriptions = serde_json::to_vec(experiments).unwrap();
    python.stdin.take().unwrap().write_all(&descriptions).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "the PyTorch reference failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The interpreter of the environment whose site-packages hold libtorch.
fn python() -> PathBuf {
    let libtorch = Path::new(env!("SIGLIP_LIBTORCH")).canonicalize().expect("libtorch is there");
    libtorch.ancestors().nth(4).expect("libtorch lies in an environment").join("bin/python3")
}
