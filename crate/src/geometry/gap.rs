//! The modality gap: how far the two families of vectors lie apart.

use ndarray::{ArrayView2, Axis};

/// The study's xi of a synthetic run: mean_i ||U_i - V_i|| - ||mean_i (U_i - V_i)||, of
/// two `[pairs, dim]` families. Zero exactly when all differences are the same vector.
pub fn xi(u: ArrayView2<f32>, v: ArrayView2<f32>) -> f64 {
    let difference = (&u - &v).mapv(f64::from);
    let pairs = difference.nrows() as f64;
    let lengths: f64 = difference.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum();
    let sum = difference.sum_axis(Axis(0));
    lengths / pairs - sum.dot(&sum).sqrt() / pairs
}

/// The three numbers that the study records of trained models (squared norms, unlike [`xi`]).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct MeanDistances {
    /// mean_i ||x_i - y_i||^2.
    pub matching: f64,
    /// ||mean_i (x_i - y_i)||^2: the squared distance of the centroids.
    pub centroids: f64,
    /// mean_i ||x_pi(i) - y_i||^2 for a permutation pi.
    pub permuted: f64,
}

impl MeanDistances {
    /// Of two `[pairs, dim]` families and a permutation of the pairs.
    ///
    /// # Panics
    /// If the families differ in shape or `permutation` has an index out of range.
    pub fn of(x: ArrayView2<f32>, y: ArrayView2<f32>, permutation: &[usize]) -> Self {
        let squared = |i: usize, j: usize| -> f64 {
            x.row(i).iter().zip(y.row(j)).map(|(&a, &b)| f64::from(a - b).powi(2)).sum()
        };
        let pairs = x.nrows() as f64;
        let mean = |v: ArrayView2<f32>| v.mapv(f64::from).sum_axis(Axis(0)) / pairs;
        let centroids = mean(x) - mean(y);
        Self {
            matching: (0..x.nrows()).map(|i| squared(i, i)).sum::<f64>() / pairs,
            centroids: centroids.dot(&centroids),
            permuted: permutation.iter().enumerate().map(|(i, &j)| squared(j, i)).sum::<f64>() / pairs,
        }
    }
}
