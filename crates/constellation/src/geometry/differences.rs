//! How far the differences U_i - V_i of pairs are from being one and the same vector: the study's xi,
//! in the two forms that its paper and its code have.

use ndarray::{Array2, ArrayView2, Axis};

/// The xi of Proposition 6 (arXiv 2509.18552, NeurIPS version): mean_i ||x_i||^2 - ||mean_i x_i||^2 of the
/// differences x_i = U_i - V_i of two `[pairs, dim]` families: their variance. Zero exactly when all
/// differences are the same vector.
pub fn xi_of_squares(u: ArrayView2<f32>, v: ArrayView2<f32>) -> f64 {
    let mut differences = differences(u, v);
    // About the mean, so that nothing cancels.
    let mean = differences.mean_axis(Axis(0)).expect("one pair or more");
    differences -= &mean;
    differences.iter().map(|x| x * x).sum::<f64>() / differences.nrows() as f64
}

/// The xi of the study's notebook, with norms in place of their squares: mean_i ||x_i|| - ||mean_i x_i||.
/// Zero exactly when all differences point in one direction, whatever their lengths.
pub fn xi_of_norms(u: ArrayView2<f32>, v: ArrayView2<f32>) -> f64 {
    let differences = differences(u, v);
    let pairs = differences.nrows() as f64;
    let lengths: f64 = differences.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum();
    let sum = differences.sum_axis(Axis(0));
    lengths / pairs - sum.dot(&sum).sqrt() / pairs
}

fn differences(u: ArrayView2<f32>, v: ArrayView2<f32>) -> Array2<f64> {
    (&u - &v).mapv(f64::from)
}

#[cfg(test)]
mod tests {
    use ndarray::{array, concatenate};
    use proptest::prelude::*;

    use super::*;
    use crate::points::random_points;

    #[test]
    fn norms_do_not_tell_lengths_apart_and_squares_do() {
        let u = array![[0.0f32, 0.0], [0.0, 0.0]];
        let [same, longer, turned] =
            [[[1.0f32, 0.0], [1.0, 0.0]], [[1.0, 0.0], [3.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]];
        let of = |v: [[f32; 2]; 2]| {
            let v = ndarray::arr2(&v);
            (xi_of_norms(u.view(), v.view()), xi_of_squares(u.view(), v.view()))
        };
        assert_eq!(of(same), (0.0, 0.0));
        assert_eq!(of(longer), (0.0, 1.0));
        let (norms, squares) = of(turned);
        assert!((norms - (1.0 - 0.5f64.sqrt())).abs() < 1e-12 && (squares - 0.5).abs() < 1e-12);
    }

    proptest! {
        /// The definition, and that a turn and a doubling of the pairs change nothing.
        #[test]
        fn squares_are_the_definition(pairs in 1usize..20, dim in 1usize..6, seed in 0u64..100) {
            let points = random_points(2 * pairs, dim, seed);
            let (u, v) = points.view().split_at(Axis(0), pairs);
            let xi = xi_of_squares(u, v);
            let x = differences(u, v);
            let mean = x.mean_axis(Axis(0)).unwrap();
            let plain = x.iter().map(|x| x * x).sum::<f64>() / pairs as f64 - mean.dot(&mean);
            prop_assert!((xi - plain).abs() < 1e-9 * plain.max(1.0), "{xi}, not {plain}");
            prop_assert!(xi >= 0.0 && xi_of_norms(u, v) >= -1e-12);
            let twice = |points: ArrayView2<f32>| concatenate(Axis(0), &[points, points]).unwrap();
            prop_assert!((xi_of_squares(twice(u).view(), twice(v).view()) - xi).abs() < 1e-9 * xi.max(1.0));
        }
    }
}
