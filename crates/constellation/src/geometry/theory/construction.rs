//! Constellations from spherical codes.

use ndarray::{Array2, Array3, ArrayView2, s};

use super::largest_cosine;
use crate::error::{Error, Result};

/// The constellation U_i^a = (delta x_i, sqrt(1 - delta^2) w_a) of a code x `[pairs, dim]` and the
/// vertices w_a of a simplex, one for each of M = `modalities`, with the delta for which the margin
/// [`super::margin_of_code`] is reached at `relative_bias`. For two modalities w = ±1: the
/// adapter of arXiv 2509.18552, on one code for both.
///
/// s_ii = delta^2 - (1 - delta^2) / (M-1) and s_ij is less by delta^2 (1 - x_i x_j), so the margin is
/// delta^2 (1 - c) / 2 at b_rel = delta^2 (1 + c) / 2 - (1 - delta^2) / (M-1). From
/// b_rel = (1 + c) / 2 on, delta = 1 and all modalities are the code itself. Returns
/// `[modalities, pairs, dim + modalities - 1]`.
///
/// # Errors
/// [`Error::Input`] for fewer than two points or modalities, or a relative bias outside
/// [-1 / (M-1), 1].
pub fn construct(code: ArrayView2<f64>, modalities: usize, relative_bias: f64) -> Result<Array3<f32>> {
    let (pairs, dim) = code.dim();
    let others = modalities as f64 - 1.0;
    let shift = 1.0 + others * relative_bias;
    if pairs < 2 || dim == 0 || modalities < 2 || !(shift >= 0.0 && relative_bias <= 1.0) {
        return Err(Error::Input {
            what: "construction of a constellation",
            got: format!("a code {:?}, {modalities} modalities, relative bias {relative_bias}", code.shape()),
            expected: "two points, one dimension, two modalities or more, and -1/(M-1) <= b_rel <= 1"
                .to_owned(),
        });
    }
    let delta2 = (2.0 * shift / (2.0 + others * (1.0 + largest_cosine(code)))).min(1.0);
    let points = code.mapv(|x| (delta2.sqrt() * x) as f32);
    let apart = simplex(modalities).mapv(|w| ((1.0 - delta2).sqrt() * w) as f32);
    let mut vectors = Array3::zeros((modalities, pairs, dim + modalities - 1));
    for (mut modality, vertex) in vectors.outer_iter_mut().zip(apart.rows()) {
        modality.slice_mut(s![.., ..dim]).assign(&points);
        modality.slice_mut(s![.., dim..]).assign(&vertex);
    }
    Ok(vectors)
}

/// The margin of pairs on two sides of a hyperplane, at `relative_bias` > 0: with a code x in one dimension
/// less, and e_i = ±1 the side of pair i,
///
/// ```text
/// U_i = (cos a x_i, e_i sin a),    V_i = (cos b x_i, e_i sin b).
/// ```
///
/// Let c <= c' be the largest cosines of the code among points of one side (`own`) and of different
/// sides (`across`), R = cos a cos b and H = sin a sin b, so that s_ii = R + H, s_ij <= R c + H or
/// <= R c' - H. With R = 2 m / (1 - c) and H = m - m (1 - c') / (1 - c), all three are met with equality at
///
/// ```text
/// m = b_rel (1 - c) / (1 + c'),
/// ```
///
/// as long as R + H = b_rel + m <= 1; else a = b and m = 1 - b_rel. Where b_rel is large and d small this
/// is more than [`construct`] reaches: both sides are used, and points next to each other lie on
/// different ones. A regular N-gon with N even, its points in turn on one side and the other, has
/// m = 2 b_rel (1 - cos(2 pi / N)) in dimension 3. Ours; seen first in `data/constellations`.
pub fn margin_on_two_sides(own: f64, across: f64, relative_bias: f64) -> f64 {
    (relative_bias * (1.0 - own) / (1.0 + across)).min(1.0 - relative_bias)
}

