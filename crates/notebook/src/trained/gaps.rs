//! The modality gap against the relative bias.

use constellation::geometry::{ModalityGap, Verdict, theory};
use constellation::numbers::{mean_and_deviation, short};
use constellation::{Ensemble, Run, Runs};
use figures::{Colour, Figure, Panel, Series};
use ndarray::{Array2, ArrayView3, Axis};
use rayon::prelude::*;

use crate::error::Result;
use crate::spread::Spread;
use crate::table::Table;

/// A setting, where its gap belongs on the axis of b_rel, and its gap from each seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaps {
    /// What distinguishes the setting.
    pub label: String,
    /// The best relative bias of each run.
    pub relative_bias: Vec<f64>,
    /// The gap of each run.
    pub gaps: Vec<ModalityGap>,
}

impl Gaps {
    /// Of each label, between the first two modalities of each of its runs.
    ///
    /// # Errors
    /// As [`ModalityGap::of`].
    pub fn of(runs: &Runs) -> Result<Vec<Self>> {
        runs.ensembles().iter().map(Self::of_ensemble).collect()
    }

    fn of_ensemble(ensemble: &Ensemble) -> Result<Self> {
        let gap = |run: &&Run| gap_of_pairs(run.embeddings());
        Ok(Self {
            label: ensemble.label.to_owned(),
            relative_bias: ensemble.values(|run| run.geometry().optimal_relative_bias()),
            gaps: ensemble.runs.par_iter().map(gap).collect::<Result<_>>()?,
        })
    }

    /// One number of each run.
    pub fn values(&self, of: impl Fn(&ModalityGap) -> f64) -> Vec<f64> {
        self.gaps.iter().map(of).collect()
    }

    /// How many runs have the two families on two sides of a hyperplane.
    pub fn separable(&self) -> usize {
        self.gaps.iter().filter(|gap| gap.separation.verdict == Verdict::Separable).count()
    }
}

fn gap_of_pairs(embeddings: ArrayView3<f32>) -> Result<ModalityGap> {
    let order: Vec<usize> = (0..embeddings.dim().1).collect();
    let modality = |m| embeddings.index_axis_move(Axis(0), m);
    Ok(ModalityGap::of(modality(0), modality(1), &order, 1)?)
}

/// The modality gap of each setting, mean ± standard deviation over its runs.
pub fn table_of_gaps(settings: &[Gaps]) -> Table {
    let header = ["setting", "best b_rel", "separable", "largest margin", "distance of the centroids"];
    settings.iter().fold(Table::new(&header), |table, setting| {
        let cell = |values: &[f64]| match mean_and_deviation(values) {
            (mean, _) if values.len() == 1 => short(mean),
            (mean, deviation) => format!("{} ± {}", short(mean), short(deviation)),
        };
        table.row(&[
            setting.label.clone(),
            cell(&setting.relative_bias),
            format!("{} of {}", setting.separable(), setting.gaps.len()),
            cell(&setting.values(margin)),
            cell(&setting.values(|gap| gap.centroid_distance)),
        ])
    })
}

fn margin(gap: &ModalityGap) -> f64 {
    gap.separation.margin_at_least
}

/// The gap against the relative bias: `fixed[k]` at `values[k]` with its spread over the
/// seeds, the runs of `trained` as a dot each, and the construction of two parallel copies
/// of `code` `[pairs, dim]`.
///
/// # Errors
/// [`crate::Error::Figure`] if there is nothing to draw.
pub fn gaps_over_bias(
    title: &str,
    values: &[f64],
    fixed: &[Gaps],
    trained: &[Gaps],
    code: &Array2<f64>,
) -> Result<Figure> {
    let (biases, constructed) = constructions(values, code)?;
    let panel = |quantity: &str, of: fn(&ModalityGap) -> f64| {
        let [low, middle, high] = Spread::Deviation.columns(fixed.iter().map(|gaps| gaps.values(of)));
        let theory: Vec<f64> = constructed.iter().map(of).collect();
        let mut series = vec![
            Series::connected("b_rel fixed", values, &middle).within(&low, &high),
            Series::dashed("construction", &biases, &theory).coloured(Colour::THEORY),
        ];
        let points = |gaps: &Gaps| Series::points(&gaps.label, &gaps.relative_bias, &gaps.values(of));
        series.extend(trained.iter().map(points));
        Panel::new("b_rel", quantity, series)
    };
    let panels = [
        panel("margin of the best hyperplane", margin),
        panel("distance of the centroids", |gap| gap.centroid_distance),
    ];
    Ok(figures::plot(title, 2, &panels)?)
}

/// Relative biases over the range of `values`, and the gap of the construction at each.
fn constructions(values: &[f64], code: &Array2<f64>) -> Result<(Vec<f64>, Vec<ModalityGap>)> {
    const STEPS: usize = 60;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let biases: Vec<f64> = (0..=STEPS).map(|k| low + (high - low) * k as f64 / STEPS as f64).collect();
    let gap = |&b_rel: &f64| gap_of_pairs(theory::construct(code.view(), 2, b_rel)?.view());
    let gaps = biases.par_iter().map(gap).collect::<Result<_>>()?;
    Ok((biases, gaps))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two parallel copies of a code, (delta x, ± sqrt(1 - delta^2)) with the code's hull
    /// around 0, are 2 sqrt(1 - delta^2) apart wherever one measures.
    #[test]
    fn the_gap_of_the_construction_is_its_offset() {
        let simplex = theory::spread_code(4, 3, 1).unwrap();
        let c = theory::largest_cosine(simplex.view());
        for b_rel in [-0.9, -0.5, 0.0, 0.3] {
            let gap = gap_of_pairs(theory::construct(simplex.view(), 2, b_rel).unwrap().view()).unwrap();
            let delta2 = (2.0 * (1.0 + b_rel) / (3.0 + c)).min(1.0);
            let offset = (1.0 - delta2).sqrt();
            assert!((margin(&gap) - offset).abs() < 1e-3, "b_rel {b_rel}: {} and {offset}", margin(&gap));
            assert!((gap.centroid_distance - 2.0 * offset).abs() < 1e-2, "b_rel {b_rel}");
        }
    }
}
