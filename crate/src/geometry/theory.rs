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
//!    U_i and U_j counts, and a longer part is no worse than a unit vector at an angle
//!    theta to their bisector: m <= min(cos(theta - phi) - b_rel, b_rel - cos(theta + phi)).
//!    The best theta makes the two equal, cos(theta) = b_rel / cos(phi), unless one of
//!    them is already at its maximum where the other is larger. So
//!    m <= sqrt(sin^2 phi - b_rel^2 tan^2 phi) for |b_rel| <= cos^2 phi, and
//!    m <= 1 - |b_rel| beyond, which holds for any vectors. This increases with phi.
//! 3. *Codes.* Among N unit vectors there are two whose cosine is at least
//!    [`least_cosine`] (Rankin, Levenshtein); put that angle into 2.

use ndarray::{Array2, Array3, ArrayView2, Axis, s};

use crate::{Error, Experiment, Result, sphere};

/// An upper bound on the margin of N = `pairs` >= 2 pairs in dimension `dim` >= 1 at the
/// relative bias `relative_bias` (the module's documentation has the proof).
///
/// It is reached for b_rel >= (1 + c) / 2 if a code with c = [`least_cosine`] exists.
pub fn margin_bound(pairs: usize, dim: usize, relative_bias: f64) -> f64 {
    margin_bound_of_code(least_cosine(pairs, dim), relative_bias)
}

/// An upper bound on the margin at any relative bias, sqrt((1 - c) / 2) with
/// c = [`least_cosine`]: the bound of [`margin_bound`] is largest at b_rel = 0.
pub fn largest_margin_bound(pairs: usize, dim: usize) -> f64 {
    margin_bound(pairs, dim, 0.0)
}

/// An upper bound on the margin at `relative_bias` if one of the two families has two
/// vectors with cosine `cosine`; it decreases with `cosine`. Negative for |b_rel| > 1.
pub fn margin_bound_of_code(cosine: f64, relative_bias: f64) -> f64 {
    let (sin2, cos2) = ((1.0 - cosine) / 2.0, (1.0 + cosine) / 2.0);
    let b = relative_bias.abs();
    match b < cos2 {
        true => (sin2 - b * b * sin2 / cos2).max(0.0).sqrt(),
        false => 1.0 - b,
    }
}

/// The margin of [`construct`] from a code with largest cosine c < 1, for -1 <= b_rel <= 1:
/// (1 + b_rel)(1 - c) / (3 + c) up to b_rel = (1 + c) / 2, then 1 - b_rel, which is the
/// most that any vectors can have there.
pub fn construction_margin(cosine: f64, relative_bias: f64) -> f64 {
    match relative_bias < (1.0 + cosine) / 2.0 {
        true => (1.0 + relative_bias) * (1.0 - cosine) / (3.0 + cosine),
        false => 1.0 - relative_bias,
    }
}

