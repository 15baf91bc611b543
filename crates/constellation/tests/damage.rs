//! Whatever the text of a description or a sweep: a description or an error. `PROPTEST_CASES` asks
//! for more.
#![allow(missing_docs)]

use constellation::{Experiment, Sweep};
use proptest::prelude::*;
use testing::damage::{apply, changes};

const EXPERIMENT: &str = r#"{"pairs": 100, "dim": 10, "modalities": 2, "epochs": 10000, "seed": 50,
    "learning_rate": 0.01, "temperature": {"init": 10.0, "trainable": true},
    "bias": {"kind": "relative", "init": 0.0, "trainable": false}, "locked": true, "adapter": 0.5,
    "skip": 0, "numerics": "paper", "engine": "auto"}"#;
const SWEEP: &str = r#"{"base": {"pairs": 100, "dim": 10}, "grid": {"bias.init": {"from": -1, "to": 1, "count": 3},
    "seed": [1, 2]}, "runs": [{"bias": {"trainable": false}}, {"numerics": "exact"}], "record": {"margin": true}}"#;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn descriptions(changes in changes()) {
        let mut bytes = EXPERIMENT.as_bytes().to_vec();
        apply(&changes, &mut bytes);
        if let Ok(experiment) = Experiment::from_json(&String::from_utf8_lossy(&bytes)) {
            // What is read can be written, and is then the same.
            let json = serde_json::to_string(&experiment).unwrap();
            prop_assert_eq!(Experiment::from_json(&json).unwrap(), experiment);
        }
    }

    #[test]
    fn sweeps(changes in changes()) {
        let mut bytes = SWEEP.as_bytes().to_vec();
        apply(&changes, &mut bytes);
        let _ = Sweep::from_json(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn lists_and_doubled_keys_in_sweeps_are_errors_that_name_the_place() {
    for (json, words) in [
        (r#"{"base": [100, 10]}"#, "`base`: is a list"),
        (r#"{"base": {"bias": ["relative"]}}"#, "`base.bias`: is a list"),
        (r#"{"runs": [{"temperature": [5, true]}]}"#, "`temperature`: is a list"),
        (r#"{"grid": {"temperature": [[5, true]]}}"#, "`temperature`: is a list"),
        (r#"{"record": [true, false]}"#, "`record`: is a list"),
        (r#"{"grid": {"seed": [1], "seed": [2]}}"#, "duplicate field `seed`"),
        (r#"{"runs": [{"dim": 3, "dim": 4}]}"#, "duplicate field `dim`"),
        (r#"{"grid": {"seed": [1, 2]}} {}"#, "after the description"),
        (r#"{"grid": {"seed": {"from": 1, "to": 2, "count": 1000000000000}}}"#, "count"),
        (
            r#"{"grid": {"dim": {"from": 1, "to": 9999, "count": 9999}, "seed": {"from": 1, "to": 9999, "count": 9999}}}"#,
            "`grid.seed`: makes more than 10,000,000 runs",
        ),
    ] {
        let error = Sweep::from_json(json).unwrap_err().to_string();
        assert!(error.contains(words), "{json}: {error}");
    }
    assert!(Sweep::from_json("\u{feff}{}").is_ok());
}
