//! Constellations: the vectors on which the loss can go to zero.

use ndarray::{ArrayView2, ArrayView3};
use rayon::prelude::*;

use super::extremes::Geometry;
use super::families::{Block, Families};
use crate::error::Result;

/// The answer to: are these vectors an (m, b_rel)-constellation?
///
/// s_ii >= b_rel + m for all i, and s_ij <= b_rel - m for all i != j.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Constellation {
    /// The margin m that was asked for.
    pub margin: f64,
    /// The relative bias b_rel that was asked for.
    pub relative_bias: f64,
    /// How many pairs violate it.
    pub violating_pairs: usize,
    /// The worst of them, worst first.
    pub worst: Vec<Violation>,
}

/// A pair on the wrong side of its bound.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// The two modalities.
    pub modalities: (usize, usize),
    /// Row i of the first and row j of the second.
    pub pair: (usize, usize),
    /// s_ij.
    pub similarity: f64,
    /// How far it is beyond its bound; positive.
    pub excess: f64,
}

/// For a constellation with m > 0: how large t has to be for a small loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// The margin of the vectors at `relative_bias`.
    pub margin: f64,
    /// The relative bias at which the certificate holds.
    pub relative_bias: f64,
}

impl Constellation {
    /// Checks unit vectors `[modalities, pairs, dim]`, listing at most `most` violations.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for fewer than two modalities or two pairs.
    pub fn check(embeddings: ArrayView3<f32>, margin: f64, relative_bias: f64, most: usize) -> Result<Self> {
        let families = Families::modalities(embeddings)?;
        Ok(Self::of(&families, margin, relative_bias, most))
    }

    /// Checks images `[n, dim]` against distinct texts `[k, dim]`, where image i matches
    /// text `class_of[i]` and no other, listing at most `most` violations.
    ///
    /// # Errors
    /// As [`super::LabelledGeometry::of`].
    pub fn check_labelled(
        images: ArrayView2<f32>,
        texts: ArrayView2<f32>,
        class_of: &[usize],
        (margin, relative_bias): (f64, f64),
        most: usize,
    ) -> Result<Self> {
        let families = Families::labelled(&images, &texts, class_of)?;
        Ok(Self::of(&[((0, 1), families)], margin, relative_bias, most))
    }

    fn of(all: &[((usize, usize), Families)], margin: f64, relative_bias: f64, most: usize) -> Self {
        let mut answer = Self { margin, relative_bias, violating_pairs: 0, worst: Vec::new() };
        for &(modalities, families) in all {
            let of_block = |block: &Block| violations(block, modalities, (margin, relative_bias), most);
            let merge = |(count, mut worst): (usize, Vec<Violation>), (more, others)| {
                worst.extend(others);
                (count + more, worst_first(worst, most))
            };
            let (count, worst) = families.blocks(of_block).reduce(Default::default, merge);
            answer.violating_pairs += count;
            answer.worst.extend(worst);
        }
        answer.worst = worst_first(answer.worst, most);
        answer
    }

    /// Whether no pair violates it.
    pub fn holds(&self) -> bool {
        self.violating_pairs == 0
    }
}

/// How many pairs of a block violate their bound, and the worst of them.
fn violations(
    block: &Block,
    modalities: (usize, usize),
    (margin, relative_bias): (f64, f64),
    most: usize,
) -> (usize, Vec<Violation>) {
    let (mut count, mut worst) = (0, Vec::new());
    for row in block.rows() {
        let mut check = |column: usize, similarity: f32, excess: f64| {
            if excess > 0.0 {
                count += 1;
                let (pair, similarity) = ((row.row, column), f64::from(similarity));
                worst.push(Violation { modalities, pair, similarity, excess });
            }
        };
        let s = row.matching();
        check(row.column, s, relative_bias + margin - f64::from(s));
        for (column, s) in row.non_matching() {
            check(column, s, f64::from(s) - (relative_bias - margin));
        }
        if worst.len() > 2 * most {
            worst = worst_first(worst, most);
        }
    }
    (count, worst)
}

/// Violations that are listed of very many pairs.
pub(super) const WORST: usize = 10;

pub(super) fn worst_first(mut violations: Vec<Violation>, most: usize) -> Vec<Violation> {
    violations.sort_by(|a, b| {
        b.excess.total_cmp(&a.excess).then((a.modalities, a.pair).cmp(&(b.modalities, b.pair)))
    });
    violations.truncate(most);
    violations
}

impl std::fmt::Display for Constellation {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { margin, relative_bias, violating_pairs, worst } = self;
        if self.holds() {
            return write!(f, "a ({margin:.4}, {relative_bias:.4})-constellation: no pair violates it");
        }
        write!(
            f,
            "not a ({margin:.4}, {relative_bias:.4})-constellation: {violating_pairs} pairs violate it"
        )?;
        for Violation { modalities: (a, b), pair: (i, j), similarity, excess } in worst {
            write!(
                f,
                "\n  modalities {a}, {b}, pair ({i}, {j}): similarity {similarity:.4}, {excess:.2e} too far"
            )?;
        }
        Ok(())
    }
}

