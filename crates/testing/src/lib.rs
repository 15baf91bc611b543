//! For the workspace's tests, which alone depend on this crate: skips that are seen, the
//! Pythons that tests compare with, and damage to files.
//!
//! ```no_run
//! // Or says: SKIPPED a_test: no Python has transformers; `cargo xtask test` makes .venv-parity
//! let Some(python) = testing::python("a_test", &testing::TRANSFORMERS) else { return };
//! println!("compares with {}", python.display());
//! ```

pub mod damage;

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says `SKIPPED test: reason` on standard error itself, where `cargo xtask test` counts it: what a
/// test prints otherwise is seen only if it fails.
pub fn skip(test: &str, reason: &str) {
    // A closed standard error is no fault of the test's.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("this crate is two folders below the root").to_owned()
}

/// Where crates are built for other processors. Apart from the workspace's own: a standard library that is
/// built from its sources needs RUSTC_BOOTSTRAP, at which build scripts run again and half of the crates after
/// them.
pub fn foreign_target() -> PathBuf {
    root().join("target/foreign")
}

/// Where a Python with a package is looked for.
#[derive(Debug)]
pub struct Environment {
    /// The variable in which `cargo xtask test` names an interpreter.
    pub variable: &'static str,
    /// The environment that it makes in the root, for tests that run without it.
    pub folder: &'static str,
    /// What the interpreter has to import.
    pub module: &'static str,
}

/// The reference for checkpoints.
pub const TRANSFORMERS: Environment =
    Environment { variable: "PARITY_PYTHON", folder: ".venv-parity", module: "transformers" };
/// The other way to a cluster.
pub const DASK: Environment =
    Environment { variable: "DASK_PYTHON", folder: ".venv-dask", module: "distributed" };
/// The reference for checkpoints in OpenCLIP's layout.
pub const OPEN_CLIP: Environment =
    Environment { variable: "PARITY_PYTHON", folder: ".venv-parity", module: "open_clip" };
/// What drives a browser.
pub const PLAYWRIGHT: Environment =
    Environment { variable: "SIGLIP_PYTHON", folder: ".venv-browser", module: "playwright" };

/// An interpreter of `environment`; none, and `test` is skipped, where there is none.
///
/// # Panics
/// If the variable names an interpreter that is not there.
pub fn python(test: &str, environment: &Environment) -> Option<PathBuf> {
    let Environment { variable, folder, module } = environment;
    let named = env::var_os(variable).map(PathBuf::from);
    if let Some(python) = &named {
        assert!(python.is_file(), "{variable} names {}, which is no file", python.display());
    }
    let script = format!("import importlib.util as u; assert u.find_spec({module:?})");
    let has_module = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", &script]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = named.into_iter().chain([root().join(folder).join("bin/python3")]).find(has_module);
    if found.is_none() {
        skip(test, &format!("no Python has {module}; `cargo xtask test` makes {folder}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_workspaces() {
        assert!(root().join("Cargo.lock").is_file() && root().join("crates/testing").is_dir());
    }
}
