//! What the paper's statements (arXiv 2509.18552, numbers of the NeurIPS version) say of given vectors,
//! as numbers that can be put beside what the vectors do.

use ndarray::{ArrayView2, ArrayView3, Axis};

use super::similarities::Similarities;
use crate::loss::softplus;

impl Similarities {
    /// The exact mean loss of these similarities at inverse temperature `t` and `relative_bias`.
    pub fn exact_loss(&self, t: f64, relative_bias: f64) -> f64 {
        let signed = self.signed(relative_bias);
        let count = (self.matching.len() + self.non_matching.len()) as f64;
        signed.map(|distance| softplus(-t * distance)).sum::<f64>() / count
    }

    /// -ln(N^2 loss) / t of the exact loss at inverse temperature `t` and `relative_bias`, for any t: the
    /// loss is summed by its logarithm. Theorem 3.2: as t grows it tends to the margin at `relative_bias`.
    pub fn loss_rate(&self, t: f64, relative_bias: f64) -> f64 {
        // Beyond this ln log(1 + e^x) is x in float64.
        let logarithm = |x: f64| if x < -40.0 { x } else { softplus(x).ln() };
        let least = self.signed(relative_bias).fold(f64::INFINITY, f64::min);
        let largest = logarithm(-t * least);
        let sum: f64 = self.signed(relative_bias).map(|d| (logarithm(-t * d) - largest).exp()).sum();
        -(largest + sum.ln()) / t
    }

    /// How far each similarity lies on its own side of `relative_bias`.
    fn signed(&self, relative_bias: f64) -> impl Iterator<Item = f64> {
        let matching = self.matching.iter().map(move |&s| f64::from(s) - relative_bias);
        matching.chain(self.non_matching.iter().map(move |&s| relative_bias - f64::from(s)))
    }
}

/// How many U_i have another than their own V_i as the most similar one, of the first two
/// modalities of unit vectors `[modalities, pairs, dim]`.
///
/// Each has a term of the loss of at least log 2, either its own or that of the other one. So there are
/// at most N^2 loss / log 2 of them, at any temperature and bias (Proposition 1).
pub fn retrieval_failures(embeddings: ArrayView3<f32>) -> usize {
    let (u, v) = first_two(embeddings);
    let similarities = u.dot(&v.t());
    let is_failure = |i: usize| {
        let row = similarities.row(i);
        row.iter().enumerate().any(|(j, &s)| j != i && s >= row[i])
    };
    (0..u.nrows()).filter(|&i| is_failure(i)).count()
}

/// The mean of max(0, ||U_i - V_i||^2 - ||U_i - V_j||^2 + alpha) over i != j, of the first two
/// modalities of unit vectors `[modalities, pairs, dim]`. It is 0 up to alpha = 4 m on a constellation of margin m (Observation 4).
pub fn triplet_loss(embeddings: ArrayView3<f32>, alpha: f64) -> f64 {
    let (u, v) = first_two(embeddings);
    let similarities = u.dot(&v.t()).mapv(f64::from);
    let pairs = u.nrows();
    let terms = similarities.indexed_iter().filter(|((i, j), _)| i != j);
    let sum: f64 = terms.map(|((i, _), s)| (alpha - 2.0 * (similarities[[i, i]] - s)).max(0.0)).sum();
    sum / (pairs * (pairs - 1)) as f64
}

fn first_two<'a>(embeddings: ArrayView3<'a, f32>) -> (ArrayView2<'a, f32>, ArrayView2<'a, f32>) {
    let family = |modality| embeddings.clone().index_axis_move(Axis(0), modality);
    (family(0), family(1))
}

#[cfg(feature = "separation")]
pub use direction::SeparatingDirection;

#[cfg(feature = "separation")]
mod direction {
    use ndarray::{Array2, ArrayView3};
    use serde::Serialize;

    use crate::error::Result;
    use crate::geometry::{Separation, Verdict};

    /// Theorem 3.6, the modality gap: if N >= d + 2, all s_ii > 0 and all s_ij < 0, i != j, some h has
    /// <h, U_i> > 0 for all i, and <h, V_j> < 0 for at least N - d of the j. The h here is the
    /// point of least norm of the convex hull of U, of length 1.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize)]
    pub struct SeparatingDirection {
        /// Whether the theorem's condition holds.
        pub is_guaranteed: bool,
        /// The least <h, U_i>; 0 if the hull contains the origin up to rounding, so that there is no h.
        pub least_of_u: f64,
        /// How many V_j have <h, V_j> < 0.
        pub negative_of_v: usize,
    }