/// `vertices` >= 2 unit vectors with all cosines -1 / (vertices - 1), `[vertices, vertices - 1]`.
pub(super) fn simplex(vertices: usize) -> Array2<f64> {
    let mut points = Array2::<f64>::zeros((vertices, vertices - 1));
    for axis in 0..vertices - 1 {
        // What the earlier coordinates, equal from here on, leave of the length.
        let before = points.row(axis);
        let length = (1.0 - before.dot(&before)).max(0.0).sqrt();
        points[[axis, axis]] = length;
        points.slice_mut(s![axis + 1.., axis]).fill(-length / (vertices - 1 - axis) as f64);
    }
    points
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{margin_bound, margin_of_code};
    use super::*;
    use crate::Geometry;
    use crate::points::random_points;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_construction_reaches_its_margin(
            modalities in 2usize..6, pairs in 2usize..12, dim in 1usize..5, seed in 0u64..50, place in 0.01f64..0.99,
        ) {
            let code = random_points(pairs, dim, seed).mapv(f64::from);
            let lowest = -1.0 / (modalities as f64 - 1.0);
            let relative_bias = lowest + (1.0 - lowest) * place;
            let vectors = construct(code.view(), modalities, relative_bias).unwrap();
            let lengths = vectors.rows().into_iter().map(|row| row.dot(&row)).collect::<Vec<_>>();
            prop_assert!(lengths.iter().all(|length| (length - 1.0).abs() < 1e-5));
            let margin = Geometry::of(vectors.view()).unwrap().margin_at(relative_bias);
            let expected = margin_of_code(modalities, largest_cosine(code.view()), relative_bias);
            prop_assert!((margin - expected).abs() < 1e-6, "{margin}, not {expected}");
            let bound = margin_bound(modalities, pairs, vectors.dim().2, relative_bias);
            prop_assert!(margin <= bound + 1e-6, "{margin} above {bound}");
        }
    }

    /// An N-gon, its points in turn on one side and the other.
    fn polygon_on_two_sides(pairs: usize, relative_bias: f64) -> Array3<f32> {
        let angle = std::f64::consts::TAU / pairs as f64;
        let (own, across) = ((2.0 * angle).cos(), angle.cos());
        let margin = super::super::margin_on_two_sides(own, across, relative_bias);
        let sum = relative_bias + margin;
        // R may be larger where the margin is cut off at 1 - b_rel.
        let r = 2.0 * margin / (1.0 - own);
        let h = sum - r;
        let (minus, plus) = (sum.min(1.0).acos(), (r - h).acos());
        Array3::from_shape_fn((2, pairs, 3), |(modality, i, k)| {
            let tilt = (plus + [minus, -minus][modality]) / 2.0;
            let at = angle * i as f64;
            let side = if i % 2 == 0 { 1.0 } else { -1.0 };
            [tilt.cos() * at.cos(), tilt.cos() * at.sin(), side * tilt.sin()][k] as f32
        })
    }

    #[test]
    fn a_polygon_on_two_sides_reaches_its_margin() {
        for pairs in [6, 8, 12, 20, 64] {
            for relative_bias in [0.1, 0.25, 0.5, 0.7] {
                let vectors = polygon_on_two_sides(pairs, relative_bias);
                let margin = Geometry::of(vectors.view()).unwrap().margin_at(relative_bias);
                let polygon = 1.0 - (std::f64::consts::TAU / pairs as f64).cos();
                let expected = (2.0 * relative_bias * polygon).min(1.0 - relative_bias);
                assert!(
                    (margin - expected).abs() < 1e-6,
                    "{pairs}, {relative_bias}: {margin}, not {expected}"
                );
                assert!(margin <= margin_bound(2, pairs, 3, relative_bias) + 1e-6);
            }
        }
    }

    #[test]
    fn a_simplex_has_equal_angles() {
        for vertices in 2..7 {
            let points = simplex(vertices);
            for ((i, j), cosine) in points.dot(&points.t()).indexed_iter() {
                let expected = if i == j { 1.0 } else { -1.0 / (vertices as f64 - 1.0) };
                assert!((cosine - expected).abs() < 1e-12, "{vertices} vertices: {cosine}");
            }
        }
    }
}
