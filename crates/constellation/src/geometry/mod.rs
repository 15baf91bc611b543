//! What the final vectors look like: margin, constellation, modality gap.
//!
//! Synthetic and pretrained vectors meet here: nothing in this module knows where
//! its vectors came from.

mod codes;
mod constellation;
mod distribution;
mod families;
mod gap;
mod hyperplane;
mod labelled;
mod perceptron;
mod report;
mod separation;
mod similarities;
pub mod theory;

pub use constellation::{Certificate, Constellation, Violation};
pub use distribution::{Distribution, Quantile, RESOLUTION};
pub use gap::{MeanDistances, ModalityGap, xi};
pub use hyperplane::{Hyperplane, Misclassified};
pub use labelled::{LabelledGeometry, Retrieval};
pub use perceptron::{Perceptron, PerceptronSettings};
pub use report::Report;
pub use separation::{Separation, Verdict};
pub use similarities::Similarities;

use ndarray::{Array3, ArrayView3, s};

use crate::Result;

/// The two extreme similarities of a set of vectors, and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Geometry {
    /// min_i s_ii: the least similar matching pair.
    pub min_matching: f64,
    /// max_{i != j} s_ij: the most similar non-matching pair.
    pub max_non_matching: f64,
}

impl Geometry {
    /// The geometry of unit vectors `[modalities, pairs, dim]`, over all pairs of modalities.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for fewer than two modalities or two pairs.
    pub fn of(embeddings: ArrayView3<f32>) -> Result<Self> {
        let (min_matching, max_non_matching) = similarities::extremes(embeddings)?;
        Ok(Self { min_matching, max_non_matching })
    }

    /// The margin m = (min_i s_ii - max_{i != j} s_ij) / 2.
    pub fn margin(&self) -> f64 {
        (self.min_matching - self.max_non_matching) / 2.0
    }

    /// The relative bias (min_i s_ii + max_{i != j} s_ij) / 2, at which that margin is reached.
    pub fn optimal_relative_bias(&self) -> f64 {
        (self.min_matching + self.max_non_matching) / 2.0
    }

    /// The largest m for which the vectors are an (m, `relative_bias`)-constellation: at
    /// most the margin, and negative where a pair is on the wrong side.
    pub fn margin_at(&self, relative_bias: f64) -> f64 {
        (self.min_matching - relative_bias).min(relative_bias - self.max_non_matching)
    }

    /// Whether the vectors are an (m, b_rel)-constellation: s_ii >= b_rel + m for all i
    /// and s_ij <= b_rel - m for all i != j.
    pub fn is_constellation(&self, margin: f64, relative_bias: f64) -> bool {
        self.min_matching >= relative_bias + margin && self.max_non_matching <= relative_bias - margin
    }
}

/// The vectors of two modalities `[2, pairs, dim + 1]` without an adapter's last
/// coordinate, on the sphere of `dim` again: <delta U, delta V> / delta^2 = <U, V>.
///
/// # Errors
/// [`crate::Error::Input`] if there is no coordinate to leave out.
pub fn without_adapter(embeddings: ArrayView3<f32>) -> Result<Array3<f32>> {
    let dim = embeddings.dim().2;
    if dim < 2 {
        return Err(crate::Error::Input {
            what: "embeddings with an adapter",
            got: format!("{:?}", embeddings.shape()),
            expected: "[2, pairs, dim + 1]".to_owned(),
        });
    }
    let mut vectors = embeddings.slice(s![.., .., ..dim - 1]).to_owned();
    for mut row in vectors.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    Ok(vectors)
}
