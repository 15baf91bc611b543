//! Numbers of runs that differ only in what was drawn, as bands.

use constellation::numbers::mean_and_deviation;
use constellation::{Ensemble, History, Run, Runs};
use figures::Series;

/// What a band over the seeds shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Mean and standard deviation.
    Deviation,
    /// Median, and the range from the 10 % to the 90 % quantile.
    Quantiles,
}

impl Spread {
    /// Lower end, middle and upper end of values.
    pub(crate) fn of(self, values: &[f64]) -> [f64; 3] {
        match self {
            Self::Deviation => {
                let (mean, deviation) = mean_and_deviation(values);
                [mean - deviation, mean, mean + deviation]
            }
            Self::Quantiles => {
                let mut sorted = values.to_vec();
                sorted.sort_unstable_by(f64::total_cmp);
                let at = |fraction: f64| sorted[(fraction * (sorted.len() - 1) as f64).round() as usize];
                [at(0.1), at(0.5), at(0.9)]
            }
        }
    }

    /// The same of many, as columns: lower ends, middles and upper ends.
    pub(crate) fn columns(self, many: impl Iterator<Item = Vec<f64>>) -> [Vec<f64>; 3] {
        let mut columns = [Vec::new(), Vec::new(), Vec::new()];
        for values in many {
            columns.iter_mut().zip(self.of(&values)).for_each(|(column, x)| column.push(x));
        }
        columns
    }
}

/// A final number of experiments that differ in one parameter, with its spread over the seeds:
/// `parameter[k]` belongs to the k-th label of `runs`.
pub fn over_parameter(
    label: &str,
    parameter: &[f64],
    runs: &Runs,
    spread: Spread,
    of: fn(&Run) -> f64,
) -> Series {
    let [low, middle, high] = spread.columns(runs.ensembles().iter().map(|ensemble| ensemble.values(of)));
    Series::connected(label, parameter, &middle).within(&low, &high)
}

/// A recorded number of an ensemble over its epochs.
pub(crate) fn band(ensemble: &Ensemble, spread: Spread, column: fn(&History) -> &Vec<f64>) -> Series {
    let [low, middle, high] = spread.columns(by_epoch(ensemble, column));
    Series::history(ensemble.label, &middle).within(&low, &high)
}

/// The values of all runs at each epoch that all have recorded.
pub(crate) fn by_epoch<'a>(
    ensemble: &'a Ensemble,
    column: fn(&History) -> &Vec<f64>,
) -> impl Iterator<Item = Vec<f64>> + 'a {
    let epochs = ensemble.runs.iter().map(|run| column(&run.history).len()).min().unwrap_or(0);
    (0..epochs).map(move |epoch| ensemble.values(|run| column(&run.history)[epoch]))
}
