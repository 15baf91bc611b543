//! `logs/REPORT.md`: what was published against what was obtained, for a reader without the code.
use crate::project::Project;
use anyhow::Result;
use std::time::Duration;
/// Writes the report.
///
/// # Errors
/// x
pub fn write(_project: &Project, _times: &[(String, Duration)]) -> Result<()> {
    Ok(())
}
