//! Rulers: the coordinates that plotters draws along, always finite and of positive length.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::error::{Error, Result};
use crate::numbers::scientific;
use crate::scale::{Scale, Transform, check, extent};
use crate::style;
use crate::text;
use crate::ticks::{Tick, linear_ticks, log_ticks};

/// A scale whose range is known, with its ticks.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    /// What it measures: its label without the note on zeros.
    quantity: String,
    transform: Transform,
    /// Ends of the range, as decimal logarithms on a logarithmic scale.
    low: f64,
    high: f64,
    /// Where zeros are drawn on a logarithmic scale.
    floor: f64,
    /// Whether there are zeros on a logarithmic scale.
    zeros: bool,
    ticks: Vec<Tick>,
    /// Whether ticks and quantity are written; not where another panel's axis says it.
    written: bool,
}

/// Smallest share of its magnitude over which a linear scale extends.
const NARROWEST: f64 = 1e-6;
/// Where zeros are drawn on a logarithmic scale that has no positive value.
const FLOOR: f64 = 1e-12;
/// Smallest distance between the labels of a vertical axis.
const SPACING: i32 = 52 * style::PIXEL;

impl Ruler {
    /// The ruler of `scale` over checked `values`, with `room` (a share of the range) left
    /// free at both ends. Its ticks are set later, when its length is known.
    pub(super) fn new(scale: &Scale, values: impl Iterator<Item = f64> + Clone, room: f64) -> Result<Self> {
        let log = scale.transform == Transform::Log;
        if let Some((low, high)) = scale.range {
            check(&format!("range of the scale {:?}", scale.label), &[low, high])?;
            if low >= high || (log && low <= 0.0) {
                return Err(impossible(scale, &format!("its range is {low} to {high}")));
            }
        }
        if let Some(negative) = values.clone().find(|value| log && *value < 0.0) {
            return Err(impossible(scale, &format!("it is logarithmic, and there is a value {negative}")));
        }
        let shown = values.clone().filter(|value| !log || *value > 0.0);
        let (least, most) = match (scale.range, extent(shown)) {
            (Some(range), _) | (None, Some(range)) => range,
            (None, None) if values.clone().next().is_some() => (FLOOR, FLOOR),
            (None, None) => return Err(impossible(scale, "there are no values")),
        };
        let (low, high) = if log { (least.log10(), most.log10()) } else { (least, most) };
        let margin = if scale.range.is_some() { 0.0 } else { margin(log, low, high, room) };
        Ok(Self {
            quantity: scale.label.clone(),
            transform: scale.transform,
            low: low - margin,
            high: high + margin,
            floor: if log { least } else { f64::NEG_INFINITY },
            zeros: log && scale.range.is_none() && values.clone().any(|value| value == 0.0),
            ticks: vec![],
            written: true,
        })
    }

    /// A ruler from 0 to 1 with names in equal steps, the first at the end (the top).
    pub(super) fn names(names: &[&str]) -> Result<Self> {
        let value = |k: usize| 1.0 - (k as f64 + 0.5) / names.len() as f64;
        let tick = |(k, name): (usize, &&str)| Tick { value: value(k), label: (*name).to_owned() };
        let unit = Self::new(&Scale::linear("").between(0.0, 1.0), std::iter::empty(), 0.0)?;
        Ok(Self { ticks: names.iter().enumerate().map(tick).collect(), ..unit })
    }

