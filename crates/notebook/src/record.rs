//! What a notebook leaves behind: runs, figures, metrics, and the verdict on published numbers.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use constellation::numbers::short;
use constellation::train::{Engines, fused_only, print_progress};
use constellation::{Ensemble, Experiment, Run, Runs, Settings, Sweep};
use figures::Figure;
use serde_json::{Map, Value, json};

use crate::check::{Published, Verdict};
use crate::environment;
use crate::error::{Error, Result};
use crate::table::Table;

/// One execution of a notebook. Figures go to `logs/`, metrics to `logs/metrics/<name>.json`,
/// beside the folder of the notebooks or where `SIGLIP_LOGS` says.
#[derive(Debug)]
pub struct Notebook {
    name: String,
    folder: PathBuf,
    overrides: Vec<String>,
    engines: Engines,
    start: Instant,
    runs: Vec<Value>,
    figures: Vec<String>,
    verdicts: Vec<Verdict>,
}

impl Notebook {
    /// Begins the record of the notebook `name`, which trains with the fused engine.
    ///
    /// # Errors
    /// [`Error::Variable`] if `SIGLIP_SET` is not a JSON list of assignments.
    pub fn open(name: &str) -> Result<Self> {
        Self::open_with(name, fused_only)
    }

    /// The same with other engines.
    ///
    /// # Errors
    /// As [`Notebook::open`].
    pub fn open_with(name: &str, engines: Engines) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            folder: environment::logs(),
            overrides: environment::overrides()?,
            engines,
            start: Instant::now(),
            runs: Vec::new(),
            figures: Vec::new(),
            verdicts: Vec::new(),
        })
    }

    /// Trains one experiment, printing progress when it takes long, and records it under `label`.
    ///
    /// The keys that `cargo xtask reproduce --set KEY=VALUE` names are replaced; with any,
    /// published numbers are reported and not checked.
    ///
    /// # Errors
    /// As [`Experiment::train_with`].
    pub fn train_one(&mut self, label: &str, experiment: &Experiment) -> Result<Run> {
        let settings = Settings { engines: self.engines, ..Settings::default() };
        let run = experiment.with(&self.overrides)?.train_with(settings, &mut print_progress())?;
        self.record(label, &run);
        Ok(run)
    }

    /// Trains the runs of a sweep side by side and records them under their labels. The keys that
    /// `reproduce --set` names are replaced.
    ///
    /// Where labels stand for several runs, an interruption leaves the finished ones in
    /// `logs/unfinished`, from where the same cell goes on; else each run keeps snapshots.
    ///
    /// # Errors
    /// As [`Experiment::train`].
    pub fn train(&mut self, sweep: impl Into<Sweep>) -> Result<Runs> {
        let sweep = sweep.into().with(&self.overrides)?;
        let settings = Settings { engines: self.engines, ..Settings::default() };
        let runs = if sweep.has_ensembles() {
            sweep.train_keeping(self.folder.join("unfinished").join(&self.name), settings)?
        } else {
            sweep.train(settings)?
        };
        for ensemble in runs.ensembles() {
            for (place, run) in ensemble.runs.iter().enumerate() {
                self.record(&name_in(&ensemble, place), run);
            }
        }
        Ok(runs)
    }

    /// Records a run under `label`.
    pub fn record(&mut self, label: &str, run: &Run) {
        let mut entry = Map::from_iter([("label".to_owned(), json!(label))]);
        let (description, summary) = (json!(run.experiment), json!(run.summary()));
        for (fields, is_summary) in [(description, false), (summary, true)] {
            let Value::Object(fields) = fields else { continue };
            entry.extend(fields.into_iter().map(|(key, value)| match key.as_str() {
                "temperature" | "bias" | "engine" if is_summary => (format!("final_{key}"), value),
                _ => (key, value),
            }));
        }
        self.runs.push(entry.into());
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
        Ok(files::write_whole(&self.folder.join(file), |file| Ok(file.write_all(text.as_bytes())?))?)
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
    pub fn compare(&mut self, numbers: impl IntoIterator<Item = Published>) -> Result<Table> {
        let mut table = Table::new(&["", "published", "obtained", "difference", "tolerance", ""]);
        let mut missed = Vec::new();
        for (mut verdict, difference) in numbers.into_iter().flat_map(Published::verdicts) {
            verdict.passed = verdict.passed.filter(|_| self.overrides.is_empty());
            if verdict.passed == Some(false) {
                missed.push(verdict.what.clone());
            }
            let mark = verdict.passed.map_or("", |passed| if passed { "✓" } else { "missed" });
            let published = verdict.published.map_or(String::new(), |published| published.to_string());
            let Verdict { what, tolerance, .. } = verdict.clone();
            let obtained = short(verdict.obtained);
            table = table.row(&[what, published, obtained, difference, tolerance, mark.to_owned()]);
            self.verdicts.push(verdict);
        }
        if missed.is_empty() {
            return Ok(table);
        }
        Err(Error::Check(format!("published numbers missed: {}\n{table}", missed.join(", "))))
    }

    /// Records a statement that must hold, such as a bound or an ordering.
    ///
    /// # Errors
    /// [`Error::Check`] if it does not, unless parameters were overridden.
    pub fn require(&mut self, statement: &str, holds: bool) -> Result<()> {
        let passed = self.overrides.is_empty().then_some(holds);
        let obtained = f64::from(u8::from(holds));
        let (what, tolerance) = (statement.to_owned(), "must hold".to_owned());
        self.verdicts.push(Verdict { what, published: None, obtained, tolerance, passed });
        if passed == Some(false) {
            return Err(Error::Check(format!("does not hold: {statement}")));
        }
        Ok(())
    }

    /// Writes the metrics and says how many checks passed.
    ///
    /// # Errors
    /// [`Error::Check`] if a check was missed, [`Error::File`] if the metrics cannot be written.
    pub fn finish(&self) -> Result<()> {
        let count = |passed| self.verdicts.iter().filter(|verdict| verdict.passed == passed).count();
        let (passed, missed, reported) = (count(Some(true)), count(Some(false)), count(None));
        let metrics = json!({
            "notebook": self.name,
            "runs": self.runs,
            "figures": self.figures,
            "checks": self.verdicts,
            "passed": passed,
            "missed": missed,
            "reported": reported,
            "overrides": self.overrides,
            "seconds": self.start.elapsed().as_secs_f64(),
        });
        let path = self.folder.join("metrics").join(format!("{}.json", self.name));
        files::write_json(&path, &metrics)?;
        if missed > 0 {
            return Err(Error::Check(format!("{missed} of {} checks failed", passed + missed)));
        }
        if !self.overrides.is_empty() {
            println!("Parameters were overridden: published numbers were reported, not checked.");
        }
        let counted = |count, of| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
        let reported = match reported {
            0 => String::new(),
            _ => format!(", {} reported", counted(reported, "number")),
        };
        println!("{} passed{reported}.", counted(passed, "check"));
        Ok(())
    }
}

