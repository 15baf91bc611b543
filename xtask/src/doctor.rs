//! What is there, what is missing, and the command that mends it.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::{
    environment::Environment,
    kernel::{Kernel, evcxr::EVCXR, rust_src, spec, warm},
    libtorch, process,
    project::Project,
    python::{self, PyTorch, Python},
    setup, torch_sys,
};

const SETUP: &str = "cargo xtask setup";

/// What was found about one thing: what is there, or what is wrong; and the command that mends it.
struct Finding {
    what: &'static str,
    state: Result<String>,
    mend: String,
}

fn finding(what: &'static str, state: Result<String>, mend: impl Into<String>) -> Finding {
    Finding { what, state, mend: mend.into() }
}

/// Prints a line for everything that the tasks need.
///
/// # Errors
/// If anything is missing.
pub fn examine(project: &Project) -> Result<()> {
    let findings = findings(project)?;
    for Finding { what, state, mend } in &findings {
        match state {
            Ok(state) => println!("ok       {what:<12} {state}"),
            Err(error) => println!("MISSING  {what:<12} {error:#}\n         {:<12} mend: {mend}", ""),
        }
    }
    let ills = findings.iter().filter(|finding| finding.state.is_err()).count();
    ensure!(ills == 0, "{ills} of {} are missing", findings.len());
    Ok(())
}

fn findings(project: &Project) -> Result<Vec<Finding>> {
    let environment = Environment::read(&project.environment_file())?;
    let (python, is_conda) = python::locate(project, &environment);
    let rustc = setup::rustc_version();
    let of_rust = rustc.as_deref().unwrap_or_default().to_owned();
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let compiler = if cfg!(target_os = "macos") { "xcode-select --install" } else { "sudo apt install g++" };
    let sources = "the kernel knows the types of the standard library";
    let rustup = format!("rustup component add rust-src && {SETUP}");
    let folder = project.bearable().map(|()| project.root().display().to_string());
    let mut findings = vec![
        finding("folder", folder, "move the project"),
        finding("Rust", rustc.map(first_line), "install it from https://rustup.rs"),
        finding("C++", torch_sys::compiler().context("tch has a part in C++"), compiler),
        finding("disk", disk(project), "make room"),
        packages(&python, &environment, is_conda),
        finding("libtorch", torch(project, &environment), SETUP),
        finding("kernel", file(&EVCXR.binary(project), &format!("evcxr_jupyter {}", EVCXR.version)), SETUP),
        finding("rust-src", file(&rust_src::library(project), sources), rustup),
    ];
    for kernel in Kernel::ALL {
        let name = kernel.name();
        let is_warm = warm::is_ready(project, kernel, &of_rust).unwrap_or(false);
        let is_known = spec::is_ready(project, &python, kernel);
        let build = is_warm.then(|| format!("the crate is built for {name}"));
        let build = build.with_context(|| format!("the crate is not built for {name}, or was edited since"));
        let spec = is_known.then(|| format!("{name} in {}", python.prefix().display()));
        let spec = spec.with_context(|| format!("Jupyter does not know the kernel {name}"));
        findings.extend([finding("warm build", build, SETUP), finding("kernelspec", spec, SETUP)]);
    }
    Ok(findings)
}

fn file(path: &Path, state: &str) -> Result<String> {
    path.exists().then(|| state.to_owned()).with_context(|| format!("no {}", path.display()))
}

fn disk(project: &Project) -> Result<String> {
    /// Python packages 5 with those for CUDA, the kernel's and the crate's builds 2, in GB.
    const NEEDED: u64 = 7;
    let table = process::output(process::command("df").arg("-Pk").arg(project.root())).unwrap_or_default();
    let free = table.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    let Some(free) = free.map(|kilobytes| kilobytes / 1024 / 1024) else {
        return Ok("free space unknown".to_owned());
    };
    let is_enough = free >= NEEDED || project.venv().exists();
    ensure!(is_enough, "{free} GB free, a first set-up takes {NEEDED}");
    Ok(format!("{free} GB free"))
}

fn packages(python: &Python, environment: &Environment, is_conda: bool) -> Finding {
    let place = if is_conda { "conda environment " } else { "" };
    let place = format!("{place}{}", python.prefix().display());
    if !python.is_complete(environment, PyTorch::for_this_machine()) {
        return finding("Python", Err(anyhow::anyhow!("{place} is missing or incomplete")), SETUP);
    }
    let script = "import sys, importlib.metadata as m\n\
                  for r in sys.argv[1:]:\n  n, v = r.split('==')\n  f = m.version(n).split('+')[0]\n\
                  \x20 if f != v: sys.exit(f'{n} is {f}, not {v}')\n\
                  print('Python', sys.version.split()[0])";
    let version = process::output(python.command().args(["-c", script]).args(&environment.requirements));
    let state = version.map(|version| format!("{version} with all packages in {place}"));
    finding("Python", state, format!("rm -r '{}' && {SETUP}", python.prefix().display()))
}

fn torch(project: &Project, environment: &Environment) -> Result<String> {
    let wanted = environment.version("torch").unwrap_or("any");
    match libtorch::version(project) {
        Some(found) if found.split('+').next() == Some(wanted) => Ok(found),
        Some(found) => bail!("{found}, not {wanted}"),
        None => bail!("no libtorch at {}", project.libtorch().display()),
    }
}
