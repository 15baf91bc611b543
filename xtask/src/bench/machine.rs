//! What the numbers were measured on.

use std::{fs, thread};

use crate::{process, python::Python, setup};

/// Processor, cores and versions, as a sentence.
pub(super) fn description(python: &Python, packages: &[&str]) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let rustc = setup::rustc_version().unwrap_or_default();
    let rustc = rustc.lines().next().unwrap_or_default().split(" (").next().unwrap_or_default().to_owned();
    let script =
        "import sys, importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))";
    let versions = process::output(python.command().args(["-c", script]).args(packages)).unwrap_or_default();
    format!("{}, {cores} cores; {rustc}, {versions}", processor())
}

/// The processor's name, with its family and model where the name leaves them open.
fn processor() -> String {
    let Ok(text) = fs::read_to_string("/proc/cpuinfo") else {
        let mut sysctl = process::command("sysctl");
        return process::output(sysctl.args(["-n", "machdep.cpu.brand_string"]))
            .unwrap_or_else(|_| "unknown processor".to_owned());
    };
    let field = |key: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(name, value)| (name.trim() == key).then(|| value.trim().to_owned()))
            .unwrap_or_default()
    };
    let flags = field("flags");
    let has = |flag: &str| flags.split(' ').any(|found| found == flag);
    let vectors = match (has("avx512f"), has("avx2")) {
        (true, _) => "AVX-512",
        (_, true) => "AVX2",
        _ => "neither AVX2 nor AVX-512",
    };
    format!("{} (family {}, model {}; {vectors})", field("model name"), field("cpu family"), field("model"))
}
