//! Slurm's own commands.

use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// Submits a script, and returns the job's number.
///
/// # Errors
/// If there is no Slurm, or it refuses; its own words say why.
pub(crate) fn sbatch(options: &[&str], script: &Path) -> anyhow::Result<String> {
    let output = match Command::new("sbatch").arg("--parsable").args(options).arg(script).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "there is no `sbatch` on this machine: submit where Slurm is, or start the shards by other \
             means (`siglip sweep --shard K/N`)"
        ),
        output => output.context("sbatch")?,
    };
    if !output.status.success() {
        bail!("sbatch {}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    // With several clusters it is `job;cluster`.
    Ok(printed.trim().split(';').next().unwrap_or_default().to_owned())
}

/// The tasks of an array that are waiting or running. Of a job that Slurm has forgotten there are none.
///
/// # Errors
/// If Slurm does not answer.
pub(crate) fn waiting_or_running(job: &str) -> anyhow::Result<Vec<usize>> {
    let jobs = format!("--jobs={job}");
    let output = match Command::new("squeue").args(["--noheader", "--array", "--format=%K", &jobs]).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        output => output.context("squeue")?,
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !complaint.contains("Invalid job id") {
        bail!("squeue: {}", complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect())
}
