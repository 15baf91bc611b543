//! Where the bias starts: the start at which training ends elsewhere, by bisection.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::numbers::mean_and_deviation;
use crate::sweep::train_all;
use crate::train::Settings;

/// Two starts of the bias between which the end changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// What was run, but for the start of its bias.
    pub experiment: Experiment,
    /// A start from which b_rel ends at most at the threshold.
    pub below: f64,
    /// A start from which it ends above it.
    pub above: f64,
}

impl Transition {
    /// The middle of the two.
    pub fn start(&self) -> f64 {
        (self.below + self.above) / 2.0
    }

    /// Halves the interval between two starts `steps` times for each of the experiments, all side by
    /// side: `offsets` are the first two, beyond log(N - 1), the log-odds of a match among N - 1 others.
    /// An end counts as above if the final b_rel exceeds `threshold`.
    ///
    /// Where the end is no monotone function of the start, this is one of several transitions.
    ///
    /// # Errors
    /// As [`train_all`], and [`Error::Input`] if there is no transition between the first two starts.
    pub fn find(
        experiments: &[Experiment],
        offsets: (f64, f64),
        steps: usize,
        threshold: f64,
    ) -> Result<Vec<Self>> {
        let between = |experiment: &Experiment| {
            let matched = (experiment.pairs as f64 - 1.0).ln();
            Self { experiment: experiment.clone(), below: matched + offsets.0, above: matched + offsets.1 }
        };
        let mut found: Vec<Self> = experiments.iter().map(between).collect();
        for (start, expected) in [(Self::lower as fn(&Self) -> f64, false), (Self::upper, true)] {
            let ends = ends_above(&found, start, threshold)?;
            if let Some(k) = ends.iter().position(|end| *end != expected) {
                return Err(Error::Input {
                    what: "a transition",
                    got: format!(
                        "N = {}, seed {}: the end from {} is {} {threshold}",
                        found[k].experiment.pairs,
                        found[k].experiment.seed,
                        start(&found[k]),
                        if ends[k] { "above" } else { "not above" },
                    ),
                    expected: "starts on its two sides: choose others".to_owned(),
                });
            }
        }
        for _ in 0..steps {
            let ends = ends_above(&found, Self::start, threshold)?;
            for (transition, is_above) in found.iter_mut().zip(ends) {
                let middle = transition.start();
                *(if is_above { &mut transition.above } else { &mut transition.below }) = middle;
            }
        }
        Ok(found)
    }

    /// N, and mean and sample standard deviation of the starts found for it, in ascending N.
    pub fn by_pairs(found: &[Self]) -> Vec<(usize, f64, f64)> {
        let mut sizes: Vec<usize> = found.iter().map(|transition| transition.experiment.pairs).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let of_size = |pairs: usize| {
            let same = found.iter().filter(|transition| transition.experiment.pairs == pairs);
            let (mean, deviation) = mean_and_deviation(&same.map(Self::start).collect::<Vec<_>>());
            (pairs, mean, deviation)
        };
        sizes.into_iter().map(of_size).collect()
    }

    /// The transitions of a file, in order.
    ///
    /// # Errors
    /// [`Error::File`] names the file if it cannot be read, and the line that holds something else.
    pub fn read_all(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        Ok(files::read_json_lines(path.as_ref())?)
    }

    /// Writes one line of JSON for each transition.
    ///
    /// # Errors
    /// [`Error::File`] if `path` cannot be written.
    pub fn write_all(transitions: &[Self], path: impl AsRef<Path>) -> Result<()> {
        Ok(files::write_json_lines(path.as_ref(), transitions)?)
    }

    fn lower(&self) -> f64 {
        self.below
    }

    fn upper(&self) -> f64 {
        self.above
    }
}

/// Whether each experiment, from the start of the bias that `start` picks, ends above the threshold.
fn ends_above(all: &[Transition], start: fn(&Transition) -> f64, threshold: f64) -> Result<Vec<bool>> {
    let from_start = |transition: &Transition| {
        let mut experiment = transition.experiment.clone();
        experiment.bias.init = start(transition);
        experiment
    };
    let runs = train_all(
        &all.iter().map(from_start).collect::<Vec<_>>(),
        Settings { snapshots: 0, ..Settings::default() },
    )?;
    Ok(runs.iter().map(|run| run.relative_bias() > threshold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bias, BiasKind};

    #[test]
    fn the_two_starts_of_a_transition_end_on_its_two_sides() {
        let bias = Bias::trained(BiasKind::Absolute, 0.0);
        let run = Experiment { pairs: 20, dim: 5, epochs: 3000, bias, ..Experiment::default() };
        let runs = [1, 2].map(|seed| Experiment { seed, ..run.clone() });
        let found = Transition::find(&runs, (-2.0, 6.0), 5, 0.35).unwrap();
        for transition in &found {
            assert!((transition.above - transition.below - 0.25).abs() < 1e-9);
            let ends = |start| {
                let run = Experiment {
                    bias: Bias::trained(BiasKind::Absolute, start),
                    ..transition.experiment.clone()
                };
                run.train().unwrap().relative_bias()
            };
            assert!(ends(transition.below) <= 0.35 && ends(transition.above) > 0.35);
        }
        assert_eq!(Transition::by_pairs(&found).len(), 1);
        let error = Transition::find(&runs, (5.0, 6.0), 1, 0.35).unwrap_err().to_string();
        assert!(error.contains("N = 20, seed 1") && error.contains("above 0.35"), "{error}");
    }
}
