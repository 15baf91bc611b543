//! What comes back of a sweep.

use crate::numbers::mean_and_deviation;
use crate::run::Run;

/// Runs in order, each with its label. Runs with one label are an [`Ensemble`].
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// What distinguishes each run.
    pub labels: Vec<String>,
    /// The runs.
    pub runs: Vec<Run>,
}

impl Runs {
    /// Labels and runs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Run)> {
        self.labels.iter().map(String::as_str).zip(&self.runs)
    }

    /// One number of each run, in order.
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

    /// The mean of one number over the runs of each label, in order of [`Runs::ensembles`].
    pub fn means(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.ensembles().iter().map(|ensemble| mean_and_deviation(&ensemble.values(&of)).0).collect()
    }

    /// All runs with these labels, in this order.
    ///
    /// # Panics
    /// If no run has one of the labels.
    #[must_use]
    pub fn select<S: AsRef<str>>(&self, labels: &[S]) -> Self {
        let entries = labels.iter().map(AsRef::as_ref).flat_map(|label| {
            let _: &Run = &self[label]; // panics, and says which labels there are
            self.iter().filter(move |(other, _)| *other == label)
        });
        let (labels, runs) = entries.map(|(label, run)| (label.to_owned(), run.clone())).unzip();
        Self { labels, runs }
    }

    /// The runs under their labels, each with all of its runs, in order of the labels' first run.
    pub fn ensembles(&self) -> Vec<Ensemble<'_>> {
        let mut ensembles: Vec<Ensemble> = Vec::new();
        for (label, run) in self.iter() {
            match ensembles.iter_mut().find(|ensemble| ensemble.label == label) {
                Some(ensemble) => ensemble.runs.push(run),
                None => ensembles.push(Ensemble { label, runs: vec![run] }),
            }
        }
        ensembles
    }
}

/// The first run with this label.
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
pub struct Ensemble<'a> {
    /// What distinguishes the experiment from others.
    pub label: &'a str,
    /// One run a seed, or a place in a stream.
    pub runs: Vec<&'a Run>,
}

impl Ensemble<'_> {
    /// One number of each run.
    pub fn values(&self, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| of(run)).collect()
    }

    /// How many of the runs end with a positive margin.
    pub fn separated(&self) -> usize {
        self.runs.iter().filter(|run| run.margin() > 0.0).count()
    }
}
