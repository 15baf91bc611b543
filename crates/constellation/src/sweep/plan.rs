//! A sweep that is not written out: its runs are made when they are asked for.

use std::collections::HashMap;
use std::hash::Hash;

use serde_json::Value;

use crate::description;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::history::Record;

/// The runs of a sweep by their numbers, in memory that does not grow with how many there are.
///
/// ```
/// use constellation::sweep::Plan;
///
/// let plan = Plan::from_json(r#"{"grid": {"bias.init": [0, 1], "seed": {"from": 1, "to": 50000, "count": 50000}}}"#)?;
/// assert_eq!(plan.len(), 100_000);
/// assert_eq!(plan.experiment(99_999)?.seed, 50_000);
/// # Ok::<(), constellation::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    bases: Vec<(String, Experiment)>,
    /// Values with their dotted key; the last one's vary fastest.
    axes: Vec<(Vec<Value>, String)>,
    runs: usize,
    record: Record,
    equal: Equal,
}

/// For each base and each value of an axis the place of the first that is equal.
#[derive(Debug, Clone, Default)]
struct Equal {
    bases: Vec<usize>,
    axes: Vec<Vec<usize>>,
}

impl Plan {
    /// Each of the labelled `bases` with every combination of the values of `axes`.
    ///
    /// # Errors
    /// [`Error::Value`] if there are no runs, or more than can be numbered.
    pub(super) fn new(
        bases: Vec<(String, Experiment)>,
        axes: Vec<(Vec<Value>, String)>,
        record: Record,
    ) -> Result<Self> {
        let lengths = axes.iter().map(|(values, _)| values.len());
        let runs = lengths.chain([bases.len()]).try_fold(1, usize::checked_mul).unwrap_or(usize::MAX);
        let mut plan = Self { bases, axes, runs, record, equal: Equal::default() };
        if let Some(key) = plan.key_beyond(MAX_RUNS) {
            let reason = "makes more than 1,000,000,000 runs: divide the sweep".to_owned();
            return Err(Error::Description { key: format!("`grid.{key}`"), reason });
        }
        if runs == 0 {
            let value = "an empty sweep".to_owned();
            return Err(Error::Value { key: "runs", value, expected: "at least one run" });
        }
        plan.equal = plan.find_equal();
        Ok(plan)
    }

    /// The key whose values make the runs more than so many, if they are.
    pub(super) fn key_beyond(&self, most: usize) -> Option<&str> {
        let mut runs = self.bases.len();
        let is_beyond = |(values, _): &&(Vec<Value>, String)| {
            runs = runs.saturating_mul(values.len());
            runs > most
        };
        self.axes.iter().find(is_beyond).map(|(_, key)| key.as_str())
    }

    /// What the numbers of the runs depend on.
    pub(super) fn form(&self) -> impl serde::Serialize + '_ {
        (&self.bases, &self.axes, self.record)
    }

    fn find_equal(&self) -> Equal {
        let of_each = self.runs / self.bases.len();
        let description = |base: usize| {
            let experiment = self.experiment(base * of_each).ok()?;
            Some(serde_json::to_string(&experiment).expect("a description is valid JSON"))
        };
        // One that is no run is equal to none.
        let bases = (0..self.bases.len()).map(|base| description(base).ok_or(base));
        let axes = self.axes.iter().map(|(values, _)| first_places(values.iter().map(spelled)));
        Equal { bases: first_places(bases), axes: axes.collect() }
    }

    /// The first run that is equal to run `number`: most often itself, where bases or values are
    /// repeated another one. It alone is trained, and its numbers are those of both.
    pub(super) fn first_equal(&self, number: usize) -> usize {
        let (base, places) = self.places(number);
        let places = self.equal.axes.iter().zip(places);
        places.zip(&self.axes).fold(self.equal.bases[base], |number, ((first, place), (values, _))| {
            number * values.len() + first[place]
        })
    }

    /// The number of the base of a run, and the places of its values.
    fn places(&self, number: usize) -> (usize, Vec<usize>) {
        let mut rest = number;
        let mut places = Vec::with_capacity(self.axes.len());
        for (values, _) in self.axes.iter().rev() {
            places.push(rest % values.len());
            rest /= values.len();
        }
        places.reverse();
        (rest, places)
    }

    /// How many runs there are, equal ones included.
    #[expect(clippy::len_without_is_empty, reason = "a plan has a run at least")]
    pub fn len(&self) -> usize {
        self.runs
    }

    /// What is recorded at every epoch.
    pub fn record(&self) -> Record {
        self.record
    }

    /// Run `number`, counted from 0.
    ///
    /// # Errors
    /// As [`Plan::labelled`].
    pub fn experiment(&self, number: usize) -> Result<Experiment> {
        Ok(self.labelled(number)?.1)
    }

    /// Run `number`, counted from 0, and what distinguishes it; a seed does not.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    ///
    /// # Panics
    /// If there is no such run.
    pub fn labelled(&self, number: usize) -> Result<(String, Experiment)> {
        assert!(number < self.runs, "run {number} of {}", self.runs);
        let (base, places) = self.places(number);
        let (mut label, base) = self.bases[base].clone();
        if self.axes.is_empty() {
            return Ok((label, base));
        }
        let mut description = serde_json::to_value(base).expect("a description is valid JSON");
        for ((values, key), place) in self.axes.iter().zip(places) {
            let value = &values[place];
            *description::at(&mut description, key)? = value.clone();
            if key != "seed" {
                let comma = if label.is_empty() { "" } else { ", " };
                label = format!("{label}{comma}{key} = {value}");
            }
        }
        let experiment: Experiment = description::read_value(description)?;
        experiment.validate()?;
        Ok((label, experiment))
    }
}

/// For each key the place of the first that is equal.
fn first_places<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut first = HashMap::new();
    keys.enumerate().map(|(place, key)| *first.entry(key).or_insert(place)).collect()
}

/// A value as text, whole numbers without a point.
fn spelled(value: &Value) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number.abs() < EXACT => format!("{number:.0}"),
        _ => value.to_string(),
    }
}

/// Each is looked at before the first is trained.
const MAX_RUNS: usize = 1_000_000_000;
