//! What the margin of a constellation can be: a construction and an upper bound, alike but
//! for one dimension (M - 1 for M modalities).
//!
//! Notation: N tuples of unit vectors U_i^1, ..., U_i^M in dimension d, with s_ii >= b + m for
//! any two modalities of one i and s_ij <= b - m for i != j, m > 0; b is the relative bias. A
//! spherical code is a set of unit vectors; c is its largest cosine.
//!
//! # The upper bound
//! It is of this project, not of the paper, which it sharpens: with c = -1/(N - 1), the simplex, it
//! is Theorem 3.4 of arXiv 2509.18552 (NeurIPS version), with Rankin's bound for c Theorem 3.5.
//!
//! 1. Let P_i be the sum of U_i^1 to U_i^M, S the sum of the squares ||P_i||^2 and ||P_j||^2, and
//!    X the sum of <U_i^a, U_j^b> over a != b. From
//!    sum_{a<b} ||(U_i^a - U_j^a) - (U_i^b - U_j^b)||^2 >= 0 follows
//!    <P_i, P_j> <= (2 M^2 + 2 M X - S) / (2 (M - 1)).
//!    For M = 2: <P_i, P_j> <= 2 - s_ii - s_jj + 2 (s_ij + s_ji).
//! 2. N >= M. Of M vectors, one of each modality and all of different i, the sum has a square, so
//!    1 + (M - 1)(b - m) >= 0. Hence X can be replaced by its bound M (M - 1)(b - m), the
//!    numerator of step 1 without S stays positive, and ||P_i||^2 >= M (1 + (M - 1)(b + m)) > 0.
//!    The cosine of P_i and P_j, <P_i, P_j> / (||P_i|| ||P_j||), is then largest where both squares are
//!    least (where <P_i, P_j> < 0, by the inequality of the arithmetic and geometric mean):
//!    cos(P_i, P_j) <= alpha = (1 + (M - 1) b - (M + 1) m) / (1 + (M - 1)(b + m)).
//! 3. So the directions of the P_i are a code of N points *in dimension d* whose cosines are at most
//!    alpha, and c <= alpha for the least c that such a code can have ([`least_cosine`] bounds it):
//!    m <= (1 + (M - 1) b)(1 - c) / (M + 1 + (M - 1) c).
//! 4. No similarity exceeds 1: m <= 1 - b.
//!
//! Equality in 1 needs U_i^a - U_i^b to be the same for all i: that is why the study's xi falls.
//!
//! # The construction
//! U_i^a = (delta x_i, sqrt(1 - delta^2) w_a), of a code x in dimension d - M + 1 and the simplex
//! w_1, ..., w_M, has s_ii = delta^2 - (1 - delta^2) / (M - 1) and, for the closest two,
//! s_ij = delta^2 c - (1 - delta^2) / (M - 1). The best delta gives exactly the margin of step 3, with
//! the c of that code. For M = 2 it is the adapter of the paper on one code for both.

use ndarray::{Array2, Array3, ArrayView2, s};

pub use super::codes::{largest_code, largest_cosine, least_cosine, spread_code};
use crate::error::{Error, Result};

/// The margin at `relative_bias` that [`construct`] reaches with a code of largest cosine
/// c = `cosine`, and that nothing exceeds if no code in dimension d has a smaller one: the least of
/// (1 + (M - 1) b)(1 - c) / (M + 1 + (M - 1) c) and 1 - b. It is negative where there is no
/// constellation, below b = -1 / (M - 1).
pub fn margin_of_code(modalities: usize, cosine: f64, relative_bias: f64) -> f64 {
    let others = modalities as f64 - 1.0;
    let parallel = (1.0 + others * relative_bias) * (1.0 - cosine) / (others + 2.0 + others * cosine);
    parallel.min(1.0 - relative_bias)
}

