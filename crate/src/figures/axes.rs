//! Axes: scales, ranges that are always finite and of positive length, ticks.

use super::text;
use crate::{Error, Result};

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
    match values.iter().position(|value| !(value.abs() <= LARGEST)) {
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
    low: f64,
    high: f64,
    /// Smallest value that a logarithmic scale shows; smaller ones are drawn there.
    floor: f64,
    /// Whether there are zeros on a logarithmic scale.
    zeros: bool,
}

/// A marked place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// From 0 to 1 along the axis.
    pub(super) place: f64,
    /// Empty for a minor tick.
    pub(super) label: String,
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
        Ok(Self { quantity: axis.label.clone(), scale: Scale::Linear, low, high, floor, zeros: false })
    }

    fn log(axis: &Axis, values: impl Iterator<Item = f64> + Clone, room: f64) -> Result<Self> {
        if let Some(negative) = values.clone().find(|value| *value < 0.0) {
            return Err(impossible(axis, &format!("it is logarithmic, and there is a value {negative}")));
        }
        if let Some((low, _)) = axis.range.filter(|(low, _)| *low <= 0.0) {
            return Err(impossible(axis, &format!("it is logarithmic, and its range starts at {low}")));
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
        Ok(Self { quantity: axis.label.clone(), scale: Scale::Log, low, high, floor, zeros })
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

    /// Ticks for an axis of `length` pixels: as many as stand `spacing` apart.
    pub(super) fn ticks(&self, length: f64, spacing: f64) -> Vec<Tick> {
        let most = (length / spacing).floor().max(2.0);
        match self.scale {
            Scale::Linear => self.linear_ticks(most),
            Scale::Log => self.log_ticks(most),
        }
    }

    /// Ticks for an axis along the page, whose labels of font size `size` must not touch.
    pub(super) fn ticks_along(&self, length: f64, size: f64) -> Vec<Tick> {
        let mut spacing = 70.0;
        loop {
            let ticks = self.ticks(length, spacing);
            let labelled: Vec<_> = ticks.iter().filter(|tick| !tick.label.is_empty()).collect();
            let room = |pair: &[&Tick]| {
                let widths = text::width(&pair[0].label, size) + text::width(&pair[1].label, size);
                (pair[1].place - pair[0].place) * length - widths / 2.0 >= size * 0.9
            };
            if spacing >= length / 2.0 || labelled.windows(2).all(room) {
                return ticks;
            }
            spacing *= 1.25;
        }
    }

    fn linear_ticks(&self, most: f64) -> Vec<Tick> {
        let step = round_step((self.high - self.low) / most);
        let slack = step * 1e-6;
        let first = ((self.low - slack) / step).ceil();
        let last = ((self.high + slack) / step).floor();
        let count = (last - first).clamp(-1.0, 100.0) as i64 + 1;
        (0..count)
            .map(|k| (first + k as f64) * step)
            .map(|value| Tick { place: self.place(value), label: number(value, step) })
            .collect()
    }

    fn log_ticks(&self, most: f64) -> Vec<Tick> {
        let (first, last) = ((self.low - 1e-9).ceil() as i32, (self.high + 1e-9).floor() as i32);
        if last - first < 1 {
            return self.ticks_within_a_decade(most);
        }
        let step = (f64::from(last - first) / most).ceil().max(1.0) as i32;
        let place = |exponent: f64| (exponent - self.low) / (self.high - self.low);
        let mut ticks: Vec<Tick> = (first..=last)
            .filter(|exponent| exponent.rem_euclid(step) == 0)
            .map(|exponent| Tick { place: place(exponent.into()), label: format!("10^{{{exponent}}}") })
            .collect();
        if step == 1 && last - first <= 8 {
            let minor =
                (first - 1..=last).flat_map(|e| (2..10).map(move |k| f64::from(e) + f64::from(k).log10()));
            ticks.extend(
                minor
                    .filter(|exponent| (self.low..=self.high).contains(exponent))
                    .map(|exponent| Tick { place: place(exponent), label: String::new() }),
            );
        }
        ticks
    }

    /// Ticks at round numbers, where there are not two powers of ten.
    fn ticks_within_a_decade(&self, most: f64) -> Vec<Tick> {
        let first = self.low.floor() as i32;
        let candidates = |digits: &[f64]| -> Vec<f64> {
            (first..=first + 2)
                .flat_map(|e| digits.iter().map(move |digit| digit * 10f64.powi(e)))
                .filter(|value| (self.low - 1e-9..=self.high + 1e-9).contains(&value.log10()))
                .collect()
        };
        let mut values = candidates(&[1.0, 2.0, 5.0]);
        if values.len() < 2 || values.len() as f64 > most {
            let step = round_step((10f64.powf(self.high) - 10f64.powf(self.low)) / most.min(4.0));
            let start = (10f64.powf(self.low) / step).ceil();
            values = (0..20).map(|k| (start + f64::from(k)) * step).collect();
            values.retain(|value| *value > 0.0 && value.log10() <= self.high);
        }
        values.iter().map(|&value| Tick { place: self.place(value), label: short(value) }).collect()
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

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let digits = [1.0, 2.0, 2.5, 5.0, 10.0];
    power * digits.iter().find(|digit| **digit * power >= step * (1.0 - 1e-9)).unwrap_or(&10.0)
}

/// A tick's number, with the digits that steps of `step` need.
fn number(value: f64, step: f64) -> String {
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if value != 0.0 && !(1e-4..1e6).contains(&value.abs().max(step)) {
        return scientific(value);
    }
    let decimals = (0..10).find(|decimals| {
        let scaled = step * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    grouped(&format!("{value:.*}", decimals.unwrap_or(10) as usize))
}

/// A number in at most three digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => {
            let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 5) as usize;
            let digits = format!("{value:.decimals$}");
            let digits = match digits.contains('.') {
                true => digits.trim_end_matches('0').trim_end_matches('.'),
                false => &digits,
            };
            grouped(digits)
        }
        _ => scientific(value),
    }
}

