//! Two small checkpoints with what transformers computes from them, as committed.
//! `tests/transformers/reference.py tests/golden golden` makes them anew.

mod transformers;

#[test]
fn agrees_with_transformers_on_the_committed_checkpoints() {
    transformers::check(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")));
}
