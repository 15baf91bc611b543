//! The interpreter with transformers.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The one that `PARITY_PYTHON` names, as `cargo xtask test` sets it, or that of `.venv-parity`
/// in the root, which `cargo xtask test` makes. None, and the test is skipped, if there is neither.
pub(crate) fn python() -> Option<PathBuf> {
    if let Some(python) = env::var_os("PARITY_PYTHON").map(PathBuf::from) {
        assert!(python.is_file(), "PARITY_PYTHON names {}, which is no file", python.display());
        return Some(python);
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv-parity/bin/python");
    if !python.is_file() {
        eprintln!("skipped: `cargo xtask test` makes {}", python.display());
        return None;
    }
    Some(python)
}
