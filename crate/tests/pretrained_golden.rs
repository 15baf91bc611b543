//! Two small checkpoints with what transformers computes from them, as committed.
//! `tests/parity/reference.py tests/golden golden` makes them anew.

mod parity;

#[test]
fn agrees_with_transformers_on_the_committed_checkpoints() {
    parity::check(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")));
}
