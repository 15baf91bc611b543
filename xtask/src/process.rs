//! Child processes.

use std::{
    env,
    ffi::OsStr,
    io,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Variables that choose another libtorch than the project's, or other flags than cargo's own.
const NOT_INHERITED: [&str; 7] = [
    "LIBTORCH",
    "LIBTORCH_USE_PYTORCH",
    "LIBTORCH_INCLUDE",
    "LIBTORCH_LIB",
    "LIBTORCH_STATIC",
    "LIBTORCH_CXX11_ABI",
    "CARGO_ENCODED_RUSTFLAGS",
];

/// Beginnings of the names of what `cargo run` tells its child about the child's own package. Build
/// scripts watch some of them: a kernel that inherits them, where a plain `jupyter` has none, would build
/// half of the dependencies again.
const NOT_INHERITED_PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// A command that finds libtorch only where `.cargo/config.toml` says, whoever started this process.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if NOT_INHERITED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs this task.
#[must_use]
pub fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or("cargo".into()))
}

/// Runs to the end with all output on standard error: it is progress, not a result.
///
/// # Errors
/// If it cannot be started or fails; its own message is then already on the screen.
pub fn run(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("cannot start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed: {status}");
    }
    Ok(())
}

/// Runs to the end and returns what it printed.
///
/// # Errors
/// If it cannot be started or fails, with what it said on standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let name = name(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{name}` failed: {}\n{}", output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The beginning of the command line, for messages.
pub(crate) fn name(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    command.get_args().take(4).fold(program, |name, argument| {
        let argument = argument.to_string_lossy();
        if argument.contains('\n') { name } else { format!("{name} {argument}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_tells_this_package_is_not_inherited() {
        let told = output(command("env").arg("-0")).unwrap();
        assert!(env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
        let inherited: Vec<_> = told
            .split('\0')
            .filter(|line| NOT_INHERITED_PREFIXES.iter().any(|prefix| line.starts_with(prefix)))
            .collect();
        assert_eq!(inherited, Vec::<&str>::new());
    }
}
