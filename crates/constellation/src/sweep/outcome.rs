//! What is kept of runs that are too many or too long to train each time: their final numbers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::experiment::Experiment;
use crate::geometry::SubsetRetrieval;
use crate::run::{Run, Summary};

/// A run's description and its final numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finished {
    /// What was run.
    pub experiment: Experiment,
    /// What came of it.
    pub summary: Summary,
}

/// A run's description and its final numbers, a line of JSON in a file that is committed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was run.
    pub experiment: Experiment,
    /// Mean loss before the last step.
    pub loss: f64,
    /// Final inverse temperature t.
    pub temperature: f64,
    /// Final relative bias b_rel.
    pub relative_bias: f64,
    /// min_i s_ii.
    pub min_matching: f64,
    /// max_{i != j} s_ij.
    pub max_non_matching: f64,
    /// The largest margin after each [`crate::CHECKPOINT`] steps, if margins were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_margin: Option<f64>,
    /// How the queries find their documents, if several match a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<SubsetRetrieval>,
    /// Whether a hyperplane separates the first two modalities, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separable: Option<bool>,
}

impl Outcome {
    /// The final numbers of a run.
    pub fn of(run: &Run) -> Self {
        let geometry = run.geometry();
        Self {
            experiment: run.experiment.clone(),
            loss: run.loss(),
            temperature: run.temperature(),
            relative_bias: run.relative_bias(),
            min_matching: geometry.min_matching,
            max_non_matching: geometry.max_non_matching,
            best_margin: run.recorded_best_margin(),
            retrieval: if run.experiment.is_of_pairs() { None } else { run.retrieval().ok() },
            separable: None,
        }
    }

    /// The final numbers of a run, and whether a hyperplane separates its first two modalities.
    ///
    /// # Errors
    /// As [`Run::separation`].
    #[cfg(feature = "separation")]
    pub fn with_separation(run: &Run) -> Result<Self> {
        let is_separable = run.separation()?.verdict == crate::geometry::Verdict::Separable;
        Ok(Self { separable: Some(is_separable), ..Self::of(run) })
    }

    /// The final numbers of a run whose vectors are not kept.
    pub fn of_finished(finished: &Finished) -> Self {
        let Summary { loss, temperature, relative_bias, margin, optimal_relative_bias, best_margin, .. } =
            finished.summary;
        Self {
            experiment: finished.experiment.clone(),
            loss,
            temperature,
            relative_bias,
            min_matching: optimal_relative_bias + margin,
            max_non_matching: optimal_relative_bias - margin,
            best_margin,
            retrieval: None,
            separable: None,
        }
    }

    /// Half of [`Outcome::gap`].
    pub fn margin(&self) -> f64 {
        self.gap() / 2.0
    }

    /// Half of min_i s_ii + max_{i != j} s_ij, the relative bias at which the margin is reached.
    pub fn optimal_relative_bias(&self) -> f64 {
        (self.min_matching + self.max_non_matching) / 2.0
    }

    /// min_i s_ii - max_{i != j} s_ij, twice the margin: what the paper's Tables 1 to 3 print.
    pub fn gap(&self) -> f64 {
        self.min_matching - self.max_non_matching
    }

    /// The outcomes of a file, in order.
    ///
    /// # Errors
    /// [`crate::Error::File`] names the file if it cannot be read, or a line of it is something else.
    pub fn read_all(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        Ok(files::read_json_lines(path.as_ref())?)
    }

    /// Writes one line of JSON for each outcome.
    ///
    /// # Errors
    /// [`crate::Error::File`] if `path` cannot be written.
    pub fn write_all(outcomes: &[Self], path: impl AsRef<Path>) -> Result<()> {
        Ok(files::write_json_lines(path.as_ref(), outcomes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_as_they_were() {
        let run = Experiment { pairs: 4, dim: 3, epochs: 20, ..Experiment::default() }.train().unwrap();
        let path = tempfile::tempdir().unwrap().path().join("outcomes.jsonl");
        let outcomes = vec![Outcome::of(&run); 2];
        Outcome::write_all(&outcomes, &path).unwrap();
        assert_eq!(Outcome::read_all(&path).unwrap(), outcomes);
        assert_eq!(outcomes[0].gap(), 2.0 * run.margin());
        assert_eq!(outcomes[0].optimal_relative_bias(), run.geometry().optimal_relative_bias());
        std::fs::write(&path, "{}").unwrap();
        assert!(Outcome::read_all(&path).unwrap_err().to_string().contains("outcomes.jsonl"));
    }
}
