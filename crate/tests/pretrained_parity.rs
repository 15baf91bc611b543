//! The same against transformers itself, on more shapes, where its environment is:
//! `.venv-parity` in the root, which `cargo xtask test` makes from
//! `tests/parity/requirements.txt`, or the interpreter that `PARITY_PYTHON` names.

mod parity;

use std::{env, path::PathBuf, process::Command};

#[test]
fn agrees_with_transformers_on_checkpoints_made_now() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = match env::var_os("PARITY_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => root.join("../.venv-parity/bin/python"),
    };
    if !python.is_file() {
        eprintln!("skipped: no {}", python.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let seed = "7";
    let script = Command::new(python)
        .arg(root.join("tests/parity/reference.py"))
        .arg(folder.path())
        .args(["live", seed])
        .env("HF_HUB_OFFLINE", "1")
        .output()
        .unwrap();
    assert!(script.status.success(), "{}", String::from_utf8_lossy(&script.stderr));
    parity::check(folder.path());
}
