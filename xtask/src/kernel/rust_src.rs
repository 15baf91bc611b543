//! The sources of the standard library, as far as the kernel's analysis needs them.
//!
//! evcxr asks rust-analyzer for the types of a cell's variables. That reads the standard library when
//! a kernel starts, and again at its first `:dep`. Half of it are the processors' intrinsics in
//! `stdarch`, which no variable of a cell has; without them a kernel starts some seconds earlier.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{files, files::Stamp, process, project::Project};

/// The variable by which rust-analyzer is told where the sources are.
pub const VARIABLE: &str = "RUST_SRC_PATH";

/// Parts that no type of a cell comes from.
const LEFT_OUT: [&str; 4] = ["stdarch", "portable-simd", "coretests", "alloctests"];

/// The folder of links to the sources; there only if the toolchain has them.
#[must_use]
pub fn folder(project: &Project) -> PathBuf {
    project.tools().join("rust-src")
}

/// Makes the folder anew if the toolchain, of which `rustc` is what `rustc -vV` prints, has changed. A
/// toolchain without sources gets them by rustup if that can be; the kernel works without, but slower.
///
/// # Errors
/// If the project's folder cannot be written.
pub fn ready(project: &Project, rustc: &str) -> Result<()> {
    let folder = folder(project);
    let sysroot = process::output(process::command("rustc").args(["--print", "sysroot"]))?;
    let stamp = Stamp::of((rustc, &sysroot));
    if stamp.is_at(&folder.join("stamp")) {
        return Ok(());
    }
    let library = Path::new(&sysroot).join("lib/rustlib/src/rust/library");
    if !library.is_dir() {
        eprintln!("Adding the component rust-src, from which the kernel knows the types of variables");
        let _ = process::run(process::command("rustup").args(["component", "add", "rust-src"]));
    }
    files::remove(&folder)?;
    if library.is_dir() {
        link(&library, &folder)
            .with_context(|| format!("cannot link {} in {}", library.display(), folder.display()))?;
        stamp.put(&folder.join("stamp"))?;
    }
    Ok(())
}

fn link(library: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(library)? {
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
        let (library, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for part in ["core", "std", "stdarch"] {
            fs::create_dir(library.path().join(part)).unwrap();
            fs::write(library.path().join(part).join("lib.rs"), part).unwrap();
        }
        let folder = folder(&Project::at(project.path().to_owned()));
        link(library.path(), &folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("core/lib.rs")).unwrap(), "core");
        assert!(folder.join("std").exists() && !folder.join("stdarch").exists());
    }
}