    impl SeparatingDirection {
        /// Of the first two modalities of unit vectors `[modalities, pairs, dim]`.
        ///
        /// # Errors
        /// As [`Separation::of`].
        pub fn of(embeddings: ArrayView3<f32>) -> Result<Self> {
            let (u, v) = super::first_two(embeddings);
            let (pairs, dim) = u.dim();
            let similarities = u.dot(&v.t());
            let is_on_its_side =
                similarities.indexed_iter().all(|((i, j), &s)| if i == j { s > 0.0 } else { s < 0.0 });
            let is_guaranteed = pairs >= dim + 2 && is_on_its_side;
            let origin = Array2::zeros((1, dim));
            let separation = Separation::of(u, origin.view())?;
            if separation.verdict != Verdict::Separable {
                return Ok(Self { is_guaranteed, least_of_u: 0.0, negative_of_v: 0 });
            }
            // From the hull to the origin: away from U.
            let normal = separation.hyperplane.normal;
            let length = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
            let along = |row: ndarray::ArrayView1<f32>| {
                -row.iter().zip(&normal).map(|(&x, n)| f64::from(x) * n).sum::<f64>() / length
            };
            let least_of_u = u.rows().into_iter().map(along).fold(f64::INFINITY, f64::min);
            let negative_of_v = v.rows().into_iter().filter(|row| along(*row) < 0.0).count();
            Ok(Self { is_guaranteed, least_of_u, negative_of_v })
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;
    use crate::Geometry;
    use crate::geometry::theory;

    /// A constellation, and the code that it is of.
    fn constellation(pairs: usize, dim: usize, seed: u64, relative_bias: f64) -> Array3<f32> {
        let code = theory::spread_code(pairs, dim, seed).unwrap();
        theory::construct(2, code.view(), relative_bias).unwrap()
    }

    #[test]
    fn the_rate_tends_to_the_margin_and_is_the_losss_own() {
        let vectors = constellation(9, 3, 1, 0.1);
        let similarities = Similarities::of(vectors.view()).unwrap();
        let margin = Geometry::of(vectors.view()).unwrap().margin();
        let b = Geometry::of(vectors.view()).unwrap().optimal_relative_bias();
        for t in [1.0, 10.0, 100.0] {
            let plain = -(81.0 * similarities.exact_loss(t, b)).ln() / t;
            assert!((similarities.loss_rate(t, b) - plain).abs() < 1e-9, "t = {t}");
        }
        // The distance is ln(number of worst pairs) / t.
        for t in [1e3, 1e4, 1e5, 1e8] {
            let distance = margin - similarities.loss_rate(t, b);
            assert!(distance >= -1e-9 && distance <= 81f64.ln() / t + 1e-9, "t = {t}: {distance}");
        }
    }

    #[test]
    fn the_triplet_loss_is_zero_up_to_four_margins() {
        let vectors = constellation(7, 3, 2, 0.0);
        let margin = Geometry::of(vectors.view()).unwrap().margin();
        assert_eq!(triplet_loss(vectors.view(), 3.999 * margin), 0.0);
        assert!(triplet_loss(vectors.view(), 4.1 * margin) > 0.0);
    }

    proptest! {
        #[test]
        fn the_loss_bounds_retrieval_failures(
            pairs in 2usize..9, dim in 1usize..4, seed in 0u64..500, t in 0.1f64..100.0, b in -1.0f64..1.0,
        ) {
            let start = crate::Experiment { pairs, dim, seed, ..Default::default() };
            let vectors = crate::points::initial_vectors(&start);
            let loss = Similarities::of(vectors.view()).unwrap().exact_loss(t, b);
            let most = (pairs * pairs) as f64 * loss / 2f64.ln();
            let failures = retrieval_failures(vectors.view());
            prop_assert!(failures as f64 <= most + 1e-6, "{failures} > {most}");
        }
    }

    #[cfg(feature = "separation")]
    #[test]
    fn a_direction_separates_where_the_theorem_says_so() {
        let near_zero = constellation(12, 3, 3, 0.0);
        let direction = SeparatingDirection::of(near_zero.view()).unwrap();
        assert!(direction.is_guaranteed && direction.least_of_u > 0.0, "{direction:?}");
        assert!(direction.negative_of_v >= 12 - 4, "{direction:?}");
        // Both families the same code around the sphere: no hyperplane has one of them on one side.
        let together = constellation(12, 3, 3, 0.9);
        let direction = SeparatingDirection::of(together.view()).unwrap();
        assert!(!direction.is_guaranteed && direction.least_of_u < 1e-5, "{direction:?}");
    }
}
