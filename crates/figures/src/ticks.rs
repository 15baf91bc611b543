//! Where an axis is marked, and with which numbers.

use crate::axes::{Ruler, Scale};
use crate::numbers::{number, short};
use crate::text;

/// A marked place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// From 0 to 1 along the axis.
    pub(super) place: f64,
    /// Empty for a minor tick.
    pub(super) label: String,
}

impl Ruler {
    /// Ticks for an axis of `length` pixels: as many as stand `spacing` apart.
    pub(super) fn ticks(&self, length: f64, spacing: f64) -> Vec<Tick> {
        if !self.names.is_empty() {
            let place = |k: usize| 1.0 - (k as f64 + 0.5) / self.names.len() as f64;
            let names = self.names.iter().enumerate();
            return names.map(|(k, name)| Tick { place: place(k), label: name.clone() }).collect();
        }
        let most = (length / spacing).floor().max(2.0);
        match self.scale {
            Scale::Linear => self.linear_ticks(most),
            Scale::Log => self.log_ticks(most),
        }
    }

    /// Ticks for an axis along the page, whose labels of font size `size` must not touch.
    pub(super) fn ticks_along(&self, length: f64, size: f64) -> Vec<Tick> {
        let mut spacing = (length / 8.0).clamp(55.0, 100.0);
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
        if values.len() < 3 {
            values = candidates(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]);
        }
        if values.len() < 2 || values.len() as f64 > most {
            let step = round_step((10f64.powf(self.high) - 10f64.powf(self.low)) / most.min(4.0));
            let start = (10f64.powf(self.low) / step).ceil();
            values = (0..20).map(|k| (start + f64::from(k)) * step).collect();
            values.retain(|value| *value > 0.0 && value.log10() <= self.high);
        }
        values.iter().map(|&value| Tick { place: self.place(value), label: short(value) }).collect()
    }
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
    use crate::Axis;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        let ruler =
            |low, high| Ruler::new(&Axis::linear("x").between(low, high), [].into_iter(), 0.0).unwrap();
        assert_eq!(labels(&ruler(-1.0, 1.0).ticks(500.0, 120.0)), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(labels(&ruler(0.0, 10_000.0).ticks(500.0, 240.0)), ["0", "5,000", "10,000"]);
        let log = Ruler::new(&Axis::log("x"), [1e-6, 1.0].into_iter(), 0.0).unwrap();
        assert_eq!(labels(&log.ticks(500.0, 150.0)), ["10^{-6}", "10^{-4}", "10^{-2}", "10^{0}"]);
    }
}
