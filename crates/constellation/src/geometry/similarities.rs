//! All similarities of a small set of vectors, and their extremes.

use ndarray::ArrayView3;
use rayon::prelude::*;

use super::families::{Block, Families};
use crate::error::Result;

/// All similarities of a set of vectors, for histograms. They are stored: for as many as
/// ImageNet's see [`super::LabelledGeometry`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Similarities {
    /// s_ii of every pair of modalities.
    pub matching: Vec<f32>,
    /// s_ij, i != j, of every pair of modalities.
    pub non_matching: Vec<f32>,
}

impl Similarities {
    /// The similarities of unit vectors `[modalities, pairs, dim]`, all pairs of
    /// modalities pooled.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for fewer than two modalities or two pairs.
    pub fn of(embeddings: ArrayView3<f32>) -> Result<Self> {
        let mut all = Self::default();
        for (_, families) in Families::modalities(embeddings)? {
            for block in families.blocks(split).collect::<Vec<_>>() {
                all.matching.extend(block.matching);
                all.non_matching.extend(block.non_matching);
            }
        }
        Ok(all)
    }
}

fn split(block: &Block) -> Similarities {
    let mut similarities = Similarities::default();
    for row in block.rows() {
        similarities.matching.push(row.matching());
        similarities.non_matching.extend(row.non_matching().map(|(_, s)| s));
    }
    similarities
}

/// Minimum matching and maximum non-matching similarity over all pairs of modalities.
pub(super) fn extremes(embeddings: ArrayView3<f32>) -> Result<(f64, f64)> {
    let of_block = |block: &Block| {
        block.rows().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), row| {
            let most = row.non_matching().fold(most, |most, (_, s)| most.max(s));
            (least.min(row.matching()), most)
        })
    };
    let wider = |a: (f32, f32), b: (f32, f32)| (a.0.min(b.0), a.1.max(b.1));
    let none = || (f32::INFINITY, f32::NEG_INFINITY);
    let (least, most) = Families::modalities(embeddings)?
        .into_iter()
        .map(|(_, families)| families.blocks(of_block).reduce(none, wider))
        .fold(none(), wider);
    Ok((f64::from(least), f64::from(most)))
}
