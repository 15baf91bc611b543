//! What a notebook leaves behind: figures, metrics, and the verdict on published numbers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::display::{Table, short};
use crate::figures::Figure;
use crate::runs::{Ensembles, Runs};
use crate::{Error, Experiment, Record, Result, Run, Settings, files};

/// The record of one execution of a notebook. Figures go to `logs/`, metrics to
/// `logs/metrics/<notebook>.json`, beside the folder of the notebooks or where
/// `SIGLIP_LOGS` says.
#[derive(Debug)]
pub struct Logbook {
    notebook: String,
    folder: PathBuf,
    overrides: Vec<String>,
    start: Instant,
    runs: Vec<Value>,
    figures: Vec<String>,
    checks: Vec<Check>,
}

/// A published number beside the one obtained here.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What it is, such as `t`.
    pub what: String,
    /// The published value.
    pub value: f64,
    /// The value obtained here.
    pub obtained: f64,
    /// How far the two may be apart.
    pub tolerance: Tolerance,
}

/// How far an obtained number may be from a published one.
#[derive(Debug, Clone, PartialEq)]
pub enum Tolerance {
    /// A fraction of the published value.
    Relative(f64),
    /// A difference.
    Absolute(f64),
    /// No bound, for this reason: the numbers are shown beside each other.
    Reported(String),
}

/// A number published in the paper or its code, and the one obtained here.
pub fn published(what: impl Into<String>, value: f64, obtained: f64, tolerance: Tolerance) -> Published {
    Published { what: what.into(), value, obtained, tolerance }
}

/// One verdict, as the metrics keep it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Check {
    what: String,
    published: Option<f64>,
    obtained: f64,
    tolerance: String,
    passed: Option<bool>,
}

impl Logbook {
    /// Begins the record of `notebook`.
    ///
    /// # Errors
    /// [`Error::Description`] if `SIGLIP_SET` is not a JSON list of assignments.
    pub fn open(notebook: &str) -> Result<Self> {
        let folder = std::env::var_os("SIGLIP_LOGS").map_or_else(|| "../logs".into(), PathBuf::from);
        Ok(Self {
            notebook: notebook.to_owned(),
            folder,
            overrides: overrides()?,
            start: Instant::now(),
            runs: Vec::new(),
            figures: Vec::new(),
            checks: Vec::new(),
        })
    }

