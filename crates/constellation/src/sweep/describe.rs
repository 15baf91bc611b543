//! Which experiments a sweep consists of.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Experiment, Record, Result};

/// Several experiments that are trained side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweep {
    /// What to run, in order.
    pub experiments: Vec<Experiment>,
    /// What to record at every epoch.
    pub record: Record,
}

impl Sweep {
    /// A sweep of `base` alone, to be widened by [`Sweep::values`].
    pub fn over(base: Experiment) -> Self {
        Self { experiments: vec![base], record: Record::default() }
    }

    /// Each experiment so far with each of these values of a dotted key, such as
    /// `bias.init`, which varies fastest.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn values<V: Into<Value>>(self, key: &str, values: impl IntoIterator<Item = V>) -> Result<Self> {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        let mut experiments = Vec::with_capacity(self.experiments.len() * values.len());
        for experiment in &self.experiments {
            for value in &values {
                experiments.push(experiment.with(&[format!("{key}={value}")])?);
            }
        }
        Ok(Self { experiments, ..self })
    }

    /// Each experiment so far with each of these seeds.
    ///
    /// # Errors
    /// As [`Experiment::with`].
    pub fn seeds(self, seeds: impl IntoIterator<Item = u64>) -> Result<Self> {
        self.values("seed", seeds)
    }

    /// The sweep, with this recorded at every epoch.
    #[must_use]
    pub fn recording(self, record: Record) -> Self {
        Self { record, ..self }
    }

    /// What distinguishes each experiment: the keys in which they differ, and their values.
    pub fn labels(&self) -> Vec<String> {
        let described: Vec<Vec<[String; 2]>> = self.experiments.iter().map(Experiment::entries).collect();
        let differs = |key: usize| described.iter().any(|entries| entries[key] != described[0][key]);
        let keys: Vec<usize> =
            (0..described.first().map_or(0, Vec::len)).filter(|&key| differs(key)).collect();
        let label = |entries: &Vec<[String; 2]>| {
            let parts: Vec<String> = keys.iter().map(|&key| entries[key].join(" = ")).collect();
            parts.join(", ")
        };
        described.iter().map(label).collect()
    }

    /// Reads a sweep from JSON; its form is described at [`crate::train::sweep`].
    ///
    /// # Errors
    /// [`Error::Description`] or [`Error::Value`], naming the key.
    pub fn from_json(json: &str) -> Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let written: Written = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            Error::Description { key: error.path().to_string(), reason: error.into_inner().to_string() }
        })?;
        deserializer.end().map_err(|error| Error::Description {
            key: "the end of the sweep".to_owned(),
            reason: error.to_string(),
        })?;
        let base = serde_json::to_value(&written.base).expect("a description is valid JSON");
        let mut experiments = Vec::new();
        for run in &written.runs {
            let mut description = base.clone();
            replace(&mut description, run);
            experiments.push(Experiment::from_json(&description.to_string())?);
        }
        let sweep = Self { experiments, record: written.record };
        let sweep = written
            .grid
            .0
            .into_iter()
            .try_fold(sweep, |sweep, (key, values)| sweep.values(&key, values.list(&key)?))?;
        match sweep.experiments.is_empty() {
            true => Err(Error::Value {
                key: "runs",
                value: "an empty sweep".to_owned(),
                expected: "at least one run",
            }),
            false => Ok(sweep),
        }
    }
}

/// Replaces the keys of `description` that `by` has, level by level.
fn replace(description: &mut Value, by: &Map<String, Value>) {
    for (key, value) in by {
        match (&mut description[key], value) {
            (place @ Value::Object(_), Value::Object(value)) => replace(place, value),
            (place, value) => *place = value.clone(),
        }
    }
}

/// The JSON form.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    base: Experiment,
    grid: Grid,
    runs: Vec<Map<String, Value>>,
    record: Record,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            base: Experiment::default(),
            grid: Grid::default(),
            runs: vec![Map::new()],
            record: Record::default(),
        }
    }
}

/// Keys with their values, in the order in which they are written.
#[derive(Default)]
struct Grid(Vec<(String, Values)>);

impl<'de> Deserialize<'de> for Grid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Grid;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object of keys with their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Grid, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Grid(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The values of one key of a grid.
#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a list of values, or {\"from\": …, \"to\": …, \"count\": …}")]
enum Values {
    List(Vec<Value>),
    Range(Range),
}

/// `count` equidistant values, both ends included.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    count: usize,
}

impl Values {
    fn list(self, key: &str) -> Result<Vec<Value>> {
        const MAX_VALUES: usize = 1_000_000;
        let error =
            |reason: &str| Error::Description { key: format!("grid.{key}"), reason: reason.to_owned() };
        match self {
            Self::List(values) => Ok(values),
            Self::Range(Range { count: 0..2 | MAX_VALUES.., .. }) => {
                Err(error("expected a `count` of 2 to 1,000,000"))
            }
            Self::Range(Range { from, to, count }) => {
                let value = |k: usize| from + (to - from) * k as f64 / (count - 1) as f64;
                // A whole number is written as one, since a seed takes no other.
                Ok((0..count)
                    .map(value)
                    .map(|x| match x.fract() == 0.0 && x.abs() < 2f64.powi(53) {
                        true => Value::from(x as i64),
                        false => Value::from(x),
                    })
                    .collect())
            }
        }
    }
}
