//! What is there, what is missing, and the command that mends it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{
    environment::Environment,
    kernel::{evcxr, rust_src, spec, warm},
    libtorch, process,
    project::Project,
    python::{self, Python},
    setup,
};

const SETUP: &str = "cargo xtask setup";

/// What was found about one thing: what is there, or what is wrong and the command that mends it.
struct Finding {
    what: &'static str,
    state: Result<String, (String, String)>,
}

fn there(what: &'static str, state: impl Into<String>) -> Finding {
    Finding { what, state: Ok(state.into()) }
}

fn missing(what: &'static str, state: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { what, state: Err((state.into(), mend.into())) }
}

/// Prints a line for everything that the tasks need.
///
/// # Errors
/// If anything is missing.
pub fn examine(project: &Project) -> Result<()> {
    let environment = Environment::read(&project.environment_file())?;
    let (python, is_conda) = python::locate(project, &environment);
    let mut findings = vec![rust(), compiler(), disk(project)];
    findings.push(packages(&python, &environment, is_conda));
    findings.push(torch(project, &environment));
    findings.extend(kernel(project, &python));
    let mut ills = 0;
    for Finding { what, state } in &findings {
        match state {
            Ok(state) => println!("ok       {what:<12} {state}"),
            Err((state, mend)) => {
                ills += 1;
                println!("MISSING  {what:<12} {state}\n         {:<12} mend: {mend}", "");
            }
        }
    }
    if ills > 0 {
        bail!("{ills} of {} are missing", findings.len());
    }
    Ok(())
}

fn rust() -> Finding {
    match setup::rustc_version() {
        Ok(version) => there("Rust", version.lines().next().unwrap_or_default()),
        Err(error) => missing("Rust", format!("{error:#}"), "install it from https://rustup.rs"),
    }
}

fn compiler() -> Finding {
    match setup::compiler() {
        Ok(version) => there("C++", version),
        Err(_) => {
            let mend =
                if cfg!(target_os = "macos") { "xcode-select --install" } else { "sudo apt install g++" };
            missing("C++", "no C++ compiler; tch has a part in C++", mend)
        }
    }
}

fn disk(project: &Project) -> Finding {
    /// Python packages 5, evcxr's and the crate's builds 6, in GB.
    const NEEDED: u64 = 12;
    let mut df = Command::new("df");
    let table = process::output(df.arg("-Pk").arg(project.root())).unwrap_or_default();
    let fields = table.lines().nth(1).unwrap_or_default().split_whitespace().nth(3);
    let Some(free) = fields.and_then(|free| free.parse::<u64>().ok()).map(|free| free / 1024 / 1024) else {
        return there("disk", "free space unknown");
    };
    if free >= NEEDED || project.venv().exists() {
        there("disk", format!("{free} GB free"))
    } else {
        missing("disk", format!("{free} GB free, a first set-up takes {NEEDED}"), "make room")
    }
}

fn packages(python: &Python, environment: &Environment, is_conda: bool) -> Finding {
    let place = if is_conda { "conda environment " } else { "" };
    let place = format!("{place}{}", python.prefix().display());
    if !python.is_complete(environment) {
        return missing("Python", format!("{place} is missing or incomplete"), SETUP);
    }
    let script = "import sys, importlib.metadata as m\n\
                  for r in sys.argv[1:]:\n  n, v = r.split('==')\n  f = m.version(n).split('+')[0]\n\
                  \x20 if f != v: sys.exit(f'{n} is {f}, not {v}')\n\
                  print('Python', sys.version.split()[0])";
    match process::output(python.command().args(["-c", script]).args(&environment.requirements)) {
        Ok(version) => there("Python", format!("{version} with all packages in {place}")),
        Err(error) => missing(
            "Python",
            format!("{error:#}"),
            format!("rm -r '{}' && {SETUP}", python.prefix().display()),
        ),
    }
}

fn torch(project: &Project, environment: &Environment) -> Finding {
    let wanted = environment.version("torch").unwrap_or("any");
    match libtorch::version(project) {
        Some(found) if found.split('+').next() == Some(wanted) => there("libtorch", found),
        Some(found) => missing("libtorch", format!("{found}, not {wanted}"), SETUP),
        None => missing("libtorch", format!("no libtorch at {}", project.libtorch().display()), SETUP),
    }
}

fn kernel(project: &Project, python: &Python) -> [Finding; 4] {
    let rustc = setup::rustc_version().unwrap_or_default();
    let binary = evcxr::binary(project);
    let is_warm = warm::is_ready(project, &rustc).unwrap_or(false);
    [
        if binary.exists() {
            there("kernel", format!("evcxr_jupyter {}", evcxr::VERSION))
        } else {
            missing("kernel", format!("no {}", binary.display()), SETUP)
        },
        if rust_src::is_there(project) {
            there("rust-src", "the kernel knows the types of the standard library")
        } else {
            let mend = format!("rustup component add rust-src && {SETUP}");
            missing("rust-src", "the kernel needs the sources of the standard library", mend)
        },
        if is_warm {
            there("warm build", "the crate is built for the notebooks")
        } else {
            missing("warm build", "the crate is not built for the notebooks, or was edited since", SETUP)
        },
        if spec::is_ready(project, python) {
            there("kernelspec", format!("{} in {}", spec::NAME, python.prefix().display()))
        } else {
            missing("kernelspec", format!("Jupyter does not know the kernel {}", spec::NAME), SETUP)
        },
    ]
}
