//! Benchmarks: everything that is compared is measured side by side in one call.

mod contestant;
mod decode;
mod embed;
mod engines;
mod notebook;
mod scale;

use anyhow::Result;
use clap::ValueEnum;

pub use self::scale::Device;
use crate::{files, project::Project};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// The engines of synthetic experiments against PyTorch and JAX
    Engines,
    /// Large runs against PyTorch, and many small ones together: memory, and time an entry
    Scale,
    /// The fused engine in a notebook's cell against the same in a program
    Notebook,
    /// `siglip embed` against transformers
    Embed,
}

/// Runs one suite or all of them; each prints its table and writes it to `logs/benchmarks`.
///
/// # Errors
/// If the set-up fails, or something cannot be measured.
pub fn run(project: &Project, suite: Option<Suite>, device: Device) -> Result<()> {
    for suite in suite.map_or(Suite::value_variants().to_vec(), |suite| vec![suite]) {
        let (name, table) = match suite {
            Suite::Engines => ("engines", engines::table(project)?),
            Suite::Scale => ("scale", scale::table(project, device)?),
            Suite::Notebook => ("notebook", notebook::table(project)?),
            Suite::Embed => ("embed", embed::table(project)?),
        };
        println!("{table}");
        files::write(&project.logs().join("benchmarks").join(name).with_extension("md"), table)?;
    }
    Ok(())
}
