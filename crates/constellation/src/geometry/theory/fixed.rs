//! What a fixed temperature and bias lead to, where there is room for everything (d >= N).
//!
//! Lee et al. (*Analysis of using sigmoid loss for contrastive learning*, AISTATS 2024): the minimum
//! lies among vectors with s_ii = 2D - 1 and s_ij = D (N-2)/(N-1) - 1 for one 0 <= D <= 1. D = 1 is a
//! simplex with U = V, D = 0 has all U_i in one point and all V_i opposite.

use crate::loss::{sigmoid, softplus};

/// The minimum over 0 <= D <= 1 of the exact loss, with fixed t and absolute bias b.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedMinimum {
    /// (1 + s_ii) / 2 at the minimum.
    pub matching: f64,
    /// The loss there.
    pub loss: f64,
}

/// The least loss of N = `pairs` >= 2 pairs with `temperature` t and absolute `bias` b fixed: that of
/// [softplus(b - t (2D - 1)) + (N-1) softplus(t (D (N-2)/(N-1) - 1) - b)] / N, convex in D.
pub fn fixed_minimum(pairs: usize, temperature: f64, bias: f64) -> FixedMinimum {
    let (others, t) = (pairs as f64 - 1.0, temperature);
    let slope = (others - 1.0) / others;
    let logits = |d: f64| (t * (2.0 * d - 1.0) - bias, t * (d * slope - 1.0) - bias);
    let rises = |d: f64| {
        let (matching, other) = logits(d);
        others * slope * sigmoid(other) > 2.0 * sigmoid(-matching)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if rises(middle) { high = middle } else { low = middle }
    }
    let matching = if rises(0.0) {
        0.0
    } else if rises(1.0) {
        low
    } else {
        1.0
    };
    let (own, other) = logits(matching);
    FixedMinimum { matching, loss: (softplus(-own) + others * softplus(other)) / pairs as f64 }
}

/// For t = b and N = `pairs` > 3: the t up to which all matching pairs are antipodal, log((N-2)/2) / 2,
/// and the t from which they coincide, (N-1)/N log(N-3).
pub fn fixed_thresholds(pairs: usize) -> (f64, f64) {
    let n = pairs as f64;
    (((n - 2.0) / 2.0).ln() / 2.0, (n - 1.0) / n * (n - 3.0).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bias, BiasKind, Experiment, Numerics, Temperature};

    #[test]
    fn the_thresholds_are_where_the_minimum_reaches_its_ends() {
        for pairs in [6, 10, 50, 200] {
            let (antipodal, simplex) = fixed_thresholds(pairs);
            let at = |t| fixed_minimum(pairs, t, t).matching;
            assert_eq!((at(antipodal - 1e-6), at(simplex + 1e-6)), (0.0, 1.0), "N = {pairs}");
            assert!(at(antipodal + 1e-3) > 0.0 && at(simplex - 1e-3) < 1.0, "N = {pairs}");
        }
        let (antipodal, simplex) = fixed_thresholds(10);
        assert!((antipodal - std::f64::consts::LN_2).abs() < 1e-12 && (simplex - 1.7513).abs() < 1e-4);
        let (antipodal, simplex) = fixed_thresholds(50);
        assert!((antipodal - 1.5890).abs() < 1e-4 && (simplex - 3.7731).abs() < 1e-4);
    }

    #[test]
    fn training_finds_the_minimum() {
        let t = 1.2222;
        let expected = fixed_minimum(10, t, t);
        assert!((expected.matching - 0.7436).abs() < 1e-4 && (expected.loss - 0.26555).abs() < 1e-5);
        let run = Experiment {
            pairs: 10,
            dim: 10,
            epochs: 5000,
            temperature: Temperature::fixed(t),
            bias: Bias::fixed(BiasKind::Absolute, t),
            numerics: Numerics::Exact,
            ..Experiment::default()
        };
        assert!((run.train().unwrap().loss() - expected.loss).abs() < 1e-5);
    }
}
