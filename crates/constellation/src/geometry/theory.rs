//! What the margin of a constellation can be: constructions and upper bounds.
//!
//! Notation: N pairs of unit vectors U_i, V_i in dimension d with s_ii >= b_rel + m and
//! s_ij <= b_rel - m for i != j, m > 0. A spherical code is a set of unit vectors; c is
//! its largest cosine, so that its least distance is sqrt(2 - 2c).
//!
//! # The upper bound
//! 1. *Separation.* ||U_i - U_j|| >= <U_i - U_j, V_i> = s_ii - s_ji >= 2m: both families
//!    are codes with least distance 2m or more, that is m <= sqrt((1 - c) / 2).
//! 2. *With b_rel.* Take i != j with <U_i, U_j> = cos(2 phi). Then V_i has to satisfy
//!    <V_i, U_i> >= b_rel + m and <V_i, U_j> <= b_rel - m. Only its part in the plane of
//!    U_i and U_j counts. To lengthen it along U_i - U_j up to a unit vector loosens both,
//!    so let it be one, at an angle theta to their bisector:
//!    m <= min(cos(theta - phi) - b_rel, b_rel - cos(theta + phi)).
//!    The best theta makes the two equal, cos(theta) = b_rel / cos(phi), unless one of
//!    them is already at its maximum where the other is larger. So
//!    m <= sqrt(sin^2 phi - b_rel^2 tan^2 phi) for |b_rel| <= cos^2 phi, and
//!    m <= 1 - |b_rel| beyond, which holds for any vectors. This increases with phi.
//! 3. *Codes.* Among N unit vectors there are two whose cosine is at least
//!    [`least_cosine`] (Rankin, Levenshtein); put that angle into 2.
//!
//! In a figure of margin against b_rel for vectors in dimension d, [`construction_margin`]
//! takes the c of a code in dimension d - 1, as the construction adds one, up to
//! b_rel = (1 + c) / 2; beyond it a code in dimension d, U = V, has 1 - b_rel.

use ndarray::{Array3, ArrayView2, s};

pub use super::codes::{largest_code, largest_cosine, least_cosine, spread_code};
use crate::error::{Error, Result};

/// An upper bound on the margin of N = `pairs` >= 2 pairs in dimension `dim` >= 1 at the
/// relative bias `relative_bias` (the module's documentation has the proof).
///
/// It is reached for b_rel >= (1 + c) / 2 if a code with c = [`least_cosine`] exists.
pub fn margin_bound(pairs: usize, dim: usize, relative_bias: f64) -> f64 {
    margin_bound_of_code(least_cosine(pairs, dim), relative_bias)
}

/// An upper bound on the margin at `relative_bias` if one of the two families has two
/// vectors with cosine `cosine`; it decreases with `cosine`. Negative for |b_rel| > 1.
pub fn margin_bound_of_code(cosine: f64, relative_bias: f64) -> f64 {
    let (sin2, cos2) = ((1.0 - cosine) / 2.0, (1.0 + cosine) / 2.0);
    let b = relative_bias.abs();
    if b < cos2 { (sin2 - b * b * sin2 / cos2).max(0.0).sqrt() } else { 1.0 - b }
}

/// The margin of [`construct`] from a code with largest cosine c < 1, for -1 <= b_rel <= 1:
/// (1 + b_rel)(1 - c) / (3 + c) up to b_rel = (1 + c) / 2, then 1 - b_rel, which is the
/// most that any vectors can have there.
pub fn construction_margin(cosine: f64, relative_bias: f64) -> f64 {
    if relative_bias < (1.0 + cosine) / 2.0 {
        (1.0 + relative_bias) * (1.0 - cosine) / (3.0 + cosine)
    } else {
        1.0 - relative_bias
    }
}

