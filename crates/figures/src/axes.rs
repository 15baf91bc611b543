//! Axes: scales, and ranges that are always finite and of positive length.

use crate::error::{Error, Result};
use crate::numbers::scientific;

/// An axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// How values are laid along it.
    pub scale: Scale,
    /// First and last value; the data's own range when absent.
    pub range: Option<(f64, f64)>,
}

/// How values are laid along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps for equal differences.
    Linear,
    /// Equal steps for equal factors. Zeros are drawn at the smallest positive value
    /// of the figure, and the axis says so.
    Log,
}

/// A linear axis over the data's range.
impl From<&str> for Axis {
    fn from(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Linear, range: None }
    }
}

impl Axis {
    /// A linear axis over the data's range.
    pub fn linear(label: &str) -> Self {
        label.into()
    }

    /// A logarithmic axis over the data's range.
    pub fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..label.into() }
    }

    /// The same axis from `low` to `high`.
    pub fn between(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }
}

/// Beyond this, differences of values may overflow.
const LARGEST: f64 = 1e100;
/// Smallest share of its magnitude over which a linear axis extends.
const NARROWEST: f64 = 1e-6;
/// Where zeros are drawn on a logarithmic axis that has no positive value.
const FLOOR: f64 = 1e-12;

/// Checks that `values` can be drawn: as many as there should be, all finite.
pub(super) fn check(what: &str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| value.is_nan() || value.abs() > LARGEST) {
        None => Ok(()),
        Some(index) => Err(Error::Figure(format!(
            "{what}: value {index} is {}, expected a finite number of at most {LARGEST:e}",
            values[index]
        ))),
    }
}

/// An axis whose range is known: values are placed from 0 at its start to 1 at its end.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    /// What the axis measures: its label without the note on zeros.
    pub(super) quantity: String,
    pub(super) scale: Scale,
    /// Ends of the range, as decimal logarithms on a logarithmic scale.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Smallest value that a logarithmic scale shows; smaller ones are drawn there.
    floor: f64,
    /// Whether there are zeros on a logarithmic scale.
    zeros: bool,
    /// Names along an axis without numbers, from its end to its start.
    pub(super) names: Vec<String>,
}