/// A number as a power of ten times at most two digits.
fn scientific(value: f64) -> String {
    let written = format!("{value:.1e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let digits = digits.trim_end_matches(".0");
    match digits {
        "1" => format!("10^{{{exponent}}}"),
        "-1" => format!("−10^{{{exponent}}}"),
        _ => format!("{digits}×10^{{{exponent}}}"),
    }
}

/// Sets a comma between thousands.
fn grouped(digits: &str) -> String {
    let whole_end = digits.find('.').unwrap_or(digits.len());
    let start = usize::from(digits.starts_with('-'));
    if whole_end - start < 5 {
        return digits.to_owned();
    }
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > start && index < whole_end && (whole_end - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        let ruler =
            |low, high| Ruler::new(&Axis::linear("x").between(low, high), [].into_iter(), 0.0).unwrap();
        assert_eq!(labels(&ruler(-1.0, 1.0).ticks(500.0, 120.0)), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels(&ruler(0.0, 10_000.0).ticks(500.0, 240.0)), ["0", "5000", "10,000"]);
        let log = Ruler::new(&Axis::log("x"), [1e-6, 1.0].into_iter(), 0.0).unwrap();
        assert_eq!(labels(&log.ticks(500.0, 150.0)), ["10^{-6}", "10^{-4}", "10^{-2}", "10^{0}"]);
    }

    #[test]
    fn zeros_on_a_log_axis_are_drawn_at_the_smallest_positive_value_and_stated() {
        let ruler = Ruler::new(&Axis::log("loss"), [0.0, 1e-7, 1.0].into_iter(), 0.0).unwrap();
        assert_eq!(ruler.place(0.0), ruler.place(1e-7));
        assert_eq!(ruler.label(), "loss (zeros drawn at 10^{-7})");
        assert!(Ruler::new(&Axis::log("loss"), [-1.0].into_iter(), 0.0).is_err());
    }

    #[test]
    fn numbers_are_short() {
        for (value, written) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (950.98, "951"),
            (12345.0, "12,345"),
            (1.2e-7, "1.2×10^{-7}"),
            (100.0, "100"),
        ] {
            assert_eq!(short(value), written);
        }
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
            prop_assert!(labels(&ruler.ticks(500.0, 50.0)).len() <= 12);
        }
    }
}
