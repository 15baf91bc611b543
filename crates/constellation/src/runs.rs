//! Several runs with their labels, and the same experiment from many seeds.

use std::path::Path;

use crate::display::{Table, short};
use crate::train::{train_all, train_all_keeping};
use crate::{Experiment, Record, Result, Run, Settings};

/// Runs in order, each with its label.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// What distinguishes each run.
    pub labels: Vec<String>,
    /// The runs.
    pub runs: Vec<Run>,
}

impl Runs {
    /// Trains labelled experiments side by side.
    ///
    /// # Errors
    /// As [`Experiment::train`].
    pub fn train(experiments: Vec<(String, Experiment)>, settings: Settings) -> Result<Self> {
        let (labels, experiments): (Vec<_>, Vec<_>) = experiments.into_iter().unzip();
        Ok(Self { labels, runs: train_all(&experiments, settings)? })
    }

    /// Labels and runs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Run)> {
        self.labels.iter().map(String::as_str).zip(&self.runs)
    }

    /// One number of each run.
    pub fn values(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(of).collect()
    }

    /// These runs and then the others.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.labels.extend_from_slice(&others.labels);
        self.runs.extend_from_slice(&others.runs);
        self
    }

    /// The runs with these labels, in this order.
    ///
    /// # Panics
    /// If no run has one of the labels.
    #[must_use]
    pub fn select(&self, labels: &[&str]) -> Self {
        let labels_owned = labels.iter().map(|&label| label.to_owned()).collect();
        Self { labels: labels_owned, runs: labels.iter().map(|&label| self[label].clone()).collect() }
    }

    /// The runs as one ensemble, where they differ only in what was drawn.
    pub fn ensemble(&self, label: &str) -> Ensemble {
        Ensemble { label: label.to_owned(), runs: self.runs.clone() }
    }

    /// A row of final numbers for each run.
    pub fn table(&self) -> Table {
        let header = ["run", "loss", "t", "b_rel", "margin m", "optimal b_rel"];
        self.iter().fold(Table::new(&header), |table, (label, run)| {
            let summary = run.summary();
            let numbers = [
                summary.loss,
                summary.temperature,
                summary.relative_bias,
                summary.margin,
                summary.optimal_relative_bias,
            ];
            let cells: Vec<String> = std::iter::once(label.to_owned()).chain(numbers.map(short)).collect();
            table.row(&cells)
        })
    }
}

/// The run with this label.
///
/// # Panics
/// If there is none.
impl std::ops::Index<&str> for Runs {
    type Output = Run;

    fn index(&self, label: &str) -> &Run {
        match self.iter().find(|(other, _)| *other == label) {
            Some((_, run)) => run,
            None => panic!("no run is labelled {label:?}; there are {:?}", self.labels),
        }
    }
}

/// Runs that differ only in what was drawn.
#[derive(Debug, Clone)]
pub struct Ensemble {
    /// What distinguishes the experiment from others.
    pub label: String,
    /// One run a seed, or a place in a stream.
    pub runs: Vec<Run>,
}

/// Ensembles in order; a slice of them, that shows itself in a notebook.
#[derive(Debug, Clone, Default)]
pub struct Ensembles(pub Vec<Ensemble>);

impl std::ops::Deref for Ensembles {
    type Target = [Ensemble];

    fn deref(&self) -> &[Ensemble] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Ensembles {
    type Item = &'a Ensemble;
    type IntoIter = std::slice::Iter<'a, Ensemble>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Ensembles {
    /// Trains labelled groups of experiments, all side by side. Until the last run is
    /// finished, the others are kept in `folder`: an interrupted training goes on there.
    ///
    /// # Errors
    /// As [`Experiment::train`], and [`crate::Error::File`] if `folder` cannot be written.
    pub fn train(
        groups: Vec<(String, Vec<Experiment>)>,
        record: Record,
        folder: impl AsRef<Path>,
    ) -> Result<Self> {
        let (labels, groups): (Vec<String>, Vec<Vec<Experiment>>) = groups.into_iter().unzip();
        let settings = Settings { record, snapshots: 0, ..Settings::default() };
        let mut runs = train_all_keeping(&groups.concat(), settings, folder.as_ref())?.into_iter();
        let sizes = groups.iter().map(Vec::len);
        let ensemble = |(label, size)| Ensemble { label, runs: runs.by_ref().take(size).collect() };
        Ok(Self(labels.into_iter().zip(sizes).map(ensemble).collect()))
    }
}

impl Ensemble {
    /// One number of each run.
    pub fn values(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(of).collect()
    }

    /// How many of the runs end with a positive margin.
    pub fn separated(&self) -> usize {
        self.runs.iter().filter(|run| run.margin() > 0.0).count()
    }
}

/// Mean ± standard deviation over the seeds, a row for each ensemble.
pub fn ensembles_table(ensembles: &[Ensemble]) -> Table {
    let header = ["setting", "loss", "t", "b_rel", "margin m", "separated"];
    ensembles.iter().fold(Table::new(&header), |table, ensemble| {
        let cell = |of: &dyn Fn(&Run) -> f64| {
            let (mean, deviation) = mean_and_deviation(&ensemble.values(of));
            format!("{} ± {}", short(mean), short(deviation))
        };
        table.row(&[
            ensemble.label.clone(),
            cell(&Run::loss),
            cell(&Run::temperature),
            cell(&Run::relative_bias),
            cell(&Run::margin),
            format!("{} of {}", ensemble.separated(), ensemble.runs.len()),
        ])
    })
}

/// Mean and sample standard deviation; that of a single value is 0.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / values.len().saturating_sub(1).max(1) as f64).sqrt())
}
