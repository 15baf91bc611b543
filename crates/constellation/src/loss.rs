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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_epsilon_caps_a_term_and_the_exact_form_does_not() {
        assert!((term(-1000.0, true, Numerics::Paper) - 18.420_680_743_952_367).abs() < 1e-9);
        assert_eq!(term(-1000.0, true, Numerics::Exact), 1000.0);
        assert_eq!(term(1000.0, false, Numerics::Exact), 1000.0);
    }
}