impl Certificate {
    /// The certificate of vectors with this geometry at `relative_bias`, or none if their
    /// margin there is not positive.
    pub fn of(geometry: &Geometry, relative_bias: f64) -> Option<Self> {
        let margin = geometry.margin_at(relative_bias);
        (margin > 0.0).then_some(Self { margin, relative_bias })
    }

    /// The inverse temperature from which the exact loss is at most `epsilon` > 0: every matching
    /// logit is at least t m, every other at most -t m, so the loss is at most softplus(-t m).
    pub fn temperature_for(&self, epsilon: f64) -> f64 {
        (-epsilon.exp_m1().ln() / self.margin).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;
    use crate::loss::{softplus, term};
    use crate::points::initial_vectors;
    use crate::{Experiment, Numerics};

    fn vectors(pairs: usize, dim: usize, modalities: usize, seed: u64) -> Array3<f32> {
        let experiment = Experiment { pairs, dim, modalities, seed, ..Default::default() };
        initial_vectors(&experiment)
    }

    /// Every similarity, by a plain double loop.
    fn similarities(vectors: &Array3<f32>) -> Vec<(bool, f64)> {
        let (modalities, pairs, dim) = vectors.dim();
        let mut all = Vec::new();
        for a in 0..modalities {
            for b in a + 1..modalities {
                for i in 0..pairs {
                    for j in 0..pairs {
                        let s = (0..dim)
                            .map(|k| f64::from(vectors[[a, i, k]]) * f64::from(vectors[[b, j, k]]))
                            .sum();
                        all.push((i == j, s));
                    }
                }
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn margin_agrees_with_a_double_loop(
            pairs in 2usize..40, dim in 1usize..8, modalities in 2usize..4, seed in 0u64..1000,
        ) {
            let vectors = vectors(pairs, dim, modalities, seed);
            let geometry = Geometry::of(vectors.view()).unwrap();
            let all = similarities(&vectors);
            let least = all.iter().filter(|x| x.0).map(|x| x.1).fold(f64::INFINITY, f64::min);
            let most = all.iter().filter(|x| !x.0).map(|x| x.1).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((geometry.margin() - (least - most) / 2.0).abs() < 1e-6);
            prop_assert!((geometry.optimal_relative_bias() - (least + most) / 2.0).abs() < 1e-6);
        }

        #[test]
        fn violations_agree_with_a_double_loop(
            pairs in 2usize..30, seed in 0u64..1000, margin in -0.5f64..0.5, relative_bias in -1.0f64..1.0,
        ) {
            let vectors = vectors(pairs, 4, 2, seed);
            let answer = Constellation::check(vectors.view(), margin, relative_bias, 5).unwrap();
            let violates = |&(matching, s): &(bool, f64)| {
                if matching { s < relative_bias + margin - 1e-6 } else { s > relative_bias - margin + 1e-6 }
            };
            let certain = similarities(&vectors).iter().filter(|x| violates(x)).count();
            prop_assert!(answer.violating_pairs >= certain && answer.violating_pairs <= certain + 2);
            prop_assert_eq!(answer.worst.len(), answer.violating_pairs.min(5));
            prop_assert!(answer.worst.is_sorted_by(|a, b| a.excess >= b.excess));
            let geometry = Geometry::of(vectors.view()).unwrap();
            prop_assert_eq!(answer.holds(), geometry.margin_at(relative_bias) >= margin);
        }

        #[test]
        fn the_certificate_bounds_the_exact_loss(
            angle in 0.2f64..1.0, relative_bias in -0.3f64..0.3, epsilon in 1e-9f64..0.5,
        ) {
            // Two antipodal pairs, each turned by `angle`: margin cos(angle) at b_rel = 0.
            let (c, s) = (angle.cos() as f32, angle.sin() as f32);
            let vectors = Array3::from_shape_vec((2, 2, 2), vec![1., 0., -1., 0., c, s, -c, -s]).unwrap();
            let geometry = Geometry::of(vectors.view()).unwrap();
            if let Some(certificate) = Certificate::of(&geometry, relative_bias) {
                let t = certificate.temperature_for(epsilon);
                let terms = similarities(&vectors).into_iter()
                    .map(|(matching, s)| term(t * (s - relative_bias), matching, Numerics::Exact));
                let loss = terms.sum::<f64>() / 4.0;
                prop_assert!(loss <= softplus(-t * certificate.margin) + 1e-9);
                prop_assert!((softplus(-t * certificate.margin) - epsilon).abs() < 1e-9 || t == 0.0);
            } else {
                prop_assert!(angle.cos() <= relative_bias.abs() + 1e-6);
            }
        }
    }
}
