//! The direction that Theorem 3.6 separates the modalities with.

use ndarray::{Array1, Array2, ArrayView2};

use super::separation::Separation;
use crate::error::Result;

/// h, the point of least norm of the convex hull of U, and on which sides of its hyperplane through
/// the origin the vectors lie.
///
/// Theorem 3.6 of arXiv 2509.18552: for N >= d + 2 pairs with all s_ii > 0 and all s_ij < 0,
/// <h, U_i> > 0 for all i and <h, V_j> < 0 for at least N - d of the j. (h is a combination of at
/// most d of the U_i, and has a negative inner product with the partner of every other.)
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// h; its length is 0 if the hull contains the origin.
    pub h: Vec<f64>,
    /// How many U_i have <h, U_i> > 0.
    pub positive: usize,
    /// How many V_j have <h, V_j> < 0.
    pub negative: usize,
}

impl Direction {
    /// Of two `[pairs, dim]` families.
    ///
    /// # Errors
    /// As [`Separation::of`].
    pub fn of(u: ArrayView2<f32>, v: ArrayView2<f32>) -> Result<Self> {
        // The nearest points of the hull and of the origin, as a cloud of one point.
        let origin = Array2::<f32>::zeros((1, u.ncols()));
        let separation = Separation::of(u, origin.view())?;
        let [weights, _] = &separation.nearest;
        let h = weights.iter().fold(Array1::<f64>::zeros(u.ncols()), |h, &(row, weight)| {
            h + u.row(row).mapv(f64::from) * weight
        });
        let count = |family: ArrayView2<f32>, sign: f64| {
            family.rows().into_iter().filter(|row| sign * row.mapv(f64::from).dot(&h) > 0.0).count()
        };
        Ok(Self { positive: count(u, 1.0), negative: count(v, -1.0), h: h.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;
    use crate::{Experiment, Geometry};

    #[test]
    fn the_theorem_holds_of_trained_vectors() {
        for seed in 1..6 {
            let run = Experiment { pairs: 12, dim: 4, epochs: 3000, seed, ..Experiment::default() };
            let run = run.train().unwrap();
            let Geometry { min_matching, max_non_matching } = run.geometry();
            assert!(min_matching > 0.0 && max_non_matching < 0.0, "the theorem's condition");
            let modality = |m| run.embeddings().index_axis_move(Axis(0), m);
            let direction = Direction::of(modality(0), modality(1)).unwrap();
            assert_eq!(direction.positive, 12);
            assert!(direction.negative >= 12 - 4, "{}", direction.negative);
        }
    }

    #[test]
    fn h_is_the_nearest_point_of_the_hull() {
        let u = array![[0.6f32, 0.8], [0.6, -0.8], [1.0, 0.0]];
        let direction = Direction::of(u.view(), u.view()).unwrap();
        assert!((direction.h[0] - 0.6).abs() < 1e-6 && direction.h[1].abs() < 1e-6);
        assert_eq!((direction.positive, direction.negative), (3, 0));
    }
}
