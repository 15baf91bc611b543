//! The fused engine on each kind of vector instructions that this processor has, in turns.

use std::fmt::Write;

use anyhow::Result;

use super::{
    contestant::{Contestant, engines_program},
    engines::{Time, measure, of_one_run},
};
use crate::{machine, process, project::Project, python::PyTorch, setup};

/// What this processor has, best first, with the names that the engine knows: those of pulp's levels.
fn instructions() -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl") {
            found.push(("AVX-512", "avx512"));
        }
        if has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt") {
            found.push(("AVX2", "avx2"));
        }
    }
    if cfg!(target_arch = "aarch64") {
        found.push(("NEON", "neon"));
    }
    found.push(("portable", "portable"));
    found
}

/// Measures on one thread, and returns the table.
///
/// # Errors
/// If the set-up fails.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project, PyTorch::Libraries)?;
    let program = engines_program(project)?;
    let start = |&(name, instructions): &(&'static str, &str)| {
        let mut command = process::command(&program);
        command.arg("1").env("SIGLIP_SIMD", instructions).env("SIGLIP_PROGRESS", "off");
        Contestant::start(name, &mut command)
    };
    let instructions = instructions();
    let mut contestants = instructions.iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut table = String::from("# Vector instructions\n\n");
    writeln!(table, "{}.\n", machine::description(&python, &["torch"]))?;
    writeln!(
        table,
        "Microseconds an epoch of the fused engine on one thread, best (median) of several rounds in which the \
         kinds take turns (`SIGLIP_SIMD`), and how many times that of {} it is.\n",
        instructions[0].0
    )?;
    let names: Vec<_> = instructions.iter().map(|&(name, _)| name).collect();
    writeln!(table, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
    for case in of_one_run() {
        let times = measure(&case, &mut contestants)?;
        let cells: Vec<_> = times.iter().map(|time: &Time| time.cell(times[0].best)).collect();
        writeln!(table, "| {} | {} |", case.name, cells.join(" | "))?;
    }
    Ok(table)
}
