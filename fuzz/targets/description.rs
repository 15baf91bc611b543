//! Any text as a description of a run or of a sweep: a value, which survives being written, or an error.
#![no_main]

use constellation::{Experiment, Sweep};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(experiment) = Experiment::from_json(text) {
        let json = serde_json::to_string(&experiment).expect("what was read can be written");
        assert_eq!(Experiment::from_json(&json).expect("and read again"), experiment);
    }
    let _ = Sweep::from_json(text);
});
