//! Benchmarks: everything that is compared is measured side by side in one call.

mod contestant;
mod decode;
mod embed;
mod engines;
mod fresh;
mod notebook;
mod page;
mod readme;
mod scale;
mod simd;

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
    /// The fused engine on each kind of vector instructions
    Simd,
    /// The fused engine in a notebook's cell against the same in a program
    Notebook,
    /// `siglip embed` against transformers
    Embed,
    /// The page that trains, in a browser
    Page,
    /// A clone with empty caches, to the first executed notebook
    Fresh,
}

/// Runs one suite or all of them; each prints its table, and writes it to `logs/benchmarks` and
/// from there to the README.
///
/// # Errors
/// If the set-up fails, or something cannot be measured.
pub fn run(project: &Project, suite: Option<Suite>, device: Device, pairs: usize) -> Result<()> {
    for suite in suite.map_or(Suite::value_variants().to_vec(), |suite| vec![suite]) {
        let (name, table) = match suite {
            Suite::Engines => ("engines", engines::table(project)?),
            Suite::Scale => ("scale", scale::table(project, device, pairs)?),
            Suite::Simd => ("simd", simd::table(project)?),
            Suite::Notebook => ("notebook", notebook::table(project)?),
            Suite::Embed => ("embed", embed::table(project)?),
            Suite::Fresh => ("fresh", fresh::table(project)?),
            Suite::Page => ("page", page::table(project)?),
        };
        println!("{table}");
        files::write(&project.logs().join("benchmarks").join(name).with_extension("md"), table)?;
        readme::update(project)?;
    }
    Ok(())
}