/// The constellation of the study's adapter: U_i = (delta x_i, sqrt(1 - delta^2)) and
/// V_i = (delta x_i, -sqrt(1 - delta^2)) of a code x `[pairs, dim]`, with the delta for
/// which the margin is reached at `relative_bias` (the adapter of arXiv 2509.18552, on
/// one code for both).
///
/// s_ii = 2 delta^2 - 1 and s_ij = delta^2 (1 + x_i x_j) - 1, so the best relative bias is
/// delta^2 (3 + c) / 2 - 1 and the margin delta^2 (1 - c) / 2. From b_rel = (1 + c) / 2 on,
/// delta = 1 and both families are the code itself. Returns `[2, pairs, dim + 1]`.
///
/// # Errors
/// [`Error::Input`] for fewer than two points or a relative bias outside [-1, 1].
pub fn construct(code: ArrayView2<f64>, relative_bias: f64) -> Result<Array3<f32>> {
    let (pairs, dim) = code.dim();
    if pairs < 2 || dim == 0 || !(-1.0..=1.0).contains(&relative_bias) {
        return Err(Error::Input {
            what: "construction of a constellation",
            got: format!("a code {:?} and relative bias {relative_bias}", code.shape()),
            expected: "two points and one dimension or more, and -1 <= b_rel <= 1".to_owned(),
        });
    }
    let delta2 = (2.0 * (1.0 + relative_bias) / (3.0 + largest_cosine(code))).min(1.0);
    let mut vectors = Array3::zeros((2, pairs, dim + 1));
    for (modality, sign) in [(0, 1.0), (1, -1.0)] {
        let points = code.mapv(|x| (delta2.sqrt() * x) as f32);
        vectors.slice_mut(s![modality, .., ..dim]).assign(&points);
        vectors.slice_mut(s![modality, .., dim]).fill((sign * (1.0 - delta2).sqrt()) as f32);
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;
    use proptest::prelude::*;

    use super::*;
    use crate::points::initial_vectors;
    use crate::{Experiment, Geometry};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_construction_reaches_its_margin(
            pairs in 2usize..12, dim in 1usize..5, seed in 0u64..50, relative_bias in -0.99f64..0.99,
        ) {
            let start = Experiment { pairs, dim, seed, ..Experiment::default() };
            let code = initial_vectors(&start).index_axis_move(Axis(0), 0).mapv(f64::from);
            let c = largest_cosine(code.view());
            let geometry = Geometry::of(construct(code.view(), relative_bias).unwrap().view()).unwrap();
            let expected = construction_margin(c, relative_bias);
            let at_bias = (geometry.min_matching - relative_bias).min(relative_bias - geometry.max_non_matching);
            prop_assert!((at_bias - expected).abs() < 1e-6, "{at_bias}, not {expected}");
            prop_assert!(at_bias <= margin_bound(pairs, dim + 1, relative_bias) + 1e-6);
        }

        /// Two pairs: the bound from a pair's angle, against a search over V_i in the plane.
        #[test]
        fn the_bound_of_a_code_is_the_best_vector_in_the_plane(
            half_angle in 0.01f64..1.56, relative_bias in -1.0f64..1.0,
        ) {
            let bound = margin_bound_of_code((2.0 * half_angle).cos(), relative_bias);
            let margin = |theta: f64| ((theta - half_angle).cos() - relative_bias)
                .min(relative_bias - (theta + half_angle).cos());
            let best = (0..=200_000).map(|k| margin(f64::from(k) * 1e-5 * std::f64::consts::PI - 1.5))
                .fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(best <= bound + 1e-9 && best >= bound - 1e-4, "{best}, bound {bound}");
        }

        #[test]
        fn no_vectors_exceed_the_bound(
            pairs in 2usize..20, dim in 1usize..5, seed in 0u64..1000, relative_bias in -1.0f64..1.0, turn in 0.0f64..1.0,
        ) {
            // From a code against itself to two independent families.
            let start = Experiment { pairs, dim, seed, ..Experiment::default() };
            let mut vectors = initial_vectors(&start);
            let mixed = &vectors.index_axis(Axis(0), 0) + &(&vectors.index_axis(Axis(0), 1) * turn as f32);
            vectors.index_axis_mut(Axis(0), 1).assign(&mixed);
            for mut row in vectors.rows_mut() {
                let norm = row.dot(&row).sqrt();
                row /= norm;
            }
            let geometry = Geometry::of(vectors.view()).unwrap();
            let margin = (geometry.min_matching - relative_bias).min(relative_bias - geometry.max_non_matching);
            prop_assert!(margin <= margin_bound(pairs, dim, relative_bias) + 1e-6);
        }
    }

    /// The study's table of final margins and optimal relative biases, N = 100, d = 10.
    const PUBLISHED: [(f64, f64); 10] = [
        (-2.58e-7, -1.0),
        (0.034032, -0.783601),
        (0.068609, -0.565768),
        (0.103043, -0.346671),
        (0.137739, -0.126455),
        (0.171251, 0.095198),
        (0.200972, 0.318428),
        (0.223403, 0.543753),
        (0.281396, 0.718602),
        (0.276367, 0.723630),
    ];

    #[test]
    fn published_margins_obey_the_bound() {
        for (margin, relative_bias) in PUBLISHED {
            assert!(margin <= margin_bound(100, 10, relative_bias) + 2e-6, "{margin} at {relative_bias}");
        }
        // The last two runs reached U = V, where the bound is 1 - b_rel.
        for (margin, relative_bias) in &PUBLISHED[8..] {
            assert!((margin_bound(100, 10, *relative_bias) - margin).abs() < 1e-5);
        }
    }

    #[test]
    fn trained_margins_obey_the_bound() {
        for relative_bias in [-0.6, 0.0, 0.6] {
            let bias = crate::Bias::fixed(crate::BiasKind::Relative, relative_bias);
            let run = Experiment { pairs: 12, dim: 3, epochs: 1500, bias, ..Experiment::default() }
                .train()
                .unwrap();
            let geometry = run.geometry();
            let best = geometry.optimal_relative_bias();
            assert!(geometry.margin() > 0.0, "b_rel {relative_bias}: {geometry:?}");
            assert!(geometry.margin() <= margin_bound(12, 3, best), "b_rel {relative_bias}: {geometry:?}");
        }
    }
}
