//! The sources of the standard library, as far as the kernel's analysis needs them.
//!
//! evcxr asks rust-analyzer for the types of a cell's variables, and that reads the standard library: when
//! a kernel starts, before there is a cell, and again whenever `ctx/Cargo.toml` has changed, as by the
//! first `:dep`. So it is given nothing to read at the start, and the sources from then on, as far as a
//! variable's type can come from them: without the processors' intrinsics, for example, which are half.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{files, files::Stamp, process, project::Project};

/// The variable by which rust-analyzer is told where the sources are.
pub const VARIABLE: &str = "RUST_SRC_PATH";

/// Parts that no type of a cell comes from; and the manifest, by which rust-analyzer would run cargo to
/// find the crates that the standard library is made with, and read these too.
const LEFT_OUT: [&str; 5] = ["stdarch", "portable-simd", "coretests", "alloctests", "Cargo.toml"];

/// Changes with what [`ready`] makes.
const LAYOUT: u32 = 3;

fn folder(project: &Project) -> PathBuf {
    project.tools().join("rust-src")
}

/// The folder of links to the sources; there only if the toolchain has them.
#[must_use]
pub fn library(project: &Project) -> PathBuf {
    folder(project).join("library")
}

/// What rust-analyzer takes for such a folder, and has nothing in it.
#[must_use]
pub fn nothing(project: &Project) -> PathBuf {
    folder(project).join("nothing")
}

/// Makes both folders anew if the toolchain, of which `rustc` is what `rustc -vV` prints, has changed. A
/// toolchain without sources gets them by rustup if that can be; without, most variables need a type
/// that is written out.
///
/// # Errors
/// If the project's folder cannot be written.
pub fn ready(project: &Project, rustc: &str) -> Result<()> {
    let folder = folder(project);
    let sysroot = process::output(process::command("rustc").args(["--print", "sysroot"]))?;
    let stamp = Stamp::of((rustc, &sysroot, LAYOUT));
    if stamp.is_at(&folder.join("stamp")) {
        return Ok(());
    }
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
    if !sources.is_dir() {
        eprintln!("Adding the component rust-src, from which the kernel knows the types of variables");
        let _ = process::run(process::command("rustup").args(["component", "add", "rust-src"]));
    }
    files::remove(&folder)?;
    if sources.is_dir() {
        link(&sources, &library(project))
            .with_context(|| format!("cannot link {} in {}", sources.display(), folder.display()))?;
        fs::create_dir_all(nothing(project).join("core"))?;
        stamp.put(&folder.join("stamp"))?;
    }
    Ok(())
}

fn link(sources: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(sources)? {
        let entry = entry?;
        if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            symlink(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_intrinsics_is_linked() {
        let (sources, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(sources.path().join("Cargo.toml"), "[workspace]").unwrap();
        for part in ["core", "std", "stdarch"] {
            fs::create_dir(sources.path().join(part)).unwrap();
            fs::write(sources.path().join(part).join("lib.rs"), part).unwrap();
        }
        let folder = library(&Project::at(project.path().to_owned()));
        link(sources.path(), &folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("core/lib.rs")).unwrap(), "core");
        assert!(
            folder.join("std").exists()
                && !folder.join("stdarch").exists()
                && !folder.join("Cargo.toml").exists()
        );
    }
}
