//! What numbers were measured on.

use std::{
    env::consts::{ARCH, OS},
    fs, thread,
};

use crate::{kernel::evcxr::EVCXR, libtorch, process, project::Project, python::Python, setup};

/// The machine and the versions, as pairs of what and which.
pub(crate) fn surroundings(project: &Project) -> Vec<(&'static str, String)> {
    vec![
        ("processor", processor()),
        ("system", format!("{OS} on {ARCH}")),
        ("rustc", rustc()),
        ("libtorch", libtorch::version(project).unwrap_or_else(|| "unknown".to_owned())),
        ("evcxr", EVCXR.version.to_owned()),
        ("siglip_core", env!("CARGO_PKG_VERSION").to_owned()),
    ]
}

/// Processor, compiler and versions of Python packages, as a sentence.
pub(crate) fn description(python: &Python, packages: &[&str]) -> String {
    let script =
        "import sys, importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))";
    let versions = process::output(python.command().args(["-c", script]).args(packages)).unwrap_or_default();
    format!("{}; rustc {}, {versions}", processor(), rustc())
}

/// The compiler's version and, in parentheses, its commit.
fn rustc() -> String {
    let version = setup::rustc_version().unwrap_or_default();
    version.lines().next().unwrap_or_default().trim_start_matches("rustc ").to_owned()
}

/// The processor's name, where the system tells with what the name leaves open, and its cores.
fn processor() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let Ok(text) = fs::read_to_string("/proc/cpuinfo") else {
        let mut sysctl = process::command("sysctl");
        let name = process::output(sysctl.args(["-n", "machdep.cpu.brand_string"]));
        return format!("{}, {cores} cores", name.as_deref().unwrap_or("unknown"));
    };
    let field = |key: &str| {
        let mut fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.find_map(|(name, value)| (name.trim() == key).then_some(value.trim())).unwrap_or_default()
    };
    let vectors =
        ["avx512f", "avx2"].into_iter().find(|set| field("flags").split(' ').any(|flag| flag == *set));
    let (name, family, model) = (field("model name"), field("cpu family"), field("model"));
    format!("{name} (family {family}, model {model}; {}), {cores} cores", vectors.unwrap_or("no AVX2"))
}
