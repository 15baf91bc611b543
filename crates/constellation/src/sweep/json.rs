//! The JSON form of a sweep; see the [module](super).

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::describe::Sweep;
use super::plan::Plan;
use crate::description;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::history::Record;
use crate::numbers::equidistant;

impl Sweep {
    /// Reads a sweep from JSON; its form is described at [`crate::sweep`].
    ///
    /// # Errors
    /// [`Error::Description`] or [`Error::Value`], naming the key.
    pub fn from_json(json: &str) -> Result<Self> {
        let plan = Plan::from_json(json)?;
        if let Some(key) = plan.key_beyond(MAX_RUNS) {
            let reason = "makes more than 10,000,000 runs".to_owned();
            return Err(Error::Description { key: format!("`grid.{key}`"), reason });
        }
        let labelled = (0..plan.len()).map(|run| plan.labelled(run)).collect::<Result<Self>>()?;
        Ok(labelled.recording(plan.record()))
    }
}

/// A sweep has them all at once, a kilobyte each.
const MAX_RUNS: usize = 10_000_000;

impl Plan {
    /// Reads a plan from the JSON form of a sweep, described at [`crate::sweep`]. Whether each run is
    /// possible is seen when it is asked for.
    ///
    /// # Errors
    /// [`Error::Description`] or [`Error::Value`], naming the key.
    pub fn from_json(json: &str) -> Result<Self> {
        let Form { base, grid, runs, record } = description::from_json(json)?;
        let base = serde_json::to_value(&base).expect("a description is valid JSON");
        let mut experiments = Vec::new();
        for run in &runs {
            let mut description = base.clone();
            replace(&mut description, run);
            experiments.push(Experiment::from_json(&description.to_string())?);
        }
        let axis = |(key, values): (String, Values)| Ok((values.list(&key)?, key));
        let axes = grid.0.into_iter().map(axis).collect::<Result<Vec<_>>>()?;
        Self::new(labels(&experiments).into_iter().zip(experiments).collect(), axes, record)
    }
}

/// What distinguishes each experiment: the keys in which they differ, and their values.
fn labels(experiments: &[Experiment]) -> Vec<String> {
    let described: Vec<Vec<[String; 2]>> = experiments.iter().map(description::entries).collect();
    // A description leaves out some keys that have their default.
    let differs = |entry: &[String; 2]| described.iter().any(|entries| !entries.contains(entry));
    let label = |entries: &Vec<[String; 2]>| {
        let distinct = entries.iter().filter(|entry| differs(entry));
        distinct.map(|entry| entry.join(" = ")).collect::<Vec<_>>().join(", ")
    };
    described.iter().map(label).collect()
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

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Form {
    base: Experiment,
    grid: Grid,
    runs: Vec<Map<String, Value>>,
    record: Record,
}

impl Default for Form {
    fn default() -> Self {
        let (base, grid, record) = (Experiment::default(), Grid::default(), Record::default());
        Self { base, grid, runs: vec![Map::new()], record }
    }
}

/// Keys with their values, in the order in which they are written.
#[derive(Default)]
struct Grid(Vec<(String, Values)>);

impl<'de> Deserialize<'de> for Grid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Grid;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object of keys with their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Grid, A::Error> {
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

impl Serialize for Grid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, values)| map.serialize_entry(key, values))?;
        map.end()
    }
}

/// The values of one key of a grid.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of values, or {\"from\": …, \"to\": …, \"count\": …}")]
enum Values {
    List(Vec<Value>),
    Range(Range),
}

/// `count` equidistant values, both ends included.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: f64,
    to: f64,
    count: usize,
}

impl Values {
    fn list(self, key: &str) -> Result<Vec<Value>> {
        const MAX_VALUES: usize = 1_000_000;
        match self {
            Self::List(values) => Ok(values),
            Self::Range(Range { count: 0..2 | MAX_VALUES.., .. }) => Err(Error::Description {
                key: format!("`grid.{key}`"),
                reason: "expected a `count` of 2 to 1,000,000".to_owned(),
            }),
            Self::Range(Range { from, to, count }) => {
                Ok(equidistant(from, to, count).into_iter().map(whole).collect())
            }
        }
    }
}

/// A whole number is written as one, since a seed takes no other.
fn whole(x: f64) -> Value {
    if x.fract() == 0.0 && x.abs() < 2f64.powi(53) { Value::from(x as i64) } else { Value::from(x) }
}
