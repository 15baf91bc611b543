//! The upper bound on the margin, and the dimension that a margin needs.

use super::{largest_code, least_cosine};

/// The margin at `relative_bias` that goes with a code whose largest cosine is `cosine`, for M =
/// `modalities`: (1 + (M-1) b_rel)(1 - c) / (M + 1 + (M-1) c), or 1 - b_rel if that is less.
///
/// That of [`super::construct`] for a code in dimension d - M + 1; and with the least possible c in
/// dimension d (or less) an upper bound for N >= M pairs. Not positive for b_rel <= -1 / (M-1).
pub fn margin_of_code(modalities: usize, cosine: f64, relative_bias: f64) -> f64 {
    let others = modalities as f64 - 1.0;
    let spread = (1.0 + others * relative_bias) * (1.0 - cosine) / (2.0 + others * (1.0 + cosine));
    spread.min(1.0 - relative_bias)
}

/// An upper bound on the margin of N = `pairs` >= 2 pairs of `modalities` vectors in dimension
/// `dim` >= 1 at the relative bias `relative_bias`; the [module](super) has the proof.
///
/// With fewer pairs than modalities it is 1 - |b_rel|, which holds for any vectors.
pub fn margin_bound(modalities: usize, pairs: usize, dim: usize, relative_bias: f64) -> f64 {
    let any_vectors = 1.0 - relative_bias.abs();
    if pairs < modalities {
        return any_vectors;
    }
    margin_of_code(modalities, least_cosine(pairs, dim), relative_bias).min(any_vectors)
}

/// alpha = (1 + b_rel - 3m) / (1 + b_rel + m): the sums U_i + V_i of a constellation have cosines
/// of at most this.
pub fn largest_cosine_of_sums(margin: f64, relative_bias: f64) -> f64 {
    (1.0 + relative_bias - 3.0 * margin) / (1.0 + relative_bias + margin)
}

/// A dimension below which `pairs` pairs of two modalities cannot have the margin `margin` > 0 at
/// `relative_bias`; none if they cannot in any dimension.
///
/// One more dimension is enough if a code as good as Levenshtein's bound exists.
pub fn dimension_needed(pairs: u64, margin: f64, relative_bias: f64) -> Option<usize> {
    let cosine = largest_cosine_of_sums(margin, relative_bias);
    let (points, simplex) = (pairs as f64, usize::try_from(pairs).unwrap_or(usize::MAX).max(2) - 1);
    let rounding = 1e-12;
    if margin > 1.0 - relative_bias.abs() + rounding || cosine < -1.0 / (points - 1.0) - rounding {
        return None;
    }
    let fits =
        |dim: usize| dim >= simplex || (cosine >= 0.0 && dim > 1 && largest_code(dim, cosine) >= points);
    let (mut too_small, mut enough) = (0, 1);
    while !fits(enough) {
        (too_small, enough) = (enough, enough.saturating_mul(2));
    }
    while enough - too_small > 1 {
        let middle = too_small + (enough - too_small) / 2;
        if fits(middle) { enough = middle } else { too_small = middle }
    }
    Some(enough)
}

