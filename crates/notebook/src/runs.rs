//! Runs as figures: what the notebooks of the synthetic experiments draw.

use constellation::geometry::{self, Geometry, Similarities};
use constellation::numbers::{mean_and_deviation, short};
use constellation::{Ensemble, History, Run, Runs};
use explorer::{Explorer, ExplorerData};
use figures::{Figure, Histogram, Panel, Scale, Series};
use ndarray::{ArrayView3, Axis};

use crate::check::{Checks, check};
use crate::error::Result;
use crate::spread::{Spread, band, by_epoch};
use crate::table::Table;

/// An explorer of `run`, with its snapshots to scrub through.
///
/// # Errors
/// [`crate::Error::Explorer`] if the run has numbers that are not finite.
pub fn explore(run: &Run) -> Result<Explorer> {
    let mut data = ExplorerData::of(run, Vec::new());
    data.still = figures::histograms(&data.title, 1, &[run.histogram("")?])?.png;
    Ok(Explorer::new(&data)?)
}

/// Figures of a run.
pub trait RunExt {
    /// The vectors in three dimensions: the first modality blue, the second red.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if the vectors do not have three dimensions.
    fn sphere(&self, title: &str) -> Result<Figure>;

    /// The similarities, all pairs of modalities pooled, with the run's relative bias as a
    /// line, and the gap between matching and non-matching pairs if it is there.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if a similarity is not a number.
    fn histogram(&self, title: &str) -> Result<Histogram>;

    /// What moves over the epochs: loss, inverse temperature, relative bias.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if a value is not a number.
    fn evolution(&self, title: &str) -> Result<Figure>;
}

impl RunExt for Run {
    fn sphere(&self, title: &str) -> Result<Figure> {
        let modality = |m| self.embeddings().index_axis_move(Axis(0), m);
        Ok(figures::sphere(title, modality(0), modality(1))?)
    }

    fn histogram(&self, title: &str) -> Result<Histogram> {
        separation(title, self.embeddings(), self.geometry(), self.relative_bias())
    }

    fn evolution(&self, title: &str) -> Result<Figure> {
        let history = &self.history;
        let columns = [
            ("Loss", Scale::log("loss"), &history.loss),
            ("Inverse temperature", Scale::linear("t"), &history.temperature),
            ("Relative bias", Scale::linear("b_rel"), &history.relative_bias),
        ];
        let panels: Vec<Panel> = columns
            .into_iter()
            .filter(|(_, _, column)| column.iter().any(|value| *value != column[0]))
            .map(|(name, y, column)| Panel::new("epoch", y, vec![Series::history("", column)]).titled(name))
            .collect();
        Ok(figures::plot(title, panels.len(), &panels)?)
    }
}

/// The similarities of a run with an adapter as they are without it, <U, V> of the vectors
/// on the original sphere; the line is where the loss separates them there,
/// (b_rel + 1 - delta^2) / delta^2. A run without an adapter has nothing to leave out.
///
/// # Errors
/// [`crate::Error::Figure`] if a similarity is not a number.
pub fn histogram_without_adapter(title: &str, run: &Run) -> Result<Histogram> {
    let Some(delta) = run.delta() else { return run.histogram(title) };
    let relative_bias = (run.relative_bias() + 1.0 - delta * delta) / (delta * delta);
    let vectors = geometry::without_adapter(run.embeddings())?;
    separation(title, vectors.view(), Geometry::of(vectors.view())?, relative_bias)
}

fn separation(
    title: &str,
    embeddings: ArrayView3<f32>,
    geometry: Geometry,
    relative_bias: f64,
) -> Result<Histogram> {
    let similarities = Similarities::of(embeddings)?;
    let histogram = Histogram::new(title, &similarities.matching, &similarities.non_matching)?;
    Ok(histogram.threshold(relative_bias).gap(geometry.max_non_matching, geometry.min_matching))
}

/// One number of a run.
pub type Number = fn(&Run) -> f64;

/// Figures, tables and checks of several runs.
pub trait RunsExt {
    /// One number of each label, the mean over its runs, to be held against a published column.
    fn check(&self, what: &str, of: impl Fn(&Run) -> f64) -> Checks;

    /// A row for each label, with the mean of each of these numbers over its runs.
    fn table_of(&self, columns: &[(&str, Number)]) -> Table;

    /// The similarities of the runs side by side, each under its label.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if there are no runs, or a similarity is not a number.
    fn histograms(&self, title: &str, columns: usize) -> Result<Figure>;

