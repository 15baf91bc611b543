//! The same against transformers and open_clip themselves, on more shapes, where its environment is:
//! `.venv-parity` in the root, which `cargo xtask test` makes from
//! `tests/transformers/requirements.txt`, or the interpreter that `PARITY_PYTHON` names.

mod transformers;

use std::{env, fs, path::PathBuf, process::Command};

use models::Embeddings;
use testing::{OPEN_CLIP, TRANSFORMERS};

#[test]
fn agrees_with_transformers_on_checkpoints_made_now() {
    agree("agrees_with_transformers_on_checkpoints_made_now", "live");
}

#[test]
#[ignore = "takes minutes and 2 GB: `cargo test -p siglip-models --test parity -- --ignored`"]
fn agrees_with_transformers_on_checkpoints_of_published_sizes() {
    agree("agrees_with_transformers_on_checkpoints_of_published_sizes", "published");
}

/// Another seed than 7 comes from `PARITY_SEED`.
fn agree(test: &str, kind: &str) {
    let Some(python) = testing::python(test, &TRANSFORMERS) else { return };
    let folder = tempfile::tempdir().unwrap();
    let seed = env::var("PARITY_SEED").unwrap_or("7".to_owned());
    let mut script = Command::new(python);
    let script =
        script.arg(root().join("tests/transformers/reference.py")).arg(folder.path()).args([kind, &seed]);
    run(script.env("HF_HUB_OFFLINE", "1"));
    transformers::check(folder.path());
}

#[test]
fn agrees_with_open_clip_on_checkpoints_made_now() {
    let Some(python) = testing::python("agrees_with_open_clip_on_checkpoints_made_now", &OPEN_CLIP) else {
        return;
    };
    let (folder, golden) = (tempfile::tempdir().unwrap(), root().join("tests/golden"));
    let (images, texts) = (golden.join("images"), golden.join("texts.json"));
    let mut script = Command::new(python);
    let script = script.arg(root().join("tests/open_clip/reference.py")).arg(folder.path());
    run(script.arg(&images).arg(&texts).arg("live").env("HF_HUB_OFFLINE", "1"));
    let texts: Vec<String> = serde_json::from_slice(&fs::read(texts).unwrap()).unwrap();
    let cases = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let checked = cases.map(|case| transformers::check_case(&case, &texts, &images)).count();
    assert_eq!(checked, 4);
}

#[test]
fn numpy_reads_a_file_of_embeddings() {
    let Some(python) = testing::python("numpy_reads_a_file_of_embeddings", &TRANSFORMERS) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("written.npz");
    let embeddings = Embeddings::read(&root().join("tests/golden/numpy.npz")).unwrap();
    embeddings.write(&file).unwrap();
    let script = "import sys, numpy as np; a, b = map(np.load, sys.argv[1:]); assert set(a) == set(b); \
        assert all((a[k] == b[k]).all() and a[k].shape == b[k].shape for k in a); \
        assert a['image'].dtype == a['text'].dtype == np.float32 and a['splits'].dtype == np.int64";
    run(Command::new(python).args(["-c", script]).arg(file).arg(root().join("tests/golden/numpy.npz")));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