    /// Whether both measure the same on the same scale.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.quantity == other.quantity && self.transform == other.transform
    }

    /// A ruler over the ranges of both, which measure the same.
    pub(super) fn union(self, other: &Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            floor: self.floor.min(other.floor),
            zeros: self.zeros || other.zeros,
            ..self
        }
    }

    /// Leaves the ticks without numbers and the axis without a label.
    pub(super) fn hide(&mut self) {
        self.written = false;
    }

    pub(super) fn is_written(&self) -> bool {
        self.written
    }

    /// The axis's label, with a note on zeros if there are any.
    pub(super) fn label(&self) -> String {
        if !self.written {
            String::new()
        } else if self.zeros {
            format!("{} (zeros drawn at {})", self.quantity, scientific(self.floor))
        } else {
            self.quantity.clone()
        }
    }

    /// Where `value` lies: 0 at the start, 1 at the end, infinities beyond them.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = match self.transform {
            Transform::Linear => value,
            Transform::Log if value > 0.0 => value.log10(),
            Transform::Log if value == 0.0 => self.floor.log10(),
            Transform::Log => f64::NEG_INFINITY,
        };
        (value - self.low) / (self.high - self.low)
    }

    /// The value at a place.
    pub(super) fn value(&self, place: f64) -> f64 {
        let value = self.low + place * (self.high - self.low);
        if self.transform == Transform::Log { 10f64.powf(value) } else { value }
    }

    /// Sets the ticks of a vertical axis of `length`, unless those are names.
    pub(super) fn fit_upright(&mut self, length: i32) {
        if self.ticks.is_empty() {
            self.fit(length, SPACING);
        }
    }

    /// Sets the ticks of a horizontal axis of `length`, so that their labels do not touch.
    pub(super) fn fit_along(&mut self, length: i32) {
        let mut spacing = (length / 8).clamp(55 * style::PIXEL, 100 * style::PIXEL);
        self.fit(length, spacing);
        while spacing < length / 2 && self.labels_touch(length) {
            spacing = spacing * 5 / 4;
            self.fit(length, spacing);
        }
    }

    fn fit(&mut self, length: i32, spacing: i32) {
        let most = f64::from((length / spacing).max(2));
        self.ticks = match self.transform {
            Transform::Linear => linear_ticks(self.low, self.high, most),
            Transform::Log => log_ticks(self.low, self.high, most),
        };
    }

    fn labels_touch(&self, length: i32) -> bool {
        let ends: Vec<_> = self.label_ends(length).collect();
        ends.windows(2).any(|pair| pair[1].0 - pair[0].1 < style::TICK * 9 / 10)
    }

    /// First and last point of each label along an axis of `length`.
    fn label_ends(&self, length: i32) -> impl Iterator<Item = (i32, i32)> {
        self.ticks.iter().filter(|tick| !tick.label.is_empty()).map(move |tick| {
            let (at, width) = (self.map(&tick.value, (0, length)), text::width(&tick.label, style::TICK));
            (at - width / 2, at + width / 2)
        })
    }

    /// How far labels reach beyond the start and the end of an axis of `length`.
    pub(super) fn overhang(&self, length: i32) -> (i32, i32) {
        self.label_ends(length)
            .fold((0, 0), |(before, after), ends| (before.max(-ends.0), after.max(ends.1 - length)))
    }

    /// Width of the widest tick label.
    pub(super) fn widest(&self) -> i32 {
        self.ticks.iter().map(|tick| text::width(&tick.label, style::TICK)).max().unwrap_or(0)
    }

    /// The same ruler with its minor ticks for major ones, all without labels.
    pub(super) fn minor(&self) -> Self {
        let minor = self.ticks.iter().filter(|tick| tick.label.is_empty());
        let ticks = minor.map(|tick| Tick { label: " ".to_owned(), ..*tick }).collect();
        Self { ticks, ..self.clone() }
    }
}

/// Room for values that (nearly) coincide, or the given share.
fn margin(log: bool, low: f64, high: f64, room: f64) -> f64 {
    let magnitude = low.abs().max(high.abs());
    let narrow = if log { 0.1 } else { f64::max(magnitude * NARROWEST, 1e-90) };
    if high - low > narrow {
        room * (high - low)
    } else if log {
        0.5
    } else if magnitude < 1e-90 {
        1.0
    } else {
        magnitude * 0.05
    }
}

fn impossible(scale: &Scale, reason: &str) -> Error {
    Error::Figure(format!("scale {:?}: {reason}", scale.label))
}

impl Ranged for Ruler {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    /// Far outside is outside: keeps places within the range of the raster.
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (self.place(*value).clamp(-20.0, 20.0) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let minor = hint.weight().allow_light_points();
        self.ticks.iter().filter(|tick| tick.label.is_empty() == minor).map(|tick| tick.value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.value(0.0)..self.value(1.0)
    }
}

impl ValueFormatter<f64> for Ruler {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|tick| self.written && tick.value == *value);
        tick.map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zeros_on_a_log_scale_are_drawn_at_the_smallest_positive_value_and_stated() {
        let ruler = Ruler::new(&Scale::log("loss"), [0.0, 1e-7, 1.0].into_iter(), 0.0).unwrap();
        assert_eq!(ruler.place(0.0), ruler.place(1e-7));
        assert_eq!(ruler.label(), "loss (zeros drawn at 10^{-7})");
        assert!(Ruler::new(&Scale::log("loss"), [-1.0].into_iter(), 0.0).is_err());
    }

    proptest! {
        #[test]
        fn any_finite_values_have_a_finite_ruler_and_few_ticks_inside_it(
            values in prop::collection::vec(-1e100..1e100f64, 1..5),
            exponent in -120..100i32,
            logarithmic: bool,
        ) {
            let values: Vec<f64> = values.iter().map(|value| value * 10f64.powi(exponent - 100)).collect();
            let (scale, values) = if logarithmic {
                (Scale::log("x"), values.iter().map(|value| value.abs()).collect())
            } else {
                (Scale::linear("x"), values)
            };
            let mut ruler = Ruler::new(&scale, values.iter().copied(), 0.05).unwrap();
            for value in values {
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(&ruler.place(value)));
            }
            ruler.fit_along(1500);
            for tick in &ruler.ticks {
                prop_assert!((-1e-3..=1.0 + 1e-3).contains(&ruler.place(tick.value)), "{tick:?}");
            }
            ruler.fit_upright(1500);
            prop_assert!(ruler.ticks.iter().filter(|tick| !tick.label.is_empty()).count() <= 12);
        }
    }
}
