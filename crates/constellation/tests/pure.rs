//! What must be pure Rust stays so: no libtorch in the crates of synthetic notebooks, and an engine
//! that builds for WebAssembly.

use std::path::PathBuf;
use std::process::Command;

/// What cargo, started in the root, says to `arguments`.
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(testing::root()).args(arguments);
    cargo
}

#[track_caller]
fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a package with these options builds libtorch's bindings, on any platform.
fn depends_on_tch(package: &str, options: &[&str]) -> bool {
    let tree = ["tree", "--offline", "--package", package, "--target", "all", "--prefix", "none"];
    let edges = ["--edges", "normal,build", "--format", "{p}"];
    let tree = output(cargo(&[&tree[..], &edges, options].concat()));
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names[0], package);
    names.iter().any(|name| ["tch", "torch-sys"].contains(name))
}

#[test]
fn what_synthetic_notebooks_build_has_no_libtorch() {
    for name in ["files", "constellation", "figures", "explorer", "notebook"] {
        let package = format!("siglip-{name}");
        assert!(!depends_on_tch(&package, &["--no-default-features"]), "{package} depends on libtorch");
    }
    assert!(!depends_on_tch("siglip_core", &["--no-default-features"]), "siglip_core depends on libtorch");
    // That it would be seen.
    assert!(
        depends_on_tch("siglip_core", &[]) && depends_on_tch("siglip-notebook", &["--features", "models"])
    );
}

const WASM: &str = "wasm32-unknown-unknown";

/// A path that rustc prints.
fn printed(arguments: &[&str]) -> PathBuf {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(testing::root()).arg("--print").args(arguments);
    PathBuf::from(output(rustc).trim())
}

/// With the vector instructions that the page uses, and the target's standard library built from
/// its sources where rustup has not installed it.
#[test]
fn the_engine_builds_for_web_assembly() {
    // As the page has it, without the solver.
    let package = ["--package", "siglip-constellation", "--no-default-features"];
    // Not offline: what the standard library itself is made of may be missing.
    let mut build = cargo(&[&["build", "--target", WASM], &package[..]].concat());
    build.arg("--target-dir").arg(testing::foreign_target());
    build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0"); // it is not run
    build.env("RUSTFLAGS", "-C target-feature=+simd128").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !printed(&["target-libdir", "--target", WASM]).is_dir() {
        if !printed(&["sysroot"]).join("lib/rustlib/src/rust/library/Cargo.lock").is_file() {
            let reason = "`rustup target add wasm32-unknown-unknown` makes it run";
            return testing::skip("the_engine_builds_for_web_assembly", reason);
        }
        build.env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=std,panic_abort"]);
    }
    output(build);
}
