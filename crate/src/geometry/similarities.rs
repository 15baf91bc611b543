//! Similarities of all pairs, in blocks of rows: the whole matrix is never stored.

use ndarray::{ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use crate::{Error, Result};

/// All similarities of a set of vectors, for histograms.
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
    /// [`Error::Shape`] for fewer than two modalities or two pairs.
    pub fn of(embeddings: ArrayView3<f32>) -> Result<Self> {
        let mut all = Self::default();
        for (u, v) in modality_pairs(embeddings)? {
            for block in blocks(u, v, split) {
                all.matching.extend(block.matching);
                all.non_matching.extend(block.non_matching);
            }
        }
        Ok(all)
    }
}

fn split(first_row: usize, block: ArrayView2<f32>) -> Similarities {
    let mut similarities = Similarities::default();
    for (i, row) in block.outer_iter().enumerate() {
        for (j, &s) in row.iter().enumerate() {
            let side = match j == first_row + i {
                true => &mut similarities.matching,
                false => &mut similarities.non_matching,
            };
            side.push(s);
        }
    }
    similarities
}

/// Minimum matching and maximum non-matching similarity over all pairs of modalities.
pub(super) fn extremes(embeddings: ArrayView3<f32>) -> Result<(f64, f64)> {
    let mut extremes = (f64::INFINITY, f64::NEG_INFINITY);
    for (u, v) in modality_pairs(embeddings)? {
        let of_block = |first_row: usize, block: ArrayView2<f32>| {
            let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
            for (i, row) in block.outer_iter().enumerate() {
                let partner = first_row + i;
                least = least.min(row[partner]);
                let others = row.iter().take(partner).chain(row.iter().skip(partner + 1));
                most = others.fold(most, |most, &s| most.max(s));
            }
            (f64::from(least), f64::from(most))
        };
        for (least, most) in blocks(u, v, of_block) {
            extremes = (extremes.0.min(least), extremes.1.max(most));
        }
    }
    Ok(extremes)
}

/// The views of every unordered pair of modalities.
pub(super) fn modality_pairs(
    embeddings: ArrayView3<'_, f32>,
) -> Result<Vec<(ArrayView2<'_, f32>, ArrayView2<'_, f32>)>> {
    let (modalities, pairs, _) = embeddings.dim();
    if modalities < 2 || pairs < 2 {
        return Err(Error::Shape {
            what: "embeddings",
            got: format!("{:?}", embeddings.shape()),
            expected: "[modalities, pairs, dim] with two modalities and two pairs or more".to_owned(),
        });
    }
    let modality = |m| embeddings.index_axis_move(Axis(0), m);
    Ok((0..modalities)
        .flat_map(|a| (a + 1..modalities).map(move |b| (a, b)))
        .map(|(a, b)| (modality(a), modality(b)))
        .collect())
}

/// Applies `work` to the similarities of each block of rows with all columns, on all
/// cores; the results come in the order of the blocks. `work` is told its first row.
pub(super) fn blocks<T: Send>(
    rows: ArrayView2<f32>,
    columns: ArrayView2<f32>,
    work: impl Fn(usize, ArrayView2<f32>) -> T + Sync,
) -> Vec<T> {
    const NUMBERS: usize = 1 << 20; // 4 MiB of similarities a block
    let height = (NUMBERS / columns.nrows().max(1)).clamp(1, 512);
    let first_rows: Vec<usize> = (0..rows.nrows()).step_by(height).collect();
    let of_block = |&first: &usize| {
        let last = (first + height).min(rows.nrows());
        work(first, rows.slice(s![first..last, ..]).dot(&columns.t()).view())
    };
    first_rows.par_iter().map(of_block).collect()
}
