//! The margin, and where it is reached.

use ndarray::ArrayView3;

use super::similarities;
use crate::error::Result;

/// The two extreme similarities of a set of vectors, and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
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
}
