//! For build scripts: lets programs find libtorch where it was when they were built, without
//! `LD_LIBRARY_PATH`. A dependency cannot do that for the programs that use it, so every
//! package with programs or tests that load libtorch calls this in its `build.rs`.
//!
//! ```no_run
//! link::libtorch();
//! ```

use std::{env, path::PathBuf};

/// Adds the folder of libtorch's libraries to the search path of this package's programs,
/// and names libtorch to its sources as `SIGLIP_LIBTORCH`.
pub fn libtorch() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let Some(libtorch) = env::var_os("LIBTORCH").map(PathBuf::from) else {
        return; // torch-sys has already said how to get libtorch
    };
    println!("cargo:rustc-env=SIGLIP_LIBTORCH={}", libtorch.display());
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix") {
        // Not by `-Wl`, which takes a comma in the path for the end of it.
        for argument in ["-Xlinker", "-rpath", "-Xlinker"] {
            println!("cargo:rustc-link-arg={argument}");
        }
        println!("cargo:rustc-link-arg={}", libtorch.join("lib").display());
    }
}
