//! The fused engine on each kind of vector instructions that this processor has, in turns.

use std::fmt::Write;

use anyhow::Result;

use super::{
    contestant::{Contestant, engines_program},
    engines::{Time, measure, of_one_run},
};
use crate::{machine, process, project::Project, python::PyTorch, setup};

/// In the table's order, with the names that the engine knows; the first is that to which others are
/// compared.
const INSTRUCTIONS: [(&str, &str); 3] = [("AVX-512", "avx512"), ("AVX2", "avx2"), ("portable", "portable")];

/// Measures on one thread, and returns the table.
///
/// # Errors
/// If the set-up fails, or this processor does not have all of the instructions.
pub(super) fn table(project: &Project) -> Result<String> {
    let python = setup::engine(project, PyTorch::Libraries)?;
    let program = engines_program(project)?;
    let start = |(name, instructions)| {
        let mut command = process::command(&program);
        command.arg("1").env("SIGLIP_SIMD", instructions).env("SIGLIP_PROGRESS", "off");
        Contestant::start(name, &mut command)
    };
    let mut contestants = INSTRUCTIONS.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    let mut table = String::from("# Vector instructions\n\n");
    writeln!(table, "{}.\n", machine::description(&python, &["torch"]))?;
    table.push_str(
        "Microseconds an epoch of the fused engine on one thread, best (median) of several rounds in which the \
         kinds take turns (`SIGLIP_SIMD`), and how many times that of AVX-512 it is.\n\n",
    );
    let names = INSTRUCTIONS.map(|(name, _)| name);
    writeln!(table, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
    for case in of_one_run() {
        let times = measure(&case, &mut contestants)?;
        let cells: Vec<_> = times.iter().map(|time: &Time| time.cell(times[0].best)).collect();
        writeln!(table, "| {} | {} |", case.name, cells.join(" | "))?;
    }
    Ok(table)
}
