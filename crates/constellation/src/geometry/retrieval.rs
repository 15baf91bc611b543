//! Rows whose nearest vector is not their partner.

use ndarray::ArrayView3;
use rayon::prelude::*;

use super::families::{Block, Families};
use crate::error::Result;

/// How many rows U_i of the first modality have a V_j, j != i, of the second that is at least as
/// similar as their partner V_i, of unit vectors `[modalities, pairs, dim]`.
///
/// At most N^2 loss / log 2 for the exact loss at any t and b (Proposition 1 of arXiv 2509.18552): of the
/// two terms of such a pair one is log 2 or more.
///
/// # Errors
/// [`crate::Error::Input`] for fewer than two modalities or two pairs.
pub fn retrieval_failures(embeddings: ArrayView3<f32>) -> Result<usize> {
    let of_block = |block: &Block| {
        block.rows().filter(|row| row.non_matching().any(|(_, s)| s >= row.matching())).count()
    };
    let families = Families::modalities(embeddings)?;
    Ok(families.into_iter().take(1).map(|(_, families)| families.blocks(of_block).sum::<usize>()).sum())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_row_fails_if_another_is_as_similar() {
        let vectors = array![[[1.0f32, 0.0], [0.0, 1.0], [-1.0, 0.0]], [[0.8, 0.6], [0.8, 0.6], [-1.0, 0.0]]];
        assert_eq!(retrieval_failures(vectors.view()).unwrap(), 2);
    }
}
