//! The runs of a sweep as tables that other tools read.
//!
//! [`write()`] makes two files of what a folder keeps: `runs.parquet`, for pandas, Polars, DuckDB or R,
//! with a column for each key of a run's description and each final number, and `runs.jsonl`, a line
//! of JSON a run, which [`constellation::Outcome::read_all`] reads in a notebook. They have the runs
//! in the order of the sweep, and no times, so that they are the same to the byte however the work was
//! divided. Of the workspace this crate uses `constellation` and `files`.

mod columns;
mod parquet_file;

use std::io::{BufWriter, Write};
use std::path::Path;

use constellation::Outcome;
use constellation::sweep::Plan;

pub use parquet_file::ParquetFile;

/// Name of the table in Parquet, in the folder of the runs.
pub const PARQUET: &str = "runs.parquet";
/// Name of the table in lines of JSON.
pub const JSON_LINES: &str = "runs.jsonl";

/// Which runs of a plan a table has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many are in it.
    pub runs: usize,
    /// How many are not in it because their loss diverged.
    pub failed: usize,
    /// The number of the first of those, and what was wrong.
    pub first_failure: Option<(usize, String)>,
    /// How many are not there.
    pub missing: usize,
    /// The numbers of the first of those, a hundred at most.
    pub first_missing: Vec<usize>,
}

/// Writes both tables of what `folder` has of the runs of `plan`, in memory that does not grow with
/// their number.
///
/// # Errors
/// [`constellation::Error::File`] if a table cannot be written; both are then as they were before.
pub fn write(plan: &Plan, folder: &Path) -> constellation::Result<Written> {
    const LISTED: usize = 100;
    let kept = plan.kept(folder)?;
    let mut written = Written::default();
    files::write_whole(&folder.join(JSON_LINES), |lines| {
        let mut lines = BufWriter::new(lines);
        files::write_whole(&folder.join(PARQUET), |parquet| {
            let mut parquet = ParquetFile::new(parquet)?;
            for number in 0..plan.len() {
                if let Some(finished) = kept.finished(number)? {
                    written.runs += 1;
                    serde_json::to_writer(&mut lines, &Outcome::of_finished(&finished))?;
                    lines.write_all(b"\n")?;
                    parquet.add(finished)?;
                } else if let Some(reason) = kept.failure(number) {
                    written.failed += 1;
                    written.first_failure.get_or_insert((number, reason));
                } else {
                    written.missing += 1;
                    if written.first_missing.len() < LISTED {
                        written.first_missing.push(number);
                    }
                }
            }
            Ok(parquet.finish()?)
        })?;
        Ok(lines.flush()?)
    })?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use constellation::Settings;
    use constellation::sweep::Keep;

    use super::*;

    const PLAN: &str = r#"{"base": {"pairs": 5, "dim": 3, "epochs": 10, "locked": true},
        "record": {"margin": true},
        "runs": [{}, {"adapter": 0.5}], "grid": {"seed": [1, 18446744073709551615], "bias.init": [0, 0.25]}}"#;

    fn train(plan: &Plan, folder: &Path, keep: Keep, shard: &str) {
        plan.train_into(folder, keep, shard.parse().unwrap(), Settings::default(), &mut |_| ()).unwrap();
    }

    #[test]
    fn tables_are_the_same_to_the_byte_however_the_work_was_divided() {
        let plan = Plan::from_json(PLAN).unwrap();
        let table = |keep: Keep, shards: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            shards.iter().for_each(|shard| train(&plan, folder.path(), keep, shard));
            let written = write(&plan, folder.path()).unwrap();
            assert_eq!((written.runs, written.missing), (8, 0));
            [PARQUET, JSON_LINES].map(|name| std::fs::read(folder.path().join(name)).unwrap())
        };
        let whole = table(Keep::Runs, &["0/1"]);
        assert_eq!(table(Keep::Runs, &["2/3", "0/3", "1/3", "0/3"]), whole);
        assert_eq!(table(Keep::Summaries, &["1/2", "0/2"]), whole);
        assert_eq!(table(Keep::Summaries, &["0/7", "0/1"]), whole);
    }

    #[test]
    fn outcomes_are_those_of_the_runs() {
        let plan = Plan::from_json(PLAN).unwrap();
        let folder = tempfile::tempdir().unwrap();
        train(&plan, folder.path(), Keep::Summaries, "0/1");
        write(&plan, folder.path()).unwrap();
        let read = Outcome::read_all(folder.path().join(JSON_LINES)).unwrap();
        let runs = constellation::Sweep::from_json(PLAN).unwrap().train(Settings::default()).unwrap().runs;
        assert_eq!(read, runs.iter().map(Outcome::of).collect::<Vec<_>>());
        assert!(read.iter().all(|run| run.best_margin.is_some()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let plan = Plan::from_json(PLAN).unwrap();
        let folder = tempfile::tempdir().unwrap();
        train(&plan, folder.path(), Keep::Runs, "1/3");
        let first_missing = vec![0, 2, 3, 5, 6];
        let expected = Written { runs: 3, missing: 5, first_missing, ..Written::default() };
        assert_eq!(write(&plan, folder.path()).unwrap(), expected);
        assert_eq!(Outcome::read_all(folder.path().join(JSON_LINES)).unwrap().len(), 3);
    }
}
