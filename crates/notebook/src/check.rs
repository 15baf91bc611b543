//! Obtained numbers beside published ones.

use serde::Serialize;

/// A number that was obtained here, to be held against a published one:
/// `check("t", run.temperature()).published(950.98).within_percent(0.1)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    what: String,
    obtained: f64,
}

/// The same number of several settings, to be held against a published column:
/// `runs.check("t", Run::temperature).published([6.494, 124.35]).within_percent(0.1)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks(pub(crate) Vec<Check>);

/// Published numbers beside those obtained here, and how far they may be apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pairs: Vec<(Check, f64)>,
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
        Checks(vec![self]).published([published])
    }
}

impl Checks {
    /// What was published of each setting, in their order; they must be the same until a tolerance
    /// is named.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn published<const N: usize>(self, published: [f64; N]) -> Published {
        assert_eq!(self.0.len(), N, "settings, and published numbers for them");
        let pairs = self.0.into_iter().zip(published).collect();
        Published { pairs, tolerance: Tolerance::Difference(0.0) }
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

    /// A verdict for each number, and its difference in words.
    pub(crate) fn verdicts(self) -> impl Iterator<Item = (Verdict, String)> {
        let Self { pairs, tolerance } = self;
        pairs.into_iter().map(move |(Check { what, obtained }, published)| {
            let passed = tolerance.allows(obtained - published, published);
            let difference = tolerance.difference(obtained - published, published);
            let tolerance = tolerance.to_string();
            (Verdict { what, published: Some(published), obtained, tolerance, passed }, difference)
        })
    }
}

impl Tolerance {
    /// None where nothing is compared.
    fn allows(&self, difference: f64, published: f64) -> Option<bool> {
        match self {
            Self::Percent(percent) => Some(difference.abs() <= percent / 100.0 * published.abs()),
            Self::Difference(most) => Some(difference.abs() <= *most),
            Self::Reported(_) => None,
        }
    }

    fn difference(&self, difference: f64, published: f64) -> String {
        match self {
            Self::Percent(_) if published != 0.0 => {
                format!("{:+.4} %", difference / published.abs() * 100.0)
            }
            _ => format!("{difference:+.2e}"),
        }
    }
}

/// The tolerance, or the reason for having none.
impl std::fmt::Display for Tolerance {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Difference(difference) => write!(f, "{difference}"),
            Self::Reported(reason) => f.write_str(reason),
        }
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

    fn passed(numbers: Published) -> Vec<Option<bool>> {
        numbers.verdicts().map(|(verdict, _)| verdict.passed).collect()
    }

    #[test]
    fn a_number_passes_within_its_tolerance_alone() {
        let number = || check("t", 100.05).published(100.0);
        assert_eq!(passed(number()), [Some(false)]);
        assert_eq!(passed(number().within_percent(0.1)), [Some(true)]);
        assert_eq!(passed(number().within_percent(0.01)), [Some(false)]);
        assert_eq!(passed(number().within(0.1)), [Some(true)]);
        assert_eq!(passed(number().within(0.01)), [Some(false)]);
        assert_eq!(passed(number().reported("chaotic")), [None]);
    }

    #[test]
    fn each_number_of_a_column_has_its_own_verdict() {
        let column = || Checks(vec![check("a", 1.0), check("b", 2.0)]);
        assert_eq!(passed(column().published([1.0, 2.5]).within(0.1)), [Some(true), Some(false)]);
        assert!(std::panic::catch_unwind(|| column().published([1.0])).is_err());
    }

    #[test]
    fn not_a_number_misses_every_tolerance() {
        let number = || check("t", f64::NAN).published(1.0);
        assert_eq!(passed(number().within(1e9)), [Some(false)]);
        assert_eq!(passed(number().within_percent(1e9)), [Some(false)]);
    }
}
