//! Which experiments a sweep consists of, and how a cell says so.

use std::collections::HashMap;

use serde_json::Value;

use crate::description;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::history::Record;

/// Labelled experiments that are trained side by side, in order.
///
/// Experiments with one label differ only in what is drawn, the seed or the place in a stream:
/// what comes back of them is an [`Ensemble`](crate::Ensemble).
///
/// ```
/// use constellation::Experiment;
///
/// let sweep = Experiment::default().vary("bias.init", [-1.0, 0.0, 1.0])?.in_turn();
/// assert_eq!(sweep.labels()[0], "bias.init = -1.0");
/// assert_eq!(sweep.experiments()[2].skip, 4); // the third of three runs that share a stream
/// # Ok::<(), constellation::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweep {
    labels: Vec<String>,
    experiments: Vec<Experiment>,
    record: Record,
}

impl Experiment {
    /// A sweep of this experiment with each of these values of a dotted key, such as `bias.init`.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn vary<V: Into<Value>>(&self, key: &str, values: impl IntoIterator<Item = V>) -> Result<Sweep> {
        Sweep::from(self.clone()).vary(key, values)
    }

    /// A sweep of this experiment from each of these seeds.
    pub fn seeds(&self, seeds: impl IntoIterator<Item = u64>) -> Sweep {
        Sweep::from(self.clone()).seeds(seeds)
    }

    /// A sweep of this experiment `count` times, one after the other in one random stream.
    pub fn repeat(&self, count: usize) -> Sweep {
        Sweep::from(self.clone()).repeat(count)
    }
}

/// A sweep of one, with an empty label.
impl From<Experiment> for Sweep {
    fn from(experiment: Experiment) -> Self {
        Self { labels: vec![String::new()], experiments: vec![experiment], record: Record::default() }
    }
}

impl From<&Sweep> for Sweep {
    fn from(sweep: &Sweep) -> Self {
        sweep.clone()
    }
}

/// Labels with their experiments.
impl<L: Into<String>> FromIterator<(L, Experiment)> for Sweep {
    fn from_iter<I: IntoIterator<Item = (L, Experiment)>>(labelled: I) -> Self {
        let (labels, experiments) = labelled.into_iter().map(|(label, run)| (label.into(), run)).unzip();
        Self { labels, experiments, record: Record::default() }
    }
}

impl Sweep {
    /// Labels with their experiments, in order.
    pub fn named<L: Into<String>>(labelled: impl IntoIterator<Item = (L, Experiment)>) -> Self {
        labelled.into_iter().collect()
    }

    /// Each experiment so far with each of these values of a dotted key, which varies fastest.
    /// The value joins the label, that of a seed aside.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn vary<V: Into<Value>>(self, key: &str, values: impl IntoIterator<Item = V>) -> Result<Self> {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        let mut varied = Self { record: self.record, ..Self::default() };
        for (label, experiment) in self.iter() {
            for value in &values {
                let mut description = serde_json::to_value(experiment).expect("valid JSON");
                *description::at(&mut description, key)? = value.clone();
                let experiment: Experiment = description::read_value(description)?;
                experiment.validate()?;
                varied.experiments.push(experiment);
                varied.labels.push(match (key, label) {
                    ("seed", label) => label.to_owned(),
                    (_, "") => format!("{key} = {value}"),
                    _ => format!("{label}, {key} = {value}"),
                });
            }
        }
        Ok(varied)
    }

    /// Each experiment so far from each of these seeds, as the first run of its stream.
    #[must_use]
    pub fn seeds(self, seeds: impl IntoIterator<Item = u64>) -> Self {
        let seeds: Vec<u64> = seeds.into_iter().collect();
        let from_seed = |(label, run): (&str, &Experiment), seed| {
            (label.to_owned(), Experiment { seed, skip: 0, ..run.clone() })
        };
        let all = self.iter().flat_map(|entry| seeds.iter().map(move |&seed| from_seed(entry, seed)));
        Self { record: self.record, ..all.collect() }
    }

    /// Each experiment so far `count` times, one after the other in one random stream.
    #[must_use]
    pub fn repeat(self, count: usize) -> Self {
        let of_each = |(label, run): (&str, &Experiment)| vec![(label.to_owned(), run.clone()); count];
        let all = self.iter().flat_map(of_each).collect::<Self>();
        Self { record: self.record, ..all }.in_turn()
    }

    /// The experiments as runs in turn: those of one seed, N and d share one random stream, and each
    /// starts where the one before it ended.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        let mut drawn = HashMap::new();
        for experiment in &mut self.experiments {
            let stream = (experiment.seed, experiment.pairs, experiment.dim);
            let skip = drawn.entry(stream).or_insert(experiment.skip);
            experiment.skip = *skip;
            *skip += experiment.draws();
        }
        self
    }

    /// The sweep with labels that are made of the experiments.
    #[must_use]
    pub fn labelled(mut self, label: impl Fn(&Experiment) -> String) -> Self {
        self.labels = self.experiments.iter().map(label).collect();
        self
    }

    /// The sweep with `name` before each label.
    #[must_use]
    pub fn prefixed(mut self, name: &str) -> Self {
        let with_name = |label: &String| match label.as_str() {
            "" => name.to_owned(),
            label => format!("{name}, {label}"),
        };
        self.labels = self.labels.iter().map(with_name).collect();
        self
    }

    /// The sweep with some keys of each experiment replaced: `with(&["numerics=exact"])`.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn with<S: AsRef<str>>(mut self, assignments: &[S]) -> Result<Self> {
        for experiment in &mut self.experiments {
            *experiment = experiment.with(assignments)?;
        }
        Ok(self)
    }

    /// This sweep and then the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.labels.extend(other.labels);
        self.experiments.extend(other.experiments);
        self
    }

    /// The sweep, with this recorded at every epoch beside loss, temperature and relative bias.
    #[must_use]
    pub fn recording(self, record: Record) -> Self {
        Self { record, ..self }
    }

    /// What to run, in order.
    pub fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    /// The label of each experiment.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What is recorded at every epoch.
    pub fn record(&self) -> Record {
        self.record
    }

    /// Labels and experiments, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Experiment)> {
        self.labels.iter().map(String::as_str).zip(&self.experiments)
    }

    /// Whether a label stands for several runs.
    pub fn has_ensembles(&self) -> bool {
        let mut seen = std::collections::HashSet::new();
        !self.labels.iter().all(|label| seen.insert(label))
    }
}
