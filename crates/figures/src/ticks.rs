//! Where an axis is marked, and with which numbers.

use crate::numbers::{number, short};

/// A marked value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    /// Empty for a minor tick.
    pub(super) label: String,
}

/// About `most` ticks at round numbers from `low` to `high`.
pub(super) fn linear_ticks(low: f64, high: f64, most: f64) -> Vec<Tick> {
    let step = round_step((high - low) / most);
    let slack = step * 1e-6;
    let (first, last) = (((low - slack) / step).ceil(), ((high + slack) / step).floor());
    let count = (last - first).clamp(-1.0, 100.0) as i64 + 1;
    (0..count)
        .map(|k| (first + k as f64) * step)
        .map(|value| Tick { value, label: number(value, step) })
        .collect()
}

/// Ticks at powers of ten from 10^`low` to 10^`high`, at most `most`, and minor ones between.
pub(super) fn log_ticks(low: f64, high: f64, most: f64) -> Vec<Tick> {
    let (first, last) = ((low - 1e-9).ceil() as i32, (high + 1e-9).floor() as i32);
    if last - first < 1 {
        return ticks_within_a_decade(low, high, most);
    }
    let step = (f64::from(last - first) / most).ceil().max(1.0) as i32;
    let major = (first..=last).filter(|exponent| exponent.rem_euclid(step) == 0);
    let mut ticks: Vec<Tick> =
        major.map(|e| Tick { value: 10f64.powf(e.into()), label: format!("10^{{{e}}}") }).collect();
    if step == 1 && last - first <= 8 {
        let minor =
            (first - 1..=last).flat_map(|e| (2..10).map(move |k| f64::from(k) * 10f64.powf(e.into())));
        let inside = minor.filter(|value| (low..=high).contains(&value.log10()));
        ticks.extend(inside.map(|value| Tick { value, label: String::new() }));
    }
    ticks
}

/// Ticks at round numbers, where there are not two powers of ten.
fn ticks_within_a_decade(low: f64, high: f64, most: f64) -> Vec<Tick> {
    let first = low.floor() as i32;
    let candidates = |digits: &[f64]| -> Vec<f64> {
        (first..=first + 2)
            .flat_map(|e| digits.iter().map(move |digit| digit * 10f64.powf(e.into())))
            .filter(|value| (low - 1e-9..=high + 1e-9).contains(&value.log10()))
            .collect()
    };
    let mut values = candidates(&[1.0, 2.0, 5.0]);
    if values.len() < 3 {
        values = candidates(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]);
    }
    if values.len() < 2 || values.len() as f64 > most {
        let step = round_step((10f64.powf(high) - 10f64.powf(low)) / most.min(4.0));
        let start = (10f64.powf(low) / step).ceil();
        values = (0..20).map(|k| (start + f64::from(k)) * step).collect();
        values.retain(|value| *value > 0.0 && value.log10() <= high);
    }
    values.iter().map(|&value| Tick { value, label: short(value) }).collect()
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let digits = [1.0, 2.0, 2.5, 5.0, 10.0];
    power * digits.iter().find(|digit| **digit * power >= step * (1.0 - 1e-9)).unwrap_or(&10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        assert_eq!(labels(&linear_ticks(-1.0, 1.0, 4.0)), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels(&linear_ticks(0.0, 10_000.0, 2.0)), ["0", "5,000", "10,000"]);
        assert_eq!(labels(&log_ticks(-6.0, 0.0, 3.0)), ["10^{-6}", "10^{-4}", "10^{-2}", "10^{0}"]);
    }
}