    /// The losses over the epochs, on a logarithmic axis: a curve for each label, and where one
    /// stands for several runs their median with the range from 10 to 90 %.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if there are no runs.
    fn losses(&self, title: &str) -> Result<Figure>;

    /// A number of each run over the epochs, a curve for each; labels are not shown.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if there are no runs, or a value is not a number.
    fn curves(&self, title: &str, y: Scale, of: impl Fn(&Run) -> Vec<f64>) -> Result<Figure>;

    /// A recorded number over the epochs, a band for each label.
    ///
    /// # Errors
    /// [`crate::Error::Figure`] if there are no runs, or the number was not recorded.
    fn bands(
        &self,
        title: &str,
        y: Scale,
        spread: Spread,
        column: fn(&History) -> &Vec<f64>,
    ) -> Result<Figure>;
}

impl RunsExt for Runs {
    fn check(&self, what: &str, of: impl Fn(&Run) -> f64) -> Checks {
        let means = self.means(of).into_iter().zip(self.ensembles());
        Checks(means.map(|(mean, ensemble)| check(format!("{}: {what}", ensemble.label), mean)).collect())
    }

    fn table_of(&self, columns: &[(&str, Number)]) -> Table {
        let header: Vec<&str> = std::iter::once("").chain(columns.iter().map(|(name, _)| *name)).collect();
        self.ensembles().iter().fold(Table::new(&header), |table, ensemble| {
            let means = columns.iter().map(|(_, of)| short(mean_and_deviation(&ensemble.values(of)).0));
            let cells: Vec<String> = std::iter::once(ensemble.label.to_owned()).chain(means).collect();
            table.row(&cells)
        })
    }

    fn histograms(&self, title: &str, columns: usize) -> Result<Figure> {
        let panels = self.iter().map(|(label, run)| run.histogram(label)).collect::<Result<Vec<_>>>()?;
        Ok(figures::histograms(title, columns, &panels)?)
    }

    fn losses(&self, title: &str) -> Result<Figure> {
        let of_label = |ensemble: &Ensemble| match ensemble.runs[..] {
            [run] => Series::history(ensemble.label, &run.history.loss),
            _ => band(ensemble, Spread::Quantiles, |history| &history.loss),
        };
        let series = self.ensembles().iter().map(of_label).collect();
        Ok(figures::plot(title, 1, &[Panel::new("epoch", Scale::log("loss"), series)])?)
    }

    fn curves(&self, title: &str, y: Scale, of: impl Fn(&Run) -> Vec<f64>) -> Result<Figure> {
        let series = self.runs.iter().map(|run| Series::history("", &of(run))).collect();
        Ok(figures::plot(title, 1, &[Panel::new("epoch", y, series)])?)
    }

    fn bands(
        &self,
        title: &str,
        y: Scale,
        spread: Spread,
        column: fn(&History) -> &Vec<f64>,
    ) -> Result<Figure> {
        let series = self.ensembles().iter().map(|ensemble| band(ensemble, spread, column)).collect();
        Ok(figures::plot(title, 1, &[Panel::new("epoch", y, series)])?)
    }
}

/// A recorded number over the epochs: a panel for each label, in which each of these groups has the
/// curve of its run with that label.
///
/// # Errors
/// [`crate::Error::Figure`] if there are no runs, or the number was not recorded.
///
/// # Panics
/// If a group has no run with a label of the first.
pub fn compare_over_epochs(
    title: &str,
    y: &Scale,
    groups: &[(&str, &Runs)],
    column: fn(&History) -> &Vec<f64>,
) -> Result<Figure> {
    let labels = groups.first().map_or(&[][..], |(_, runs)| &runs.labels);
    let panel = |label: &String| {
        let curve = |(name, runs): &(&str, &Runs)| Series::history(name, column(&runs[label].history));
        Panel::new("epoch", y.clone(), groups.iter().map(curve).collect()).titled(label)
    };
    let panels: Vec<Panel> = labels.iter().map(panel).collect();
    Ok(figures::plot(title, panels.len(), &panels)?)
}

/// A recorded number at each epoch, averaged over the runs of an ensemble.
pub fn mean_over_epochs(ensemble: &Ensemble, column: fn(&History) -> &Vec<f64>) -> Vec<f64> {
    by_epoch(ensemble, column).map(|values| mean_and_deviation(&values).0).collect()
}
