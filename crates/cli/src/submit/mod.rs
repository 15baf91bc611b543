//! `siglip submit`: a sweep as a job array of Slurm, and a job that merges it.
//!
//! The scheduler is Slurm. What is done here is to find which shards have runs to train, to write two
//! batch scripts that anyone can read and change, and to submit them. Submitted again, after a time
//! limit or the loss of a node, it is the shards with missing runs that are not in the queue.

mod queue;
mod script;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use constellation::numbers::thousands;
use constellation::sweep::{Keep, Plan, SHARDS};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shard::Shard;

use self::script::Script;
use crate::{What, output, sweep};

/// What to submit.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The sweep (JSON, see `constellation::sweep`); `-` reads standard input.
    description: PathBuf,
    /// Folder for the runs, which all nodes see under this name.
    #[arg(long)]
    out: PathBuf,
    /// Into how many shards the sweep is divided, each a task of the array.
    #[arg(long)]
    tasks: usize,
    /// What to keep of each run.
    #[arg(long, value_enum, default_value_t = What::Summaries)]
    keep: What,
    /// Write the scripts, and submit nothing.
    #[arg(long)]
    dry_run: bool,
    /// Most tasks that run at once.
    #[arg(long)]
    at_once: Option<std::num::NonZeroUsize>,
    /// Options for sbatch, after `--`, such as `--partition=cpu --time=1:00:00 --cpus-per-task=4`.
    #[arg(last = true)]
    sbatch: Vec<String>,
}

/// What was submitted from this folder and may still be in the queue.
#[derive(Default, Serialize, Deserialize)]
struct Submitted {
    arrays: Vec<String>,
    shards: usize,
}

/// Submits the shards of a sweep that have runs to train and are not in the queue.
pub(crate) fn submit(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { description, out, tasks, keep, dry_run, at_once, sbatch } = arguments;
    let json = crate::read(description).with_context(|| description.display().to_string())?;
    let plan = Plan::from_json(&json)?;
    if *tasks == 0 {
        bail!("`--tasks` is 0, expected at least 1");
    }
    if let Some(option) = sbatch.iter().find(|option| script::is_ours(option)) {
        bail!(
            "the option `{option}` is for `siglip submit` to choose (`--at-once` limits the tasks that run)"
        );
    }
    let shards = plan.len().min(*tasks);
    // Jobs begin elsewhere.
    let out = std::path::absolute(out).with_context(|| out.display().to_string())?;
    sweep::refuse_another(&json, &out)?;

    let memory = out.join(SHARDS).join("submitted.json");
    let submitted = fs::read(&memory).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let mut submitted: Submitted = submitted.unwrap_or_default();
    let mut queued = Vec::new();
    if !dry_run {
        let before = std::mem::take(&mut submitted.arrays);
        for array in before {
            let tasks = queue::waiting_or_running(&array)?;
            if !tasks.is_empty() {
                queued.extend(tasks);
                submitted.arrays.push(array);
            }
        }
    }
    if !queued.is_empty() && submitted.shards != shards {
        let (before, arrays) = (submitted.shards, submitted.arrays.join(" "));
        bail!("{before} shards are still in the queue: wait for them, or `scancel {arrays}`");
    }
    sweep::remember(&json, &out, shards)?;
    let todo = unfinished(&plan, &out, (*keep).into(), shards, &queued)?;
    let keep = if matches!(keep, What::Runs) { "runs" } else { "summaries" };
    let script = Script { siglip: std::env::current_exe()?, out: out.clone(), shards, keep, options: sbatch };
    let [array, merge] = script.write()?;
    if todo.is_empty() {
        let waits =
            if queued.is_empty() { "`siglip merge` writes the tables" } else { "the rest is in the queue" };
        output::show(&format_args!("No shard has runs to train that are not trained or queued: {waits}."));
        return output::print_json(&json!({"shards": shards, "submitted": 0, "queued": queued.len()}));
    }
    if *dry_run {
        output::show(&format_args!("Written, not submitted: {} and {}", array.display(), merge.display()));
        return output::print_json(&json!({"shards": shards, "submitted": 0, "unfinished": todo.len()}));
    }
    let limit = at_once.map_or(String::new(), |most| format!("%{most}"));
    let job = queue::sbatch(&[&format!("--array={}{limit}", ranges(&todo))], &array)?;
    // Before anything else can fail: else it would be forgotten, and submitted again.
    submitted.arrays.push(job.clone());
    submitted.shards = shards;
    files::write_json(&memory, &submitted)?;
    let after = submitted.arrays.join(":");
    let merging = queue::sbatch(&[&format!("--dependency=afterany:{after}")], &merge)?;
    output::show(&format_args!(
        "Submitted {} of {} shards ({} runs in all) as job {job}, and as job {merging} the merging of them.\n\
         Watch: squeue --jobs={job},{merging}, or the logs in {}.\n\
         If a task was killed or lost: the same command again submits what is missing.",
        thousands(todo.len()),
        thousands(shards),
        thousands(plan.len()),
        script.logs().display(),
    ));
    output::print_json(&json!({
        "shards": shards, "submitted": todo.len(), "queued": queued.len(), "array": job, "merge": merging,
    }))
}

/// The shards that have runs to train and are not in the queue.
fn unfinished(
    plan: &Plan,
    out: &std::path::Path,
    keep: Keep,
    shards: usize,
    queued: &[usize],
) -> anyhow::Result<Vec<usize>> {
    let kept = plan.kept(out)?;
    let mut todo = Vec::new();
    for shard in Shard::all(shards).filter(|shard| !queued.contains(&shard.number())) {
        if kept.missing(shard, keep)? > 0 {
            todo.push(shard.number());
        }
    }
    Ok(todo)
}

/// Ascending numbers as Slurm writes them: `0-3,7`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let written = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        [alone] => alone.to_string(),
        [] => String::new(),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!(ranges(&[5]), "5");
        assert_eq!(ranges(&[]), "");
    }
}
