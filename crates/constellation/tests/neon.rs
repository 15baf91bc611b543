//! The engine on the vector instructions of ARM's processors, on others by an emulator.

use std::path::PathBuf;
use std::process::Command;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The engine's own tests, with the target's standard library built from its sources, as a compiler from a
/// distribution has no other.
#[test]
fn the_engine_is_right_on_neon() {
    let skip = |reason| testing::skip("the_engine_is_right_on_neon", reason);
    if cfg!(target_arch = "aarch64") {
        return; // the other tests have shown it
    }
    if !is_there(LINKER) || !is_there(EMULATOR) {
        return skip("`apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user` makes it run");
    }
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    if !sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file() {
        return skip("`rustup component add rust-src` makes it run");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(testing::root()).args(["test", "-Z", "build-std", "--target", TARGET]);
    cargo.arg("--target-dir").arg(testing::foreign_target());
    cargo.args(["--package", "siglip-constellation", "--no-default-features", "--lib", "--", "fused"]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    let runner = format!("{EMULATOR} -L /usr/aarch64-linux-gnu");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("every_path_of_this_processor_is_tested ... ok"), "{said}");
}