/// log10 of how many pairs there can be with this margin in a high dimension `dim`, to leading
/// order: constellations of the first size exist (Theorem 3.3 of arXiv 2509.18552, for m > 0,
/// b_rel + m < 1 and 0 <= alpha), none is larger than the second (Theorem 3.5).
pub fn log10_pairs(dim: usize, margin: f64, relative_bias: f64) -> (f64, f64) {
    let alpha = largest_cosine_of_sums(margin, relative_bias);
    let power = |base: f64| -(dim as f64) / 2.0 * base.log10();
    (power(1.0 - alpha * alpha), power(1.0 - alpha))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Axis, s};
    use proptest::prelude::*;

    use super::super::construction::simplex;
    use super::super::{construct, spread_code};
    use super::*;
    use crate::points::{initial_vectors, random_points};
    use crate::{Experiment, Geometry};

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
            let bound = margin_bound(2, 100, 10, relative_bias);
            assert!(margin <= bound + 2e-6, "{margin} at {relative_bias}, bound {bound}");
        }
        // The trained margins are 0.66 to 0.72 of it.
        for (margin, relative_bias) in &PUBLISHED[1..8] {
            let share = margin / margin_bound(2, 100, 10, *relative_bias);
            assert!((0.65..0.73).contains(&share), "{share} of the bound at {relative_bias}");
        }
        // The last two runs reached U = V, where the bound is 1 - b_rel.
        for (margin, relative_bias) in &PUBLISHED[8..] {
            assert!((margin_bound(2, 100, 10, *relative_bias) - margin).abs() < 1e-5);
        }
    }

    /// Unit vectors `[modalities, pairs, dim]` of one of several shapes: independent ones, copies
    /// that were moved apart, constructions from random and from good codes, and those disturbed.
    fn configuration(
        shape: usize,
        modalities: usize,
        pairs: usize,
        dim: usize,
        seed: u64,
        x: f64,
    ) -> Array3<f32> {
        let run = Experiment { modalities, pairs, dim, seed, ..Experiment::default() };
        let mut vectors = initial_vectors(&run);
        let noise = vectors.clone();
        let below = (dim + 1).saturating_sub(modalities);
        match shape {
            0 => {}
            1 => {
                let first = vectors.index_axis(Axis(0), 0).to_owned();
                vectors.outer_iter_mut().for_each(|mut rows| rows.assign(&first));
                vectors.scaled_add(x as f32, &noise);
            }
            _ if below > 0 => {
                let code = match shape {
                    2 => random_points(pairs, below, seed + 1).mapv(f64::from),
                    _ => spread_code(pairs.min(8), below, seed % 3).unwrap(),
                };
                let points = code.nrows();
                let lowest = -1.0 / (modalities as f64 - 1.0);
                let at = lowest + (1.0 - lowest) * x;
                vectors = construct(code.view(), modalities, at.min(1.0)).unwrap();
                if !seed.is_multiple_of(4) {
                    let size = [0.0, 1e-3, 0.03, 0.3][(seed % 4) as usize];
                    vectors.scaled_add(size, &noise.slice(s![.., ..points, ..]));
                }
            }
            _ => {}
        }
        for mut row in vectors.rows_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        vectors
    }

    #[test]
    fn no_configuration_exceeds_the_bound() {
        let (mut positive, mut met) = (0, 0);
        for seed in 0..40_000u64 {
            let pick = |k: u64, of: u64| (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (8 * k)) % of;
            let modalities = 2 + pick(0, 8).saturating_sub(4) as usize % 4;
            let (pairs, dim) = (2 + pick(1, 14) as usize, 1 + pick(2, 6) as usize);
            let (shape, x) = (pick(3, 4) as usize, pick(4, 1000) as f64 / 999.0);
            // The good codes cost a descent each.
            let shape = if shape == 3 && !seed.is_multiple_of(50) { 2 } else { shape };
            let vectors = configuration(shape, modalities, pairs, dim, seed, x);
            let pairs = vectors.dim().1;
            let geometry = Geometry::of(vectors.view()).unwrap();
            let best = geometry.optimal_relative_bias();
            for relative_bias in [best, best + 0.3 * (x - 0.5), 2.0 * x - 1.0] {
                let margin = geometry.margin_at(relative_bias);
                let bound = margin_bound(modalities, pairs, dim, relative_bias);
                positive += usize::from(margin > 1e-6);
                met += usize::from(margin > 1e-6 && margin > bound - 1e-5);
                assert!(
                    margin <= bound.max(0.0) + 2e-6,
                    "{margin} at {relative_bias}, bound {bound}: M {modalities}, N {pairs}, d {dim}, shape {shape}, seed {seed}"
                );
            }
        }
        assert!(positive > 10_000 && met > 500, "{positive} with a margin, {met} that meet the bound");
    }

    #[test]
    fn two_pairs_and_simplices_meet_the_bound() {
        // Two antipodal pairs with U = V have margin 1 at b_rel = 0.
        assert_eq!(margin_bound(2, 2, 3, 0.0), 1.0);
        for (modalities, pairs) in [(2, 2), (2, 5), (3, 3), (3, 7), (4, 6)] {
            let simplex = simplex(pairs);
            for relative_bias in [-0.2, 0.0, 0.3, 0.8] {
                let vectors = construct(simplex.view(), modalities, relative_bias).unwrap();
                let margin = Geometry::of(vectors.view()).unwrap().margin_at(relative_bias);
                let bound = margin_bound(modalities, pairs, vectors.dim().2, relative_bias);
                assert!((margin - bound).abs() < 1e-6, "M {modalities}, N {pairs}: {margin}, {bound}");
            }
        }
    }

    #[test]
    fn the_regular_polygon_is_the_limit_of_the_basic_experiment() {
        // N = 20 in d = 3: the construction from the regular 20-gon; trained 0.012379.
        let cosine = (std::f64::consts::PI / 10.0).cos();
        assert!((margin_of_code(2, cosine, 0.0) - 0.012387).abs() < 1e-6);
        assert!(margin_bound(2, 20, 3, 0.0) > 0.012387);
    }

    #[test]
    fn fewer_pairs_than_modalities_need_the_weaker_bound() {
        let mut vectors = Array3::<f32>::zeros((3, 2, 1));
        vectors.slice_mut(s![.., 0, ..]).fill(1.0);
        vectors.slice_mut(s![.., 1, ..]).fill(-1.0);
        let margin = Geometry::of(vectors.view()).unwrap().margin_at(-0.4);
        assert!((margin - 0.6).abs() < 1e-6 && (margin_of_code(3, -1.0, -0.4) - 0.2).abs() < 1e-12);
        assert!(margin <= margin_bound(3, 2, 1, -0.4) + 1e-6);
    }

    #[test]
    fn sizes_of_the_papers_figure() {
        assert!((largest_cosine_of_sums(0.1, 0.0) - 0.6364).abs() < 1e-4);
        let (exist, most) = log10_pairs(1000, 0.1, 0.0);
        assert!((exist - 112.7).abs() < 0.05 && (most - 219.7).abs() < 0.05, "{exist}, {most}");
    }

    proptest! {
        #[test]
        fn the_needed_dimension_is_where_the_bound_allows_the_margin(
            pairs in 2u64..400, share in 0.05f64..0.95, relative_bias in -0.9f64..0.9,
        ) {
            let most = margin_bound(2, pairs as usize, pairs as usize, relative_bias);
            let margin = share * most;
            let dim = dimension_needed(pairs, margin, relative_bias).expect("a simplex has it");
            prop_assert!(margin_bound(2, pairs as usize, dim, relative_bias) >= margin - 1e-9);
            prop_assert!(dim == 1 || margin_bound(2, pairs as usize, dim - 1, relative_bias) <= margin + 1e-9);
            prop_assert_eq!(dimension_needed(pairs, most + 0.01, relative_bias), None);
        }
    }
}
