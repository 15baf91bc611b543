//! The triplet loss of a pair of families.

use ndarray::ArrayView2;

/// mean over i and j != i of max(0, ||U_i - V_i||^2 - ||U_i - V_j||^2 + alpha), of unit vectors
/// `[pairs, dim]`: 2 (s_ij - s_ii) + alpha where positive. Zero on a constellation with margin m for
/// alpha <= 4m (Observation 4 of arXiv 2509.18552).
pub fn triplet_loss(u: ArrayView2<f32>, v: ArrayView2<f32>, alpha: f64) -> f64 {
    let similarities = u.mapv(f64::from).dot(&v.mapv(f64::from).t());
    let own = similarities.diag();
    let others = similarities.indexed_iter().filter(|((i, j), _)| i != j);
    let sum: f64 = others.map(|((i, _), s)| (2.0 * (s - own[i]) + alpha).max(0.0)).sum();
    sum / (u.nrows() * (u.nrows() - 1)) as f64
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn it_is_zero_up_to_four_times_the_margin() {
        let u = array![[1.0f32, 0.0], [-1.0, 0.0]]; // margin 1 against itself
        assert_eq!(triplet_loss(u.view(), u.view(), 4.0), 0.0);
        assert!((triplet_loss(u.view(), u.view(), 4.5) - 0.5).abs() < 1e-12);
    }
}
