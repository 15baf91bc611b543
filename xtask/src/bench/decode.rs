//! Decoding of JPEGs against Pillow, one core each, in turns.

use std::path::Path;

use anyhow::Result;

use crate::{process, project::Project, python::Python};

/// Runs of each. They take turns, so that a slow second of the machine slows both.
const ROUNDS: usize = 9;

/// Times both on the JPEGs in `folder`, and returns a section of the page. `pillow` is a Python that
/// has it.
///
/// # Errors
/// If one of them cannot be built or fails.
pub(super) fn section(project: &Project, pillow: &Python, folder: &Path) -> Result<String> {
    let mut cargo = process::cargo();
    cargo.current_dir(project.root()).args(["build", "--release", "--package", "siglip-pictures"]);
    process::run(cargo.args(["--example", "decode_speed"]))?;
    let program = project.target().join("release/examples/decode_speed");
    let script = project.library().join("benches/embed/decode.py");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(process::output(process::command(&program).arg(folder))?.parse()?);
        theirs.push(process::output(pillow.command().arg(&script).arg(folder))?.parse()?);
    }
    Ok(compose(&ours, &theirs))
}

fn compose(ours: &[f64], theirs: &[f64]) -> String {
    let middle = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (ours, theirs) = (middle(ours), middle(theirs));
    format!(
        "\n| decoding alone, one core | JPEGs/s |\n|---|---|\n| pictures | {ours:.0} |\n| Pillow | {theirs:.0} |\n\
         | pictures to Pillow | {:.2} |\n",
        ours / theirs
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn medians_are_compared() {
        let section = super::compose(&[100.0, 900.0, 300.0], &[200.0, 1.0, 250.0]);
        assert!(
            section.contains("| pictures | 300 |\n| Pillow | 200 |\n| pictures to Pillow | 1.50 |"),
            "{section}"
        );
    }
}
