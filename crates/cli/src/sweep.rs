//! `siglip sweep` and, for sweeps, `siglip merge`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use constellation::Settings;
use constellation::sweep::{Keep, Plan, SHARDS, SweepProgress};
use serde_json::json;
use shard::Shard;

use crate::output;

/// Trains a shard of a sweep, and prints the summary of each of its runs; of the whole sweep also the
/// tables are written.
pub(crate) fn train(
    json: &str,
    out: &Path,
    keep: Keep,
    shard: Shard,
    settings: Settings,
    progress: &mut dyn FnMut(&SweepProgress),
) -> anyhow::Result<()> {
    let plan = Plan::from_json(json)?;
    if !shard.is_whole() {
        refuse_another(json, out)?;
    }
    remember(json, out, shard.of())?;
    let trained = plan.train_into(out, keep, shard, settings, progress);
    // Where a run could not be kept, neither could a table.
    let could_be_kept = !trained.as_ref().is_err_and(constellation::Error::is_of_a_file);
    let written = if shard.is_whole() && could_be_kept { table::write(&plan, out).map(drop) } else { Ok(()) };
    // If a run has failed, those that have not.
    let kept = plan.kept(out)?;
    for number in shard.every(plan.len()) {
        if let Some(finished) = kept.finished(number)? {
            output::print_json(&finished)?;
        }
    }
    trained?;
    Ok(written?)
}

/// Writes the tables of all runs that are in a sweep's folder.
///
/// # Errors
/// If runs are missing: names the shards that they belong to.
pub(crate) fn merge(out: &Path) -> anyhow::Result<()> {
    let description = description(out);
    let json = fs::read_to_string(&description)
        .with_context(|| format!("{}: there is no sweep and no shard of one here", out.display()))?;
    let plan = Plan::from_json(&json).with_context(|| description.display().to_string())?;
    let written = table::write(&plan, out)?;
    output::print_json(&json!({
        "runs": written.runs,
        "failed": written.failed,
        "missing": written.missing,
        "tables": [out.join(table::PARQUET), out.join(table::JSON_LINES)],
    }))?;
    if let Some((run, reason)) = &written.first_failure {
        let [failed, all] = [written.failed, plan.len()].map(constellation::numbers::thousands);
        output::show(&format_args!("{failed} of {all} runs failed, the first of them run {run}: {reason}"));
    }
    if written.missing == 0 {
        return Ok(());
    }
    let [missing, all] = [written.missing, plan.len()].map(constellation::numbers::thousands);
    match divided(out)[..] {
        [of] if of > 1 => {
            let kept = plan.kept(out)?;
            let is_missing = |shard: &Shard| kept.missing(*shard, Keep::Summaries).is_ok_and(|runs| runs > 0);
            let shards: Vec<String> =
                Shard::all(of).filter(is_missing).map(|shard| shard.to_string()).collect();
            bail!("{missing} of {all} runs are missing: run shards {} again, then merge", some(&shards))
        }
        _ => {
            let runs: Vec<String> = written.first_missing.iter().map(ToString::to_string).collect();
            bail!(
                "{missing} of {all} runs are missing: {}; run the sweep again, which trains only those",
                some(&runs)
            )
        }
    }
}

/// Where a sweep's folder has its description.
pub(crate) fn description(out: &Path) -> PathBuf {
    out.join(SHARDS).join("sweep.json")
}

/// A folder that is filled by shards belongs to one sweep: tasks that wait read its description there.
pub(crate) fn refuse_another(json: &str, out: &Path) -> anyhow::Result<()> {
    let path = description(out);
    match fs::read(&path) {
        Ok(there) if there != json.as_bytes() => bail!(
            "{}: the folder belongs to another sweep: choose another one, or remove {}",
            path.display(),
            path.display()
        ),
        _ => Ok(()),
    }
}

/// Puts the description beside the runs, so that `merge` and jobs find it, and into how many shards
/// they are divided.
pub(crate) fn remember(json: &str, out: &Path, shards: usize) -> anyhow::Result<()> {
    let path = description(out);
    if fs::read(&path).ok().as_deref() != Some(json.as_bytes()) {
        files::write_whole(&path, |file| Ok(file.write_all(json.as_bytes())?))?;
    }
    let mark = out.join(SHARDS).join(format!("{MARK}{shards}"));
    fs::write(&mark, "").with_context(|| mark.display().to_string())
}

/// What the names of empty files begin with that say how many shards there are.
const MARK: &str = "of-";

/// Into how many shards the runs of a folder have been divided.
fn divided(out: &Path) -> Vec<usize> {
    let entries = fs::read_dir(out.join(SHARDS)).into_iter().flatten().flatten();
    let shards = |name: std::ffi::OsString| name.to_str()?.strip_prefix(MARK)?.parse().ok();
    let all: BTreeSet<usize> = entries.filter_map(|entry| shards(entry.file_name())).collect();
    all.into_iter().filter(|&of| of > 1).collect()
}

/// The first of a list, and how many more there are.
pub(crate) fn some(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