/// The constellation of the study's adapter: U_i = (delta x_i, sqrt(1 - delta^2)) and
/// V_i = (delta x_i, -sqrt(1 - delta^2)) of a code x `[pairs, dim]`, with the delta for
/// which the margin is reached at `relative_bias` (arXiv 2509.18552, the construction
/// with two parallel copies of a code).
///
/// s_ii = 2 delta^2 - 1 and s_ij = delta^2 (1 + x_i x_j) - 1, so the best relative bias is
/// delta^2 (3 + c) / 2 - 1 and the margin delta^2 (1 - c) / 2. From b_rel = (1 + c) / 2 on,
/// delta = 1 and both families are the code itself. Returns `[2, pairs, dim + 1]`.
///
/// # Errors
/// [`Error::Shape`] for fewer than two points or a relative bias outside [-1, 1].
pub fn construct(code: ArrayView2<f64>, relative_bias: f64) -> Result<Array3<f32>> {
    let (pairs, dim) = code.dim();
    if pairs < 2 || dim == 0 || !(-1.0..=1.0).contains(&relative_bias) {
        return Err(Error::Shape {
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

/// The largest cosine between two points of a code of unit vectors `[points, dim]`; -1
/// for fewer than two points.
pub fn largest_cosine(code: ArrayView2<f64>) -> f64 {
    let cosines = code.dot(&code.t());
    let others = cosines.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, &c)| c);
    others.fold(-1.0, f64::max)
}

/// A lower bound on the largest cosine of any `points` unit vectors in dimension `dim`:
/// the s at which Levenshtein's bound on the size of a code with cosines at most s is
/// `points`.
///
/// -1 / (points - 1) up to dim + 1 points (the simplex) and 0 up to 2 dim (Rankin 1955);
/// then V. I. Levenshtein, "Designs as maximum codes in polynomial metric spaces", Acta
/// Applicandae Mathematicae 29 (1992), which is sharp for many famous codes.
pub fn least_cosine(points: usize, dim: usize) -> f64 {
    match (points, dim) {
        (..2, _) => -1.0,
        (2, _) => -1.0,
        (_, ..2) => 1.0, // the sphere of one dimension has two points
        _ => bisect(-1.0, 1.0, |s| largest_code(dim, s) < points as f64),
    }
}

/// Levenshtein's upper bound on the number of unit vectors in dimension `dim` >= 2 whose
/// cosines are at most `cosine` < 1. It is continuous and increases with `cosine`;
/// infinite where it needs a polynomial of degree 20,000.
///
/// With P_k the Gegenbauer polynomial of dimension n, P_k(1) = 1, and k = 1, 2, ...:
/// C(k+n-3, k-1) [(2k+n-3)/(n-1) - (P_(k-1) - P_k) / ((1-s) P_k)] up to the largest zero
/// of (P_k - P_(k+1)) / (1-s), then
/// C(k+n-2, k) [(2k+n-1)/(n-1) - (1+s)(P_k - P_(k+1)) / ((1-s)(P_k + P_(k+1)))] up to the
/// largest zero of (P_k - P_(k+2)) / (1-s^2). Zeros interlace, so that the sign tells on
/// which side of the largest s lies.
pub fn largest_code(dim: usize, cosine: f64) -> f64 {
    let (n, s) = (dim as f64, cosine);
    let next = |k: f64, before: f64, here: f64| ((2.0 * k + n - 2.0) * s * here - k * before) / (k + n - 2.0);
    let (mut before, mut here) = (1.0, s);
    let mut after = next(1.0, before, here);
    let (mut odd, mut even) = (1.0, n - 1.0); // the binomial coefficients
    for k in (1..10_000).map(f64::from) {
        if here <= after {
            return odd * ((2.0 * k + n - 3.0) / (n - 1.0) - (before - here) / ((1.0 - s) * here));
        }
        let last = next(k + 1.0, here, after);
        if here <= last {
            let ratio = (1.0 + s) * (here - after) / ((1.0 - s) * (here + after));
            return even * ((2.0 * k + n - 1.0) / (n - 1.0) - ratio);
        }
        (odd, even) = (even, even * (k + n - 1.0) / (k + 1.0));
        (before, here, after) = (here, after, last);
    }
    f64::INFINITY
}

/// The greatest number between `low` and `high`, to rounding, below which `holds`.
fn bisect(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match holds(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

/// A spherical code `[points, dim]` with a small largest cosine, found by minimising the
/// energy log sum_{i<j} exp(beta x_i x_j) / beta with beta growing until it is the largest
/// cosine; a local minimum, the same for the same seed. Points of [`largest_cosine`] c
/// show that c can be reached, not that nothing smaller can.
///
/// # Errors
/// [`Error::Value`] for fewer than two points or no dimension, as of an [`Experiment`].
pub fn spread_code(points: usize, dim: usize, seed: u64) -> Result<Array2<f64>> {
    let start = Experiment { pairs: points, dim, seed, ..Experiment::default() };
    start.validate()?;
    let mut code = sphere::initial_vectors(&start)?.index_axis_move(Axis(0), 0).mapv(f64::from);
    normalize(&mut code);
    for doubling in 0..14 {
        minimise(&mut code, f64::from(4 << doubling));
    }
    Ok(code)
}

/// Gradient descent on the sphere with a step that grows while the energy falls.
fn minimise(code: &mut Array2<f64>, beta: f64) {
    let (mut energy, mut force) = energy(code, beta);
    let mut step = 1.0 / beta;
    for _ in 0..400 {
        let mut moved = &*code - &(&force * step);
        normalize(&mut moved);
        let (lower, next) = self::energy(&moved, beta);
        if lower < energy {
            (*code, energy, force) = (moved, lower, next);
            step *= 1.5;
        } else {
            step *= 0.4;
        }
    }
}

/// The energy, and its gradient times the largest weight's inverse along the sphere.
fn energy(code: &Array2<f64>, beta: f64) -> (f64, Array2<f64>) {
    let mut weights = code.dot(&code.t());
    weights.diag_mut().fill(f64::NEG_INFINITY);
    let largest = weights.fold(-1.0, |most: f64, &cosine| most.max(cosine));
    weights.mapv_inplace(|cosine| (beta * (cosine - largest)).exp());
    let energy = largest + (weights.sum() / 2.0).ln() / beta;
    let force = weights.dot(code);
    let radial = (&force * code).sum_axis(Axis(1)).insert_axis(Axis(1));
    (energy, &force - &(&radial * code))
}

fn normalize(points: &mut Array2<f64>) {
    for mut point in points.rows_mut() {
        let norm = point.dot(&point).sqrt();
        point /= norm;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Geometry;

    /// Codes on which Levenshtein's bound is known to be sharp (Levenshtein 1992; Cohn and
    /// Kumar, "Universally optimal distribution of points on spheres", table 1).
    #[test]
    fn the_bound_is_sharp_for_famous_codes() {
        let golden = 5f64.sqrt();
        let codes = [
            (2, 7, (std::f64::consts::TAU / 7.0).cos()),
            (3, 12, 1.0 / golden), // icosahedron
            (7, 56, 1.0 / 3.0),    // kissing arrangement in E8
            (8, 240, 0.5),         // E8
            (21, 162, 1.0 / 7.0),  // strongly regular graph
            (22, 275, 1.0 / 6.0),  // McLaughlin
            (23, 4600, 1.0 / 3.0), // kissing arrangement in the Leech lattice
            (24, 196_560, 0.5),    // Leech lattice
        ];
        for (dim, points, cosine) in codes {
            let bound = least_cosine(points, dim);
            assert!(
                (bound - cosine).abs() < 1e-9,
                "{points} points in dimension {dim}: {bound}, not {cosine}"
            );
        }
        for dim in 2..50 {
            for points in 2..=dim + 1 {
                assert!((least_cosine(points, dim) + 1.0 / (points as f64 - 1.0)).abs() < 1e-9);
            }
            for points in dim + 2..=2 * dim {
                assert!(least_cosine(points, dim).abs() < 1e-9, "Rankin: {points} points, {dim}");
            }
        }
        assert_eq!(least_cosine(3, 1), 1.0);
    }

    /// Least largest cosines that N. Sloane's tables list for dimension 3 (angles in degrees).
    #[test]
    fn spread_codes_are_as_good_as_known_ones() {
        for (points, degrees) in [(4, 109.4712), (6, 90.0), (8, 74.8585), (12, 63.4349), (24, 43.6908)] {
            let code = spread_code(points, 3, 1).unwrap();
            let found = largest_cosine(code.view()).acos().to_degrees();
            assert!(
                (found - degrees).abs() < 0.5 && found < degrees + 1e-3,
                "{points}: {found}, not {degrees}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn largest_code_is_continuous_and_increases(dim in 2usize..40, s in -0.99f64..0.9) {
            let (low, high) = (largest_code(dim, s), largest_code(dim, s + 1e-7));
            prop_assert!(low <= high * (1.0 + 1e-9), "{low} at {s}, {high} after it");
            prop_assert!(high - low <= 1e-3 * high, "{low} at {s}, {high} after it");
        }

        #[test]
        fn the_construction_reaches_its_margin(
            pairs in 2usize..12, dim in 1usize..5, seed in 0u64..50, relative_bias in -0.99f64..0.99,
        ) {
            let start = Experiment { pairs, dim, seed, ..Experiment::default() };
            let mut code = sphere::initial_vectors(&start).unwrap().index_axis_move(Axis(0), 0).mapv(f64::from);
            normalize(&mut code);
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
            let mut vectors = sphere::initial_vectors(&start).unwrap();
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
