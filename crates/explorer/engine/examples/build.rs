//! Builds the WebAssembly module that the explorer's page contains, compressed, from the sources as they are:
//!
//!     cargo run --package siglip-explorer-engine --example build [FILE]
//!
//! Without FILE it goes where the page has it. Needs rustup's target wasm32-unknown-unknown or,
//! where that is missing, the component rust-src.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use miniz_oxide::deflate::compress_to_vec_zlib;

/// Takes longest, and leaves least.
const BEST: u8 = 10;
const TARGET: &str = "wasm32-unknown-unknown";
/// Where the page has it, from the crate's folder.
const OF_THE_PAGE: &str = "../src/page/engine.wasm.zlib";

fn main() -> io::Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = env::args_os().nth(1).map_or_else(|| package.join(OF_THE_PAGE), PathBuf::from);
    let target = testing::foreign_target();
    let status = cargo(package, &target)?.status()?;
    if !status.success() {
        return Err(io::Error::other(format!("cargo: {status}")));
    }
    let module = fs::read(target.join(TARGET).join("page/explorer_engine.wasm"))?;
    let packed = compress_to_vec_zlib(&module, BEST);
    println!("{} kB, of which compression leaves {}", module.len() / 1000, packed.len() / 1000);
    fs::write(file, packed)
}

fn cargo(package: &Path, target: &Path) -> io::Result<Command> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(package).arg("build").args([
        "--package",
        "siglip-explorer-engine",
        "--profile",
        "page",
    ]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(target);
    if !has_standard_library() {
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags()?.join("\u{1f}"));
    Ok(cargo)
}

/// With vector instructions, and without the folders of this machine in what a panic says.
fn flags() -> io::Result<Vec<String>> {
    let mut flags = vec!["-Ctarget-feature=+simd128".to_owned()];
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).ok_or(io::ErrorKind::NotFound)?;
    let version = printed("rustc", &["--version", "--verbose"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let library = Path::new(printed("rustc", &["--print", "sysroot"])?.trim()).join("lib/rustlib/src/rust");
    flags.push(format!("--remap-path-prefix={}=/rustc/{commit}", library.display()));
    for registry in fs::read_dir(home.join("registry/src"))? {
        flags.push(format!("--remap-path-prefix={}=registry", registry?.path().display()));
    }
    Ok(flags)
}

fn has_standard_library() -> bool {
    printed("rustc", &["--print", "target-libdir", "--target", TARGET])
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn printed(program: &str, arguments: &[&str]) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&Command::new(program).args(arguments).output()?.stdout).into_owned())
}