impl Ruler {
    /// The ruler of `axis` over checked `values`, with `room` (a share of the range) left
    /// free at both ends.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64> + Clone, room: f64) -> Result<Self> {
        if let Some((low, high)) = axis.range {
            check(&format!("range of the axis {:?}", axis.label), &[low, high])?;
            if low >= high {
                return Err(impossible(axis, &format!("its range is {low} to {high}")));
            }
        }
        match axis.scale {
            Scale::Linear => Self::linear(axis, values, room),
            Scale::Log => Self::log(axis, values, room),
        }
    }

    fn linear(axis: &Axis, values: impl Iterator<Item = f64>, room: f64) -> Result<Self> {
        let (low, high) = match axis.range {
            Some(range) => range,
            None => {
                let (low, high) = extent(values).ok_or_else(|| impossible(axis, "there are no values"))?;
                let magnitude = low.abs().max(high.abs());
                if high - low <= magnitude * NARROWEST || high - low < 1e-90 {
                    let half = if magnitude < 1e-90 { 1.0 } else { magnitude * 0.05 };
                    (low - half, high + half)
                } else {
                    (low - room * (high - low), high + room * (high - low))
                }
            }
        };
        let floor = f64::NEG_INFINITY;
        Ok(Self {
            quantity: axis.label.clone(),
            scale: Scale::Linear,
            low,
            high,
            floor,
            zeros: false,
            names: vec![],
        })
    }

    fn log(axis: &Axis, values: impl Iterator<Item = f64> + Clone, room: f64) -> Result<Self> {
        if let Some(negative) = values.clone().find(|value| *value < 0.0) {
            return Err(impossible(axis, &format!("it is logarithmic, and there is a value {negative}")));
        }
        if let Some((low, _)) = axis.range.filter(|(low, _)| *low <= 0.0) {
            return Err(impossible(axis, &format!("it is logarithmic, and its range starts at {low}")));
        }
        if axis.range.is_none() && values.clone().next().is_none() {
            return Err(impossible(axis, "there are no values"));
        }
        let positive = extent(values.clone().filter(|value| *value > 0.0));
        let floor = axis.range.map_or(positive.map_or(FLOOR, |(low, _)| low), |(low, _)| low);
        let (low, high) = match axis.range {
            Some((low, high)) => (low.log10(), high.log10()),
            None => {
                let (low, high) = positive.unwrap_or((FLOOR, FLOOR));
                let (low, high) = (low.log10(), high.log10());
                let margin = if high - low < 0.1 { 0.5 } else { room * (high - low) };
                (low - margin, high + margin)
            }
        };
        let zeros = axis.range.is_none() && values.into_iter().any(|value| value == 0.0);
        Ok(Self { quantity: axis.label.clone(), scale: Scale::Log, low, high, floor, zeros, names: vec![] })
    }

    /// An axis of names, the first at the end (the top).
    pub(super) fn names(names: Vec<String>) -> Self {
        let (low, high, floor) = (0.0, 1.0, f64::NEG_INFINITY);
        Self { quantity: String::new(), scale: Scale::Linear, low, high, floor, zeros: false, names }
    }

    /// A ruler over the ranges of both, which measure the same on the same scale.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self {
            quantity: self.quantity.clone(),
            scale: self.scale,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            floor: self.floor.min(other.floor),
            zeros: self.zeros || other.zeros,
            names: self.names.clone(),
        }
    }

    /// The axis's label, with a note on zeros if there are any.
    pub(super) fn label(&self) -> String {
        match self.zeros {
            true => format!("{} (zeros drawn at {})", self.quantity, scientific(self.floor)),
            false => self.quantity.clone(),
        }
    }

    /// Where `value` lies: 0 at the start of the axis, 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.floor).max(f64::MIN_POSITIVE).log10(),
        };
        (value - self.low) / (self.high - self.low)
    }
}

fn impossible(axis: &Axis, reason: &str) -> Error {
    Error::Figure(format!("axis {:?}: {reason}", axis.label))
}

/// Smallest and largest of `values`.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent: Option<(f64, f64)>, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zeros_on_a_log_axis_are_drawn_at_the_smallest_positive_value_and_stated() {
        let ruler = Ruler::new(&Axis::log("loss"), [0.0, 1e-7, 1.0].into_iter(), 0.0).unwrap();
        assert_eq!(ruler.place(0.0), ruler.place(1e-7));
        assert_eq!(ruler.label(), "loss (zeros drawn at 10^{-7})");
        assert!(Ruler::new(&Axis::log("loss"), [-1.0].into_iter(), 0.0).is_err());
    }

    proptest! {
        #[test]
        fn any_finite_values_have_a_finite_ruler_and_few_ticks_inside_it(
            values in prop::collection::vec(-1e100..1e100f64, 1..5),
            exponent in -120..100i32,
            logarithmic: bool,
        ) {
            let values: Vec<f64> = values.iter().map(|value| value * 10f64.powi(exponent - 100)).collect();
            let (axis, values) = match logarithmic {
                true => (Axis::log("x"), values.iter().map(|value| value.abs()).collect()),
                false => (Axis::linear("x"), values),
            };
            let ruler = Ruler::new(&axis, values.iter().copied(), 0.05).unwrap();
            for value in values {
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(&ruler.place(value)));
            }
            for tick in ruler.ticks_along(500.0, 18.0) {
                prop_assert!((-1e-3..=1.0 + 1e-3).contains(&tick.place), "{tick:?}");
            }
            let ticks = ruler.ticks(500.0, 50.0);
            prop_assert!(ticks.iter().filter(|tick| !tick.label.is_empty()).count() <= 12);
        }
    }
}
