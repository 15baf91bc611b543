//! Everything that `siglip geometry` prints.

use ndarray::{ArrayView2, ArrayView3};
use serde::Serialize;

use super::constellation::Constellation;
use super::families::Families;
use super::gap::ModalityGap;
use super::labelled::LabelledGeometry;
use crate::error::Result;

/// The whole geometry of two families of vectors, as one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Similarities, margins, retrieval.
    #[serde(flatten)]
    pub geometry: LabelledGeometry,
    /// The pairs on the wrong side of the best single threshold by means: the violations
    /// of a constellation with m = 0 at b_rel = [`LabelledGeometry::midpoint_of_means`].
    pub constellation: Constellation,
    /// The gap between the two families.
    pub gap: ModalityGap,
}

/// Violations that a report lists.
const WORST: usize = 10;

impl Report {
    /// Of unit vectors: images `[n, dim]`, distinct texts `[k, dim]`, and the text
    /// `class_of[i]` of each image i.
    ///
    /// # Errors
    /// As [`LabelledGeometry::of`].
    pub fn labelled(images: ArrayView2<f32>, texts: ArrayView2<f32>, class_of: &[usize]) -> Result<Self> {
        let geometry = LabelledGeometry::of(images, texts, class_of)?;
        let bounds = (0.0, geometry.midpoint_of_means);
        let constellation = Constellation::check_labelled(images, texts, class_of, bounds, WORST)?;
        Ok(Self { geometry, constellation, gap: ModalityGap::of(images, texts, class_of, 1)? })
    }

    /// One for each pair of modalities (0, 1), (0, 2), ... of a run's vectors
    /// `[modalities, pairs, dim]`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for fewer than two modalities or two pairs, or vectors
    /// that are no unit vectors.
    pub fn of_modalities(embeddings: ArrayView3<f32>) -> Result<Vec<Self>> {
        let order: Vec<usize> = (0..embeddings.dim().1).collect();
        let pairs = Families::modalities(embeddings)?.into_iter();
        pairs.map(|(_, families)| Self::labelled(families.rows, families.columns, &order)).collect()
    }
}
