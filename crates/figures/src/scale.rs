//! Scales: what an axis or a colour shows, and over which range.

use crate::error::{Error, Result};

/// A quantity along an axis, or as colours.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Quantity and unit.
    pub label: String,
    /// How values are laid along it.
    pub transform: Transform,
    /// First and last value; the data's own range when absent.
    pub range: Option<(f64, f64)>,
}

/// How values are laid along a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Equal steps for equal differences.
    Linear,
    /// Equal steps for equal factors. Zeros are drawn at the smallest positive value
    /// of the figure, and the axis says so.
    Log,
}

/// A linear scale over the data's range.
impl From<&str> for Scale {
    fn from(label: &str) -> Self {
        Self { label: label.to_owned(), transform: Transform::Linear, range: None }
    }
}

impl Scale {
    /// A linear scale over the data's range.
    pub fn linear(label: &str) -> Self {
        label.into()
    }

    /// A logarithmic scale over the data's range.
    pub fn log(label: &str) -> Self {
        Self { transform: Transform::Log, ..label.into() }
    }

    /// The same scale from `low` to `high`; values beyond are drawn at its ends.
    pub fn between(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

/// Beyond this, differences of values may overflow.
const LARGEST: f64 = 1e100;

/// Checks that all `values` can be drawn.
pub(super) fn check(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| value.is_nan() || value.abs() > LARGEST) {
        None => Ok(()),
        Some(index) => Err(Error::Figure(format!(
            "{what}: value {index} is {}, expected a finite number of at most {LARGEST:e}",
            values[index]
        ))),
    }
}

/// Smallest and largest of `values`.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent: Option<(f64, f64)>, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}
