//! Whether each vector finds its own among the others: one partner, or several documents.

use ndarray::{ArrayView2, ArrayView3};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Geometry;
use super::families::{Block, Families};
use crate::error::{Error, Result};
use crate::subsets::Subsets;

/// How well queries tell the documents that match them from the others. With one threshold for all
/// queries that is the margin of [`SubsetRetrieval::geometry`]; a query that only orders its documents needs
/// none, and for it the margin by rows counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SubsetRetrieval {
    /// The least similar matching and the most similar other pair of all.
    #[serde(flatten)]
    pub geometry: Geometry,
    /// Half the difference between a query's least similar matching and most similar other document,
    /// the least of all queries.
    pub row_margin: f64,
    /// Share of the queries whose k most similar documents are their own.
    pub accuracy: f64,
}

impl SubsetRetrieval {
    /// Queries `[queries, dim]`, one for each subset of `positives` of the documents `[documents, dim]`
    /// in the order of [`Subsets`].
    ///
    /// # Errors
    /// [`Error::Input`] if the numbers do not fit.
    pub fn of(queries: ArrayView2<f32>, documents: ArrayView2<f32>, positives: usize) -> Result<Self> {
        let subsets = Subsets { documents: documents.nrows(), size: positives };
        let fits = (1..documents.nrows()).contains(&positives)
            && subsets.count() == Some(queries.nrows())
            && queries.ncols() == documents.ncols();
        if !fits {
            return Err(Error::Input {
                what: "queries of subsets of documents",
                got: format!("{:?} and {:?}, {positives} positives", queries.shape(), documents.shape()),
                expected: "a query of the documents' dimension for each subset, smaller than all".to_owned(),
            });
        }
        let (mut least, mut most, mut row_margin) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        let mut found = 0;
        for (query, own) in queries.rows().into_iter().zip(subsets.flat().chunks(positives)) {
            let (mut matching, mut other) = (f64::INFINITY, f64::NEG_INFINITY);
            for (j, document) in documents.rows().into_iter().enumerate() {
                let s = f64::from(query.dot(&document));
                if own.contains(&j) { matching = matching.min(s) } else { other = other.max(s) }
            }
            (least, most) = (least.min(matching), most.max(other));
            row_margin = row_margin.min((matching - other) / 2.0);
            found += usize::from(matching > other);
        }
        let geometry = Geometry { min_matching: least, max_non_matching: most };
        Ok(Self { geometry, row_margin, accuracy: found as f64 / queries.nrows() as f64 })
    }
}

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
    fn rows_may_be_told_apart_where_one_threshold_does_not() {
        let documents = array![[1.0f32, 0.0], [0.0, 1.0], [-1.0, 0.0]];
        // Queries of {0, 1}, {0, 2} and {1, 2}; the second has its documents at 0.6 and -0.6.
        let queries = array![[0.6f32, 0.8], [0.6, -0.8], [-0.6, 0.8]];
        let retrieval = SubsetRetrieval::of(queries.view(), documents.view(), 2).unwrap();
        assert!((retrieval.geometry.min_matching + 0.6).abs() < 1e-6);
        assert!((retrieval.geometry.max_non_matching + 0.6).abs() < 1e-6);
        assert!((retrieval.row_margin - 0.1).abs() < 1e-6);
        assert_eq!(retrieval.accuracy, 1.0);
        for wrong in [0, 3] {
            assert!(
                SubsetRetrieval::of(queries.view(), documents.view(), wrong).is_err(),
                "{wrong} positives"
            );
        }
    }

    #[test]
    fn a_row_fails_if_another_is_as_similar() {
        let vectors = array![[[1.0f32, 0.0], [0.0, 1.0], [-1.0, 0.0]], [[0.8, 0.6], [0.8, 0.6], [-1.0, 0.0]]];
        assert_eq!(retrieval_failures(vectors.view()).unwrap(), 2);
    }
}
