//! Spherical codes: unit vectors whose largest cosine is small.

use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::points::random_points;

/// The largest cosine between two points of a code of unit vectors `[points, dim]`; -1
/// for fewer than two points.
pub fn largest_cosine(code: ArrayView2<f64>) -> f64 {
    let cosines = code.dot(&code.t());
    let others = cosines.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, &c)| c);
    others.fold(-1.0, f64::max)
}

/// A lower bound on the largest cosine of any `points` unit vectors in dimension `dim`.
///
/// -1 / (points - 1) up to dim + 1 points, the simplex, and 0 up to 2 dim points, the
/// cross-polytope (R. A. Rankin, "The closest packing of spherical caps in n dimensions",
/// 1955); then the s at which [`largest_code`] is `points`, sharp for many famous codes.
pub fn least_cosine(points: usize, dim: usize) -> f64 {
    let levenshtein = || bisect(-1.0, 1.0, |s| largest_code(dim, s) < points as f64);
    match points {
        ..=2 => -1.0,
        _ if dim < 2 => 1.0, // the sphere in one dimension has two points
        _ if points > dim + 1 => levenshtein().max(0.0),
        _ => -1.0 / (points as f64 - 1.0),
    }
}

/// Levenshtein's upper bound on the number of unit vectors in dimension `dim` >= 2 whose
/// cosines are at most `cosine` < 1. It is continuous and increases with `cosine`;
/// infinite where it needs a polynomial of degree 20,000 (V. I. Levenshtein, "Designs as
/// maximum codes in polynomial metric spaces", Acta Applicandae Mathematicae 29, 1992).
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
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
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
/// [`Error::Input`] for fewer than two points or no dimension.
pub fn spread_code(points: usize, dim: usize, seed: u64) -> Result<Array2<f64>> {
    if points < 2 || dim == 0 {
        let (got, expected) =
            (format!("{points} points of dimension {dim}"), "at least 2 of at least 1".to_owned());
        return Err(Error::Input { what: "a spherical code", got, expected });
    }
    let mut code = random_points(points, dim, seed).mapv(f64::from);
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

/// The energy, and a positive multiple of its gradient along the sphere.
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
    }
}