    /// The experiment with the keys replaced that `cargo xtask reproduce --set KEY=VALUE`
    /// names. With any, published numbers are reported and not checked.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn configure(&self, experiment: Experiment) -> Result<Experiment> {
        experiment.with(&self.overrides)
    }

    /// Records a run under `label`.
    pub fn run(&mut self, label: &str, run: &Run) {
        let mut entry = json!({ "label": label });
        for fields in [json!(run.experiment), json!(run.summary())] {
            let Value::Object(fields) = fields else { continue };
            entry.as_object_mut().expect("an object").extend(rename_clashes(fields));
        }
        self.runs.push(entry);
    }

    /// Trains labelled experiments side by side and records them. The keys that
    /// `reproduce --set` names are replaced, as by [`Logbook::configure`].
    ///
    /// # Errors
    /// As [`Experiment::train`].
    pub fn train(&mut self, experiments: Vec<(String, Experiment)>, record: Record) -> Result<Runs> {
        let settings = Settings { record, ..Settings::default() };
        let runs = Runs::train(self.configure_all(experiments)?, settings)?;
        runs.iter().for_each(|(label, run)| self.run(label, run));
        Ok(runs)
    }

    /// Trains each labelled experiment from seeds 1 to `seeds`, all side by side, recording
    /// the margin at every epoch.
    ///
    /// # Errors
    /// As [`Experiment::train`].
    pub fn train_seeds(&mut self, experiments: Vec<(String, Experiment)>, seeds: u64) -> Result<Ensembles> {
        let of_seed = |experiment: &Experiment, seed| Experiment { seed, skip: 0, ..experiment.clone() };
        let group = |(label, experiment): (String, Experiment)| {
            (label, (1..=seeds).map(|seed| of_seed(&experiment, seed)).collect())
        };
        let groups = experiments.into_iter().map(group).collect();
        self.train_ensembles(groups, Record { margin: true, xi: false })
    }

    /// Trains labelled groups of experiments, all side by side, and records every run.
    /// An interruption leaves the finished runs in `logs/unfinished`, from where the same
    /// cell goes on.
    ///
    /// # Errors
    /// As [`Experiment::train`].
    pub fn train_ensembles(
        &mut self,
        mut groups: Vec<(String, Vec<Experiment>)>,
        record: Record,
    ) -> Result<Ensembles> {
        for experiment in groups.iter_mut().flat_map(|(_, group)| group) {
            *experiment = self.configure(experiment.clone())?;
        }
        let unfinished = self.folder.join("unfinished").join(&self.notebook);
        let ensembles = Ensembles::train(groups, record, unfinished)?;
        for ensemble in &ensembles {
            let label = |run: &Run| format!("{}, seed {}", ensemble.label, run.experiment.seed);
            ensemble.runs.iter().for_each(|run| self.run(&label(run), run));
        }
        Ok(ensembles)
    }

    /// Writes columns of numbers as `logs/<file>`, under their names.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn csv(&self, file: &str, columns: &[(&str, Vec<f64>)]) -> Result<()> {
        let rows = columns.iter().map(|(_, column)| column.len()).min().unwrap_or(0);
        let header = columns.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
        let row = |k: usize| columns.iter().map(|(_, column)| column[k].to_string()).collect();
        let lines = std::iter::once(header).chain((0..rows).map(row));
        let text: String = lines.map(|cells: Vec<String>| cells.join(",") + "\n").collect();
        let path = self.folder.join(file);
        files::write_atomically(&path, |file| Ok(file.write_all(text.as_bytes())?))
            .map_err(|source| Error::file(&path, source))
    }

    fn configure_all(&self, experiments: Vec<(String, Experiment)>) -> Result<Vec<(String, Experiment)>> {
        experiments.into_iter().map(|(label, experiment)| Ok((label, self.configure(experiment)?))).collect()
    }

    /// Writes `figure` as `logs/<file>` and gives it back, to be shown.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn figure(&mut self, file: &str, figure: Figure) -> Result<Figure> {
        figure.save(self.folder.join(file))?;
        self.figures.push(file.to_owned());
        Ok(figure)
    }

    /// Compares with published numbers, as a table.
    ///
    /// # Errors
    /// [`Error::Check`] with the table if one is missed, unless parameters were overridden.
    pub fn compare(&mut self, numbers: &[Published]) -> Result<Table> {
        let mut table = Table::new(&["", "published", "obtained", "difference", "tolerance", ""]);
        let mut missed = Vec::new();
        for number in numbers {
            let check = judge(number, !self.overrides.is_empty());
            if check.passed == Some(false) {
                missed.push(number.what.clone());
            }
            let verdict = check.passed.map_or("", |passed| if passed { "✓" } else { "missed" });
            table = table.row(&[
                number.what.clone(),
                number.value.to_string(),
                short(number.obtained),
                difference(number),
                check.tolerance.clone(),
                verdict.to_owned(),
            ]);
            self.checks.push(check);
        }
        match missed.is_empty() {
            true => Ok(table),
            false => Err(Error::Check(format!("published numbers missed: {}\n{table}", missed.join(", ")))),
        }
    }

    /// Records a statement that must hold, such as a bound or an ordering.
    ///
    /// # Errors
    /// [`Error::Check`] if it does not, unless parameters were overridden.
    pub fn require(&mut self, statement: &str, holds: bool) -> Result<()> {
        let passed = self.overrides.is_empty().then_some(holds);
        let obtained = f64::from(u8::from(holds));
        let (what, tolerance) = (statement.to_owned(), "must hold".to_owned());
        self.checks.push(Check { what, published: None, obtained, tolerance, passed });
        match passed {
            Some(false) => Err(Error::Check(format!("does not hold: {statement}"))),
            _ => Ok(()),
        }
    }

    /// Writes the metrics and says how many checks passed. Headless reproduction looks for
    /// this line.
    ///
    /// # Errors
    /// [`Error::Check`] if a check was missed, [`Error::File`] if the metrics cannot be written.
    pub fn finish(&self) -> Result<()> {
        let metrics = json!({
            "notebook": self.notebook,
            "runs": self.runs,
            "figures": self.figures,
            "checks": self.checks,
            "overrides": self.overrides,
            "seconds": self.start.elapsed().as_secs_f64(),
        });
        let path = self.folder.join("metrics").join(format!("{}.json", self.notebook));
        write_json(&path, &metrics)?;
        let missed = self.checks.iter().filter(|check| check.passed == Some(false)).count();
        if missed > 0 {
            return Err(Error::Check(format!("{missed} of {} checks failed", self.checks.len())));
        }
        if !self.overrides.is_empty() {
            println!("Parameters were overridden: published numbers were reported, not checked.");
        }
        println!("All {} checks passed.", self.checks.len());
        Ok(())
    }
}

