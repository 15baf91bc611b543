//! Lets the crate's programs and tests find libtorch without `LD_LIBRARY_PATH`, and tells the crate what
//! its training is made of.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

/// The crate's own part in the numbers of a run.
const TRAINING: [&str; 6] =
    ["src/experiment.rs", "src/geometry", "src/loss.rs", "src/run.rs", "src/sphere.rs", "src/train"];

/// Files there that move no number.
const LEFT_OUT: [&str; 3] = ["agreement.rs", "progress.rs", "tests.rs"];

fn main() -> io::Result<()> {
    name_training()?;
    link_libtorch();
    Ok(())
}

/// A hash of the sources, so that no run that was finished before they changed is taken for one of theirs.
fn name_training() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for path in TRAINING {
        println!("cargo:rerun-if-changed={path}");
        hash(Path::new(path), &mut hasher)?;
    }
    println!("cargo:rustc-env=SIGLIP_TRAINING={:016x}", hasher.finish());
    Ok(())
}

fn hash(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    if path.is_dir() {
        let entries: io::Result<Vec<_>> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect();
        let mut entries = entries?;
        entries.sort();
        return entries.iter().try_for_each(|path| hash(path, hasher));
    }
    let name = path.file_name().unwrap_or_default();
    let is_source = path.is_file() && path.extension().is_some_and(|extension| extension == "rs");
    if is_source && !LEFT_OUT.iter().any(|left_out| name == *left_out) {
        name.hash(hasher);
        fs::read(path)?.hash(hasher);
    }
    Ok(())
}

fn link_libtorch() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        return; // torch-sys has already said how to get libtorch
    };
    println!("cargo:rustc-env=SIGLIP_LIBTORCH={}", libtorch.display());
    let libraries = libtorch.join("lib");
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    }
}