/// A run of an ensemble by its label and, if it is not alone, its seed or its place among runs in turn.
fn name_in(ensemble: &Ensemble, place: usize) -> String {
    let seeds: Vec<u64> = ensemble.runs.iter().map(|run| run.experiment.seed).collect();
    let which = match seeds[..] {
        [_] => return ensemble.label.to_owned(),
        [first, ..] if seeds.iter().all(|seed| *seed == first) => format!("run {place}"),
        _ => format!("seed {}", seeds[place]),
    };
    if ensemble.label.is_empty() { which } else { format!("{}, {which}", ensemble.label) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::check::check;

    fn notebook(folder: &Path, overrides: &[&str]) -> Notebook {
        let overrides = overrides.iter().map(|&s| s.to_owned()).collect();
        Notebook { folder: folder.to_owned(), overrides, ..Notebook::open("Test").unwrap() }
    }

    fn metrics(folder: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(folder.join("metrics/Test.json")).unwrap()).unwrap()
    }

    #[test]
    fn a_missed_number_is_an_error_that_names_it_and_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = notebook(folder.path(), &[]);
        notebook.compare([check("t", 100.05).published(100.0).within_percent(0.1)]).unwrap();
        let error = notebook.compare([check("margin", 0.2).published(0.1).within(0.01)]).unwrap_err();
        assert!(error.to_string().contains("margin"), "{error}");
        assert!(notebook.finish().is_err());
    }

    #[test]
    fn a_reported_number_is_no_passed_check() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = notebook(folder.path(), &[]);
        let numbers =
            [check("t", 1.0).published(1.0), check("loss", 0.08).published(0.07).reported("chaotic")];
        notebook.compare(numbers).unwrap();
        notebook.require("one is one", true).unwrap();
        notebook.finish().unwrap();
        let metrics = metrics(folder.path());
        assert_eq!((&metrics["passed"], &metrics["reported"]), (&json!(2), &json!(1)));
    }

    #[test]
    fn overridden_parameters_are_reported_and_not_checked() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = notebook(folder.path(), &["temperature.init=5", "epochs=3"]);
        let run = notebook.train_one("one", &Experiment { pairs: 4, ..Experiment::default() }).unwrap();
        assert_eq!((run.experiment.temperature.init, run.experiment.epochs), (5.0, 3));
        notebook.compare([check("t", 2.0).published(1.0).within_percent(0.1)]).unwrap();
        notebook.finish().unwrap();
        let metrics = metrics(folder.path());
        assert_eq!((&metrics["checks"][0]["passed"], &metrics["passed"]), (&Value::Null, &json!(0)));
        let mut wrong = self::notebook(folder.path(), &["temperature.start=5"]);
        assert!(wrong.train(Experiment::default()).is_err());
    }

    #[test]
    fn runs_of_one_label_are_recorded_by_their_seeds_or_places() {
        let folder = tempfile::tempdir().unwrap();
        let mut notebook = notebook(folder.path(), &[]);
        let experiment = Experiment { pairs: 4, dim: 3, epochs: 3, ..Experiment::default() };
        let one = || Sweep::named([("one", experiment.clone())]);
        notebook.train(one().and(one().prefixed("many").seeds(1..=2))).unwrap();
        notebook.train(one().repeat(2)).unwrap();
        notebook.train(experiment.seeds(7..=8)).unwrap();
        notebook.finish().unwrap();
        let runs = metrics(folder.path())["runs"].clone();
        let labels: Vec<_> = (0..7).map(|k| runs[k]["label"].clone()).collect();
        let expected =
            ["one", "many, one, seed 1", "many, one, seed 2", "one, run 0", "one, run 1", "seed 7", "seed 8"];
        assert_eq!(labels, expected);
        assert!(runs[0]["temperature"]["init"] == 10.0 && runs[0]["final_temperature"].is_f64());
    }
}
