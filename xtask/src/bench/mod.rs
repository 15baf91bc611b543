//! Measurements against the Python that one would use instead, on this machine.

pub mod embed;

use anyhow::Result;
use clap::ValueEnum;

use crate::project::Project;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// `siglip embed` against transformers
    Embed,
}

/// Measures `suite`, or all of them, prints a table each and writes it to `logs/benchmarks`.
///
/// # Errors
/// If the set-up or a measurement fails.
pub fn run(project: &Project, suite: Option<Suite>) -> Result<()> {
    let suites = suite.map_or_else(|| Suite::value_variants().to_vec(), |suite| vec![suite]);
    suites.into_iter().try_for_each(|suite| match suite {
        Suite::Embed => embed::run(project),
    })
}
