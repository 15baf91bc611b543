//! Runs as figures: what the notebooks of the synthetic experiments draw.

use ndarray::Axis as Along;

use crate::figures::{self, Axis, Figure, Histogram, Panel, Series};
use crate::geometry::Similarities;
use crate::{Error, Result, Run};

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

/// The similarities of a run, all pairs of modalities pooled, with the margin as a band
/// around the optimal relative bias.
///
/// # Errors
/// [`Error::Figure`] if a similarity is not a number.
pub fn histogram(title: &str, run: &Run) -> Result<Histogram> {
    let similarities = Similarities::of(run.embeddings())?;
    let geometry = run.geometry();
    let histogram = Histogram::new(title, &similarities.matching, &similarities.non_matching)?;
    Ok(histogram.constellation(geometry.optimal_relative_bias(), geometry.margin()))
}

/// The losses of several runs over their epochs, on a logarithmic axis.
///
/// # Errors
/// [`Error::Figure`] if there are no runs.
pub fn losses(title: &str, runs: &[(&str, &Run)]) -> Result<Figure> {
    let series = runs.iter().map(|(label, run)| Series::history(label, &run.history.loss)).collect();
    figures::plot(title, 1, &[Panel::new("epoch", Axis::log("loss"), series)])
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