/// An upper bound on the margin at `relative_bias` of `pairs` >= 2 tuples of `modalities` >= 2 vectors
/// each in dimension `dim` >= 1 (the module's documentation has the proof). With fewer tuples than
/// modalities it is only 1 - b.
pub fn margin_bound(modalities: usize, pairs: usize, dim: usize, relative_bias: f64) -> f64 {
    if pairs < modalities {
        return 1.0 - relative_bias;
    }
    margin_of_code(modalities, least_cosine(pairs, dim), relative_bias)
}

/// The least dimension in which [`margin_bound`] allows `pairs` pairs the margin `margin` > 0 at
/// `relative_bias`: none has fewer. `None` if no dimension does.
pub fn dimension_needed(pairs: usize, margin: f64, relative_bias: f64) -> Option<usize> {
    let allows = |dim: usize| margin_bound(2, pairs, dim, relative_bias) >= margin;
    // From there on the simplex has room.
    let most = pairs.saturating_sub(1).max(1);
    if !allows(most) {
        return None;
    }
    let (mut too_few, mut enough) = (0, 1);
    while !allows(enough) {
        (too_few, enough) = (enough, (2 * enough).min(most));
    }
    while enough - too_few > 1 {
        let middle = usize::midpoint(too_few, enough);
        if allows(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}

/// The construction above, of a code x `[pairs, dim]` with largest cosine c, with the delta for
/// which [`margin_of_code`] is reached at `relative_bias`. From b = (1 + c) / 2 on, delta = 1 and all
/// families are the code itself. Returns `[modalities, pairs, dim + modalities - 1]`.
///
/// # Errors
/// [`Error::Input`] for fewer than two modalities or points, or a relative bias for which there is no
/// constellation.
pub fn construct(modalities: usize, code: ArrayView2<f64>, relative_bias: f64) -> Result<Array3<f32>> {
    let (pairs, dim) = code.dim();
    let others = modalities as f64 - 1.0;
    if modalities < 2 || pairs < 2 || dim == 0 || !(-1.0 / others..=1.0).contains(&relative_bias) {
        return Err(Error::Input {
            what: "construction of a constellation",
            got: format!("{modalities} modalities, a code {:?}, b_rel = {relative_bias}", code.shape()),
            expected: "two modalities, two points and one dimension or more, and -1 / (M - 1) <= b_rel <= 1"
                .to_owned(),
        });
    }
    let cosine = largest_cosine(code);
    let delta2 = (2.0 * (1.0 + others * relative_bias) / (others + 2.0 + others * cosine)).min(1.0);
    let mut vectors = Array3::zeros((modalities, pairs, dim + modalities - 1));
    for (mut family, direction) in vectors.outer_iter_mut().zip(simplex(modalities).rows()) {
        family.slice_mut(s![.., ..dim]).assign(&code.mapv(|x| (delta2.sqrt() * x) as f32));
        let apart = direction.mapv(|w| ((1.0 - delta2).sqrt() * w) as f32);
        family.slice_mut(s![.., dim..]).assign(&apart);
    }
    Ok(vectors)
}

/// `corners` >= 2 unit vectors with all cosines -1 / (corners - 1), `[corners, corners - 1]`.
fn simplex(corners: usize) -> Array2<f64> {
    let mut vectors = Array2::zeros((corners, corners - 1));
    for axis in 0..corners - 1 {
        // Each axis separates one corner from all after it.
        let after = (corners - axis - 1) as f64;
        let share = (corners as f64 / (corners as f64 - 1.0) * after / (after + 1.0)).sqrt();
        vectors[[axis, axis]] = share;
        vectors.slice_mut(s![axis + 1.., axis]).fill(-share / after);
    }
    vectors
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;
    use proptest::prelude::*;

    use super::*;
    use crate::points::random_points;
    use crate::{Bias, BiasKind, Experiment, Geometry};

    /// A code of random points.
    fn code(points: usize, dim: usize, seed: u64) -> Array2<f64> {
        let mut code = random_points(points, dim, seed).mapv(f64::from);
        for mut row in code.rows_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        code
    }

    fn geometry(vectors: &Array3<f32>) -> Geometry {
        Geometry::of(vectors.view()).unwrap()
    }

    /// The margin at a given relative bias.
    fn margin_at(vectors: &Array3<f32>, relative_bias: f64) -> f64 {
        let Geometry { min_matching, max_non_matching, .. } = geometry(vectors);
        (min_matching - relative_bias).min(relative_bias - max_non_matching)
    }

    /// `vectors`, each moved by a random one of length `noise`.
    fn moved(vectors: &Array3<f32>, noise: f32, seed: u64) -> Array3<f32> {
        let (modalities, pairs, dim) = vectors.dim();
        let random = random_points(modalities * pairs, dim, seed);
        let mut moved = vectors + random.into_shape_with_order(vectors.dim()).unwrap() * noise;
        for mut row in moved.rows_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        moved
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_construction_reaches_its_margin(
            modalities in 2usize..6, pairs in 2usize..12, dim in 1usize..5, seed in 0u64..50, share in 0.01f64..0.99,
        ) {
            let lowest = -1.0 / (modalities as f64 - 1.0);
            let b = lowest + share * (1.0 - lowest);
            let code = code(pairs, dim, seed);
            let expected = margin_of_code(modalities, largest_cosine(code.view()), b);
            let got = margin_at(&construct(modalities, code.view(), b).unwrap(), b);
            prop_assert!((got - expected).abs() < 2e-6, "{got}, not {expected}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30_000))]

        /// Constructions, families that coincide, and what lies around both, at any relative bias.
        #[test]
        fn no_vectors_exceed_the_bound(
            modalities in 2usize..6, more in 0usize..7, dim in 1usize..5, seed in 0u64..1000,
            start in -1.0f64..1.0, noise in prop::sample::select(vec![0.0f32, 0.001, 0.03, 0.2, 0.7, 5.0]),
            at in -1.2f64..1.2,
        ) {
            let pairs = modalities + more;
            let start = start.max(-1.0 / (modalities as f64 - 1.0));
            let whole = construct(modalities, code(pairs, dim, seed).view(), start).unwrap();
            let vectors = moved(&whole, noise, seed + 1);
            let dim = vectors.dim().2;
            let best = geometry(&vectors).optimal_relative_bias();
            for b in [at, best] {
                let (margin, bound) = (margin_at(&vectors, b), margin_bound(modalities, pairs, dim, b));
                prop_assert!(margin <= 0.0 || margin <= bound + 2e-6, "{margin} > {bound} at {b}");
            }
        }
    }

    /// Where the best code is known, the construction meets the bound but for its dimensions; two
    /// pairs and as many dimensions as a simplex needs meet it as they are.
    #[test]
    fn the_bound_is_sharp_where_the_code_is() {
        let bound = |pairs: usize, dim, b| margin_bound(2, pairs, dim, b);
        for b in [-0.9, -0.3, 0.0, 0.2] {
            let pairs = 5.0;
            let theorem = (1.0 + b) / (3.0 - 4.0 / pairs);
            assert!((bound(5, 4, b) - theorem).abs() < 1e-12 && (bound(5, 40, b) - theorem).abs() < 1e-12);
            assert!((bound(2, 1, b) - (1.0 + b)).abs() < 1e-12 || b > 0.0);
            assert!((bound(4, 2, b) - (1.0 + b) / 3.0).abs() < 1e-9, "Rankin");
        }
        // Figure 5 of the paper: twenty pairs in dimension 3 end on the regular 20-gon.
        let cosine = (std::f64::consts::TAU / 20.0).cos();
        assert!((margin_of_code(2, cosine, 0.0) - 0.012_387).abs() < 1e-6);
        assert!(bound(20, 3, 0.0) > 0.012_387);
    }

    #[test]
    fn the_bound_does_not_grow_with_the_number_of_modalities() {
        for pairs in [10, 100] {
            for b in [0.0, 0.3] {
                let bounds: Vec<f64> = (2..10).map(|m| margin_bound(m, pairs, 10, b)).collect();
                assert!(bounds.windows(2).all(|two| two[1] <= two[0] + 1e-12), "{bounds:?}");
            }
        }
        assert!(margin_bound(3, 10, 10, -0.5) <= 0.0, "no constellation at -1 / (M - 1)");
    }

    #[test]
    fn a_dimension_is_needed() {
        assert_eq!(dimension_needed(5, 1.0 / (3.0 - 4.0 / 5.0), 0.0), Some(4));
        assert_eq!(dimension_needed(5, 0.46, 0.0), None, "more than a simplex has");
        assert_eq!(dimension_needed(2, 1.0, 0.0), Some(1));
        assert_eq!(dimension_needed(4, 1.0 / 3.0, 0.0), Some(2), "a square");
        let mut before = 1;
        for pairs in [100, 10_000, 1_000_000, 10_000_000_000] {
            let dim = dimension_needed(pairs, 0.1, 0.0).unwrap();
            let (just, too_few) = (margin_bound(2, pairs, dim, 0.0), margin_bound(2, pairs, dim - 1, 0.0));
            assert!(dim > before && just >= 0.1 && too_few < 0.1, "{dim}: {just}, {too_few}");
            before = dim;
        }
    }

    /// The study's table of final margins and optimal relative biases, N = 100, d = 10, and the bound
    /// there to three digits, computed apart from this code.
    #[test]
    fn published_margins_obey_the_bound() {
        let published = [
            (0.034032, -0.783601, 0.048),
            (0.068609, -0.565768, f64::NAN),
            (0.103043, -0.346671, 0.144),
            (0.137739, -0.126455, 0.192),
            (0.171251, 0.095198, 0.241),
            (0.200972, 0.318428, 0.290),
            (0.223403, 0.543753, 0.340),
            (0.281396, 0.718602, 0.2814),
            (0.276367, 0.723630, f64::NAN),
        ];
        for (margin, b, expected) in published {
            let bound = margin_bound(2, 100, 10, b);
            assert!(margin <= bound + 2e-6, "{margin} at {b}: {bound}");
            assert!(expected.is_nan() || (bound - expected).abs() < 6e-4, "{bound}, not {expected}");
        }
        // The last two runs reached U = V, where the bound is 1 - b_rel.
        for (margin, b, _) in &published[7..] {
            assert!((margin_bound(2, 100, 10, *b) - margin).abs() < 1e-5);
        }
    }

    #[test]
    fn trained_margins_obey_the_bound() {
        for (modalities, dim, b) in [(2, 3, -0.6), (2, 3, 0.0), (2, 3, 0.6), (3, 5, 0.2)] {
            let bias = Bias::fixed(BiasKind::Relative, b);
            let run = Experiment { pairs: 12, dim, modalities, epochs: 1500, bias, ..Experiment::default() };
            let geometry = run.train().unwrap().geometry().clone();
            let best = geometry.optimal_relative_bias();
            assert!(geometry.margin() > 0.0, "b_rel {b}: {geometry:?}");
            assert!(geometry.margin() <= margin_bound(modalities, 12, dim, best), "b_rel {b}: {geometry:?}");
        }
    }

    #[test]
    fn a_simplex_has_equal_cosines() {
        for corners in 2..8 {
            let cosines = simplex(corners).dot(&simplex(corners).t());
            for ((i, j), &cosine) in cosines.indexed_iter() {
                let expected = if i == j { 1.0 } else { -1.0 / (corners as f64 - 1.0) };
                assert!((cosine - expected).abs() < 1e-12, "{cosines}");
            }
        }
        assert_eq!(simplex(2).len_of(Axis(1)), 1);
    }
}
