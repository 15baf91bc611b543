//! Obtained numbers beside published ones.

use constellation::numbers::short;
use serde::Serialize;

/// A number that was obtained here, to be held against a published one:
/// `check("t", run.temperature()).published(950.98).within_percent(0.1)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    what: String,
    obtained: f64,
}

/// A published number beside the one obtained here.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// What it is, such as `t`.
    pub what: String,
    /// The value obtained here.
    pub obtained: f64,
    /// The published value.
    pub published: f64,
    tolerance: Tolerance,
}

#[derive(Debug, Clone, PartialEq)]
enum Tolerance {
    Percent(f64),
    Difference(f64),
    Reported(String),
}

/// The number `obtained` here for `what`.
pub fn check(what: impl Into<String>, obtained: f64) -> Check {
    Check { what: what.into(), obtained }
}

impl Check {
    /// What was published of it; the two must be the same until a tolerance is named.
    pub fn published(self, published: f64) -> Published {
        let Self { what, obtained } = self;
        Published { what, obtained, published, tolerance: Tolerance::Difference(0.0) }
    }
}

impl Published {
    /// They may differ by so much.
    #[must_use]
    pub fn within(self, difference: f64) -> Self {
        Self { tolerance: Tolerance::Difference(difference), ..self }
    }

    /// They may differ by so many percent of the published number.
    #[must_use]
    pub fn within_percent(self, percent: f64) -> Self {
        Self { tolerance: Tolerance::Percent(percent), ..self }
    }

    /// They are shown beside each other and not compared, for this reason.
    #[must_use]
    pub fn reported(self, reason: impl Into<String>) -> Self {
        Self { tolerance: Tolerance::Reported(reason.into()), ..self }
    }

    /// The verdict, none where nothing is compared.
    pub(crate) fn passed(&self) -> Option<bool> {
        let distance = (self.obtained - self.published).abs();
        match self.tolerance {
            Tolerance::Percent(percent) => Some(distance <= percent / 100.0 * self.published.abs()),
            Tolerance::Difference(difference) => Some(distance <= difference),
            Tolerance::Reported(_) => None,
        }
    }

    /// The tolerance, or the reason for having none, in words.
    pub(crate) fn tolerance(&self) -> String {
        match &self.tolerance {
            Tolerance::Percent(percent) => format!("{percent} %"),
            Tolerance::Difference(difference) => difference.to_string(),
            Tolerance::Reported(reason) => reason.clone(),
        }
    }

    /// The cells of a table's row, without the verdict.
    pub(crate) fn cells(&self) -> [String; 5] {
        let difference = self.obtained - self.published;
        let difference = match self.tolerance {
            Tolerance::Percent(_) if self.published != 0.0 => {
                format!("{:+.4} %", difference / self.published.abs() * 100.0)
            }
            _ => format!("{difference:+.2e}"),
        };
        let numbers = [self.published.to_string(), short(self.obtained), difference];
        let [published, obtained, difference] = numbers;
        [self.what.clone(), published, obtained, difference, self.tolerance()]
    }
}

/// One verdict, as the metrics keep it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) published: Option<f64>,
    pub(crate) obtained: f64,
    pub(crate) tolerance: String,
    pub(crate) passed: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_passes_within_its_tolerance_alone() {
        let number = || check("t", 100.05).published(100.0);
        assert_eq!(number().passed(), Some(false));
        assert_eq!(number().within_percent(0.1).passed(), Some(true));
        assert_eq!(number().within_percent(0.01).passed(), Some(false));
        assert_eq!(
            (number().within(0.1).passed(), number().within(0.01).passed()),
            (Some(true), Some(false))
        );
        assert_eq!(number().reported("chaotic").passed(), None);
    }

    #[test]
    fn not_a_number_misses_every_tolerance() {
        let number = || check("t", f64::NAN).published(1.0);
        assert_eq!(number().within(1e9).passed(), Some(false));
        assert_eq!(number().within_percent(1e9).passed(), Some(false));
    }
}
