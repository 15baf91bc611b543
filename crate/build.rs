//! Lets the crate's programs and tests find libtorch without `LD_LIBRARY_PATH`.

use std::{env, path::PathBuf};

fn main() {
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
