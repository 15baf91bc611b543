//! The sigmoid loss of SigLIP, a term at a time in float64.
//!
//! For unit vectors U_i, V_j with similarities s_ij = <U_i, V_j>, inverse temperature t
//! and bias:
//!
//! ```text
//! z_ij = t (s_ij - b_rel)          relative bias
//! z_ij = t s_ij - b                absolute bias, b = t b_rel
//! loss = 1/N^2 ( sum_i -log sigmoid(z_ii) + sum_{i != j} -log sigmoid(-z_ij) )
//! ```
//!
//! With classes, several images share a text; the sum is then over images and distinct texts.

use crate::experiment::Numerics;

/// Added inside the logarithms by the paper's code.
pub const PAPER_EPSILON: f64 = 1e-8;

/// One term of the loss: that of a pair with logit `z`.
pub fn term(z: f64, matching: bool, numerics: Numerics) -> f64 {
    let z = if matching { z } else { -z };
    match numerics {
        Numerics::Paper => -(1.0 / (1.0 + (-z).exp()) + PAPER_EPSILON).ln(),
        Numerics::Exact => softplus(-z),
    }
}

/// log(1 + e^x) without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1 / (1 + e^-x).
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The natural logarithm of the exact loss of similarities, at inverse temperature `t` and relative
/// bias `relative_bias`; it does not underflow where the loss does.
pub fn log_exact_loss(matching: &[f32], non_matching: &[f32], t: f64, relative_bias: f64) -> f64 {
    // log(log(1 + e^x)), which is x where e^x is nothing beside 1.
    let log_softplus = |x: f64| if x < -37.0 { x } else { softplus(x).ln() };
    let logit = |s: &f32| t * (f64::from(*s) - relative_bias);
    let logarithms = || {
        let own = matching.iter().map(|s| log_softplus(-logit(s)));
        own.chain(non_matching.iter().map(|s| log_softplus(logit(s))))
    };
    let largest = logarithms().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logarithms().map(|x| (x - largest).exp()).sum();
    largest + sum.ln() - ((matching.len() + non_matching.len()) as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_of_the_loss_does_not_underflow() {
        let (matching, others) = ([0.3f32, 0.2], [-0.1f32, 0.0]);
        let t = 20.0;
        let terms = matching.map(|s| (s, true)).into_iter().chain(others.map(|s| (s, false)));
        let mean =
            terms.map(|(s, own)| term(t * (f64::from(s) - 0.1), own, Numerics::Exact)).sum::<f64>() / 4.0;
        assert!((log_exact_loss(&matching, &others, t, 0.1) - mean.ln()).abs() < 1e-12);
        // Two terms at the margin 0.1 decide.
        let rate = log_exact_loss(&matching, &others, 1e6, 0.1) / 1e6;
        assert!((rate + 0.1).abs() < 1e-5, "{rate}");
    }

    #[test]
    fn the_papers_epsilon_caps_a_term_and_the_exact_form_does_not() {
        assert!((term(-1000.0, true, Numerics::Paper) - 18.420_680_743_952_367).abs() < 1e-9);
        assert_eq!(term(-1000.0, true, Numerics::Exact), 1000.0);
        assert_eq!(term(1000.0, false, Numerics::Exact), 1000.0);
    }
}
