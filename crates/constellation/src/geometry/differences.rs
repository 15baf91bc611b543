//! How far the differences U_i - V_i of pairs are from being one and the same vector: the study's xi,
//! in the form of its notebook and in that of its paper.

use ndarray::{ArrayView2, Axis};

/// xi with norms: mean_i ||x_i|| - ||mean_i x_i|| of the differences x_i = U_i - V_i of two
/// `[pairs, dim]` families, as the study's notebook of synthetic runs computes it.
///
/// Not negative, and zero exactly when all differences are nonnegative multiples of one vector;
/// they need not be the same, for which see [`xi_of_squares`].
pub fn xi(u: ArrayView2<f32>, v: ArrayView2<f32>) -> f64 {
    let difference = (&u - &v).mapv(f64::from);
    let pairs = difference.nrows() as f64;
    let lengths: f64 = difference.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum();
    let sum = difference.sum_axis(Axis(0));
    lengths / pairs - sum.dot(&sum).sqrt() / pairs
}

/// xi with squares, the paper's (Proposition 6 of the camera-ready version of arXiv 2509.18552):
/// mean_i ||x_i||^2 - ||mean_i x_i||^2 of the differences x_i = U_i - V_i of two `[pairs, dim]`
/// families, that is their variance. Zero exactly when all differences are the same vector.
pub fn xi_of_squares(u: ArrayView2<f32>, v: ArrayView2<f32>) -> f64 {
    let difference = u.mapv(f64::from) - v.mapv(f64::from);
    let pairs = difference.nrows() as f64;
    let mean = difference.sum_axis(Axis(0)) / pairs;
    // The form without cancellation: the mean of ||x_i - mean x||^2.
    difference.rows().into_iter().map(|row| (&row - &mean).mapv(|x| x * x).sum()).sum::<f64>() / pairs
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::points::random_points;

    #[test]
    fn only_xi_of_squares_tells_equal_differences_from_parallel_ones() {
        // Differences (0, 1.2) and (0, 2): multiples of one vector, and not the same.
        let (u, v) = (array![[0.8f32, 0.6], [0.0, 1.0]], array![[0.8f32, -0.6], [0.0, -1.0]]);
        assert!(xi(u.view(), v.view()).abs() < 1e-7);
        assert!((xi_of_squares(u.view(), v.view()) - 0.16).abs() < 1e-6);
        let u = array![[0.8f32, 0.6], [-0.8, 0.6]];
        let v = &u * &array![[1.0, -1.0]];
        assert!(xi(u.view(), v.view()).abs() < 1e-7 && xi_of_squares(u.view(), v.view()) < 1e-12);
    }

    #[cfg(feature = "separation")]
    #[test]
    fn xi_of_squares_is_the_difference_of_the_studys_numbers() {
        let (u, v): (Array2<f32>, Array2<f32>) = (random_points(30, 4, 1), random_points(30, 4, 2));
        let order: Vec<usize> = (0..30).collect();
        let distances = crate::geometry::MeanDistances::of(u.view(), v.view(), &order);
        let expected = distances.matching - distances.centroids;
        assert!((xi_of_squares(u.view(), v.view()) - expected).abs() < 1e-9);
    }
}
