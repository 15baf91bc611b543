//! libtorch's engine with similarities in blocks goes where it goes with all of them stored.
#![cfg(feature = "libtorch")]

use constellation::points::initial_vectors;
use constellation::{Engine, Experiment, History, Record, State};
use siglip_core::Libtorch;

const DESCRIPTIONS: &[&str] = &[
    r#"{"pairs": 40, "dim": 4, "bias": {"init": 0.2, "trainable": true}}"#,
    r#"{"pairs": 40, "dim": 4, "numerics": "exact", "bias": {"kind": "absolute", "init": 1, "trainable": true}}"#,
    r#"{"pairs": 30, "dim": 5, "modalities": 3, "bias": {"trainable": true}}"#,
    r#"{"pairs": 30, "dim": 5, "locked": true, "adapter": 0.5, "bias": {"trainable": true}}"#,
];

fn trained(experiment: &Experiment, rows: Option<usize>, epochs: usize) -> (History, State) {
    let engine =
        Libtorch::new(experiment, initial_vectors(experiment), siglip_core::tch::Device::Cpu).unwrap();
    let mut engine = match rows {
        Some(rows) => engine.in_blocks(rows),
        None => engine,
    };
    let mut history = History::default();
    engine.advance(epochs, Record::MARGIN, &mut history).unwrap();
    let state = engine.state().unwrap();
    (history, state)
}

#[test]
fn blocks_go_where_all_similarities_go() {
    const EPOCHS: usize = 100;
    for json in DESCRIPTIONS {
        let experiment = Experiment::from_json(json).unwrap();
        let (whole, at) = trained(&experiment, None, EPOCHS);
        for rows in [1, 7, 1000] {
            let (blocks, ends) = trained(&experiment, Some(rows), EPOCHS);
            for ((name, expected), (_, got)) in whole.columns().zip(blocks.columns()) {
                assert_eq!(expected.len(), got.len(), "{name}");
                for (epoch, (expected, got)) in expected.iter().zip(got).enumerate() {
                    let difference = (expected - got).abs();
                    assert!(difference < 2e-4, "{json}, {rows} rows: {name} at {epoch}: {got}, {expected}");
                }
            }
            let apart = (&at.embeddings - &ends.embeddings).fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(apart < 1e-2, "{json}, {rows} rows: vectors {apart} apart");
        }
    }
}
