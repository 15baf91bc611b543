//! Runs as figures: what the notebooks of the synthetic experiments draw.

pub mod pretrained;

use ndarray::{ArrayView3, Axis as Along};

use crate::figures::{self, Axis, Figure, Histogram, Panel, Series};
use crate::geometry::{self, Geometry, Similarities};
use crate::runs::{Ensemble, Runs, mean_and_deviation};
use crate::{Error, History, Result, Run};

/// The vectors of a run in three dimensions: the first modality blue, the second red.
///
/// # Errors
/// [`Error::Figure`] if the vectors do not have three dimensions.
pub fn sphere(title: &str, run: &Run) -> Result<Figure> {
    let embeddings = run.embeddings();
    if embeddings.dim().2 != 3 {
        let dim = embeddings.dim().2;
        return Err(Error::Figure(format!("a sphere needs vectors of dimension 3, these have {dim}")));
    }
    let modality = |m| embeddings.index_axis_move(Along(0), m);
    figures::sphere(title, modality(0), modality(1))
}

/// The similarities of a run, all pairs of modalities pooled, with the run's relative bias
/// as a line, and the gap between matching and non-matching pairs if it is there.
///
/// # Errors
/// [`Error::Figure`] if a similarity is not a number.
pub fn histogram(title: &str, run: &Run) -> Result<Histogram> {
    separation(title, run.embeddings(), run.relative_bias())
}

/// The similarities of a run with an adapter as they are without it, ⟨U, V⟩ of the vectors
/// on the original sphere; the line is where the loss separates them there,
/// (b_rel + 1 - delta^2) / delta^2.
///
/// # Errors
/// [`Error::Figure`] if the run has no adapter.
pub fn histogram_without_adapter(title: &str, run: &Run) -> Result<Histogram> {
    let delta =
        run.delta().ok_or_else(|| Error::Figure(format!("histogram {title:?}: the run has no adapter")))?;
    let relative_bias = (run.relative_bias() + 1.0 - delta * delta) / (delta * delta);
    separation(title, geometry::without_adapter(run.embeddings())?.view(), relative_bias)
}

fn separation(title: &str, embeddings: ArrayView3<f32>, relative_bias: f64) -> Result<Histogram> {
    let similarities = Similarities::of(embeddings)?;
    let geometry = Geometry::of(embeddings)?;
    let histogram = Histogram::new(title, &similarities.matching, &similarities.non_matching)?;
    Ok(histogram.threshold(relative_bias).gap(geometry.max_non_matching, geometry.min_matching))
}

/// The similarities of several runs side by side, each under its label.
///
/// # Errors
/// [`Error::Figure`] if there are no runs, or a similarity is not a number.
pub fn histograms(title: &str, columns: usize, runs: &Runs) -> Result<Figure> {
    let panels = runs.iter().map(|(label, run)| histogram(label, run)).collect::<Result<Vec<_>>>()?;
    figures::histograms(title, columns, &panels)
}

/// The losses of several runs over their epochs, on a logarithmic axis.
///
/// # Errors
/// [`Error::Figure`] if there are no runs.
pub fn losses(title: &str, runs: &Runs) -> Result<Figure> {
    let series = runs.iter().map(|(label, run)| Series::history(label, &run.history.loss)).collect();
    figures::plot(title, 1, &[Panel::new("epoch", Axis::log("loss"), series)])
}

/// What a band over the seeds shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Mean and standard deviation.
    Deviation,
    /// Median, and the range from the 10 % to the 90 % quantile.
    Quantiles,
}

/// A recorded number of several experiments over their epochs, with its spread over
/// the seeds.
///
/// # Errors
/// [`Error::Figure`] if there are no runs, or the number was not recorded.
pub fn bands(
    title: &str,
    y: Axis,
    ensembles: &[Ensemble],
    spread: Spread,
    column: fn(&History) -> &Vec<f64>,
) -> Result<Figure> {
    let series = ensembles.iter().map(|ensemble| band(ensemble, spread, column)).collect();
    figures::plot(title, 1, &[Panel::new("epoch", y, series)])
}

/// A final number of experiments that differ in one parameter, with its spread over
/// the seeds: `parameter[k]` belongs to `ensembles[k]`.
pub fn over_parameter(
    label: &str,
    parameter: &[f64],
    ensembles: &[Ensemble],
    spread: Spread,
    of: fn(&Run) -> f64,
) -> Series {
    let spreads = ensembles.iter().map(|ensemble| spread_of(&ensemble.values(of), spread));
    let (mut low, mut middle, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for [l, m, h] in spreads {
        low.push(l);
        middle.push(m);
        high.push(h);
    }
    Series::connected(label, parameter, &middle).within(&low, &high)
}

/// A recorded number at each epoch, averaged over the runs.
pub fn mean_over_epochs(ensemble: &Ensemble, column: fn(&History) -> &Vec<f64>) -> Vec<f64> {
    (0..recorded_epochs(ensemble, column))
        .map(|epoch| mean_and_deviation(&ensemble.values(|run| column(&run.history)[epoch])).0)
        .collect()
}

fn recorded_epochs(ensemble: &Ensemble, column: fn(&History) -> &Vec<f64>) -> usize {
    ensemble.runs.iter().map(|run| column(&run.history).len()).min().unwrap_or(0)
}

fn band(ensemble: &Ensemble, spread: Spread, column: fn(&History) -> &Vec<f64>) -> Series {
    let epochs = recorded_epochs(ensemble, column);
    let (mut low, mut middle, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for epoch in 0..epochs {
        let [l, m, h] = spread_of(&ensemble.values(|run| column(&run.history)[epoch]), spread);
        low.push(l);
        middle.push(m);
        high.push(h);
    }
    Series::history(&ensemble.label, &middle).within(&low, &high)
}

/// Lower end, middle and upper end of values.
fn spread_of(values: &[f64], spread: Spread) -> [f64; 3] {
    match spread {
        Spread::Deviation => {
            let (mean, deviation) = mean_and_deviation(values);
            [mean - deviation, mean, mean + deviation]
        }
        Spread::Quantiles => {
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            let at = |fraction: f64| sorted[(fraction * (sorted.len() - 1) as f64).round() as usize];
            [at(0.1), at(0.5), at(0.9)]
        }
    }
}

/// Loss, inverse temperature and relative bias of one run over its epochs.
///
/// # Errors
/// [`Error::Figure`] if a value is not a number.
pub fn evolution(title: &str, run: &Run) -> Result<Figure> {
    let panel = |name: &str, y: Axis, column: &[f64]| {
        Panel::new("epoch", y, vec![Series::history("", column)]).titled(name)
    };
    let panels = [
        panel("Loss", Axis::log("loss"), &run.history.loss),
        panel("Inverse temperature", Axis::linear("t"), &run.history.temperature),
        panel("Relative bias", Axis::linear("b_rel"), &run.history.relative_bias),
    ];
    let trained = [true, run.experiment.temperature.trainable, relative_bias_moves(run)];
    let panels: Vec<Panel> =
        panels.into_iter().zip(trained).filter(|(_, moves)| *moves).map(|(p, _)| p).collect();
    figures::plot(title, panels.len(), &panels)
}

fn relative_bias_moves(run: &Run) -> bool {
    run.history.relative_bias.first() != run.history.relative_bias.last()
}