/// The assignments of `cargo xtask reproduce --set`, which the kernel's environment carries.
fn overrides() -> Result<Vec<String>> {
    let Ok(json) = std::env::var("SIGLIP_SET") else { return Ok(Vec::new()) };
    serde_json::from_str(&json)
        .map_err(|error| Error::Description { key: "SIGLIP_SET".to_owned(), reason: error.to_string() })
}

fn judge(number: &Published, overridden: bool) -> Check {
    let distance = (number.obtained - number.value).abs();
    let (tolerance, passed) = match &number.tolerance {
        Tolerance::Relative(fraction) => {
            (format!("{} %", fraction * 100.0), Some(distance <= fraction * number.value.abs()))
        }
        Tolerance::Absolute(bound) => (bound.to_string(), Some(distance <= *bound)),
        Tolerance::Reported(reason) => (reason.clone(), None),
    };
    Check {
        what: number.what.clone(),
        published: Some(number.value),
        obtained: number.obtained,
        tolerance,
        passed: passed.filter(|_| !overridden),
    }
}

fn difference(number: &Published) -> String {
    let difference = number.obtained - number.value;
    match number.tolerance {
        Tolerance::Relative(_) if number.value != 0.0 => {
            format!("{:+.4} %", difference / number.value.abs() * 100.0)
        }
        _ => format!("{difference:+.2e}"),
    }
}

/// A summary's final temperature, bias and engine beside a description's.
fn rename_clashes(fields: serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    let is_summary = fields.contains_key("loss");
    let rename = |key: String| match key.as_str() {
        "temperature" | "bias" | "engine" if is_summary => format!("final_{key}"),
        _ => key,
    };
    fields.into_iter().map(|(key, value)| (rename(key), value)).collect()
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    files::write_atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        Ok(file.write_all(b"\n")?)
    })
    .map_err(|source| Error::file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logbook(folder: &Path, overrides: &[&str]) -> Logbook {
        let overrides = overrides.iter().map(|&s| s.to_owned()).collect();
        Logbook { folder: folder.to_owned(), overrides, ..Logbook::open("Test").unwrap() }
    }

    #[test]
    fn a_missed_number_is_an_error_that_names_it_and_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = logbook(folder.path(), &[]);
        log.compare(&[published("t", 100.0, 100.05, Tolerance::Relative(1e-3))]).unwrap();
        let error = log.compare(&[published("margin", 0.1, 0.2, Tolerance::Absolute(0.01))]).unwrap_err();
        assert!(error.to_string().contains("margin"), "{error}");
        assert!(log.finish().is_err());
    }

    #[test]
    fn not_a_number_misses_every_tolerance() {
        for tolerance in [Tolerance::Relative(1.0), Tolerance::Absolute(1e9)] {
            assert_eq!(judge(&published("t", 1.0, f64::NAN, tolerance), false).passed, Some(false));
        }
    }

    #[test]
    fn overridden_parameters_are_reported_and_not_checked() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = logbook(folder.path(), &["temperature.init=5"]);
        assert_eq!(log.configure(Experiment::default()).unwrap().temperature.init, 5.0);
        log.compare(&[published("t", 1.0, 2.0, Tolerance::Relative(1e-3))]).unwrap();
        log.finish().unwrap();
        let metrics: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("metrics/Test.json")).unwrap()).unwrap();
        assert_eq!(metrics["checks"][0]["passed"], Value::Null);
        assert!(logbook(folder.path(), &["temperature.start=5"]).configure(Experiment::default()).is_err());
    }
}
