//! Small checkpoints with what transformers, and open_clip, compute from them, as committed.
//! `tests/transformers/reference.py tests/golden golden` makes them anew, and
//! `tests/open_clip/reference.py tests/golden tests/golden/images tests/golden/texts.json golden`.

mod transformers;

#[test]
fn agrees_with_the_references_on_the_committed_checkpoints() {
    transformers::check(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")));
}
