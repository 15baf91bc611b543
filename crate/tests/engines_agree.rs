//! Both engines over whole trainings: the study's own runs to their ends.
#![cfg(feature = "libtorch")]

use constellation::sweep::train_all;
use constellation::{EngineChoice, Experiment, Run, Settings};
use siglip_core::{Device, settings_on};

/// BasicExperiment, AblationStudy with a trained t, MoreModalities (a), FrozenModality 1 to 3.
const DESCRIPTIONS: &[&str] = &[
    r#"{"pairs": 20, "dim": 3}"#,
    r#"{"bias": {"init": -1}}"#,
    r#"{"skip": 2, "bias": {"init": -0.5}}"#,
    r#"{"skip": 4, "bias": {"init": 0}}"#,
    r#"{"skip": 6, "bias": {"init": 0.5}}"#,
    r#"{"skip": 8, "bias": {"init": 1}}"#,
    r#"{"modalities": 4, "bias": {"trainable": true}}"#,
    r#"{"locked": true, "bias": {"init": -1, "trainable": true}}"#,
    r#"{"locked": true, "skip": 1, "adapter": 0.5, "temperature": {"init": 25.80993}, "bias": {"init": -1, "trainable": true}}"#,
    r#"{"locked": true, "skip": 2, "bias": {"kind": "absolute", "trainable": true}}"#,
];

fn trained(engine: EngineChoice) -> Vec<Run> {
    let run = |json: &&str| Experiment { engine, ..Experiment::from_json(json).unwrap() };
    let experiments: Vec<Experiment> = DESCRIPTIONS.iter().map(run).collect();
    train_all(&experiments, Settings { snapshots: 0, ..settings_on(Device::Cpu) }).unwrap()
}

/// About a minute on two cores, all of it libtorch's.
#[test]
fn both_engines_end_at_the_same_temperature() {
    let (fused, libtorch) = (trained(EngineChoice::Fused), trained(EngineChoice::Libtorch));
    for ((json, fused), libtorch) in DESCRIPTIONS.iter().zip(&fused).zip(&libtorch) {
        assert_eq!((fused.summary().engine, libtorch.summary().engine), ("fused", "libtorch"));
        let (got, expected) = (fused.temperature(), libtorch.temperature());
        assert!((got / expected - 1.0).abs() < 1e-3, "{json}: t {got}, libtorch {expected}");
        let (got, expected) = (fused.relative_bias(), libtorch.relative_bias());
        assert!((got - expected).abs() < 1e-3, "{json}: b_rel {got}, libtorch {expected}");
        let (got, expected) = (fused.delta().unwrap_or(0.0), libtorch.delta().unwrap_or(0.0));
        assert!((got - expected).abs() < 1e-3, "{json}: delta {got}, libtorch {expected}");
    }
}
