//! How well queries of subsets can be told from the other documents, in any dimension.
//!
//! n documents V_j and a query U_S for each subset S of k of them, all unit vectors, with
//! <U_S, V_j> >= a for j in S and <= c for the others. Averaged over all permutations of the documents the
//! Gram matrix of all vectors stays one, and a and c only get better; so let it be invariant, with
//! similarities a and c exactly. Then U^T V acts on two parts: on the constant vectors with
//! |k a + (n - k) c| sqrt(Q / n), Q the number of queries, and on the n - 1 dimensions across them with
//! (a - c) sqrt(binomial(n - 2, k - 1)). If U and V have shares y and x of their squared lengths, Q and n,
//! on the constant vectors, the first is at most sqrt(n Q x y), and n - 1 times the second at most
//! sqrt(n Q (1 - x) (1 - y)). Their sum is at most sqrt(n Q), by Cauchy and Schwarz:
//!
//! ```text
//! |k a + (n - k) c| + (a - c) R <= n,    R = sqrt((n - 1) k (n - k)).
//! ```
//!
//! With a = m and c = -m this is the first ceiling below, and without the first term the second. A
//! simplex of documents and sums of them as queries, moved apart for the first, meet them. For a = -c the
//! formula is that of arXiv 2605.23556, (p + q) / (2 + p - q) with p = sqrt((1 - k/n) / (k (1 - 1/n))) and
//! q = p k / (n - k), which holds for 2 k <= n; the proof is ours.

/// The largest margins of queries of all subsets of `positives` of `documents`, in any dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubsetCeilings {
    /// With the threshold 0, that is b_rel = 0: n / (|n - 2 k| + 2 R).
    pub at_zero: f64,
    /// With the best threshold: n / (2 R).
    pub at_best: f64,
}

/// The ceilings for n = `documents` and k = `positives`, 0 < k < n.
///
/// ```
/// use constellation::geometry::theory::subset_ceilings;
///
/// let ceilings = subset_ceilings(20, 2);
/// assert!((ceilings.at_zero - 0.2928).abs() < 5e-5); // as published
/// assert!((ceilings.at_best - 0.3824).abs() < 5e-5);
/// ```
pub fn subset_ceilings(documents: usize, positives: usize) -> SubsetCeilings {
    let (n, k) = (documents as f64, positives as f64);
    let r = ((n - 1.0) * k * (n - k)).sqrt();
    SubsetCeilings { at_zero: n / ((n - 2.0 * k).abs() + 2.0 * r), at_best: n / (2.0 * r) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::super::construction::simplex;
    use super::*;
    use crate::geometry::SubsetRetrieval;
    use crate::subsets::Subsets;
    use crate::{Experiment, Numerics, Record, Settings, Temperature, TemperatureForm};

    /// The queries and documents that meet the ceilings, at threshold 0 or at the best.
    fn construction(n: usize, k: usize, at_zero: bool) -> [Array2<f32>; 2] {
        let documents = simplex(n);
        let flat = Subsets { documents: n, size: k }.flat();
        let mut queries = Array2::zeros((flat.len() / k, n - 1));
        for (mut query, subset) in queries.rows_mut().into_iter().zip(flat.chunks(k)) {
            subset.iter().for_each(|&j| query += &documents.row(j));
            let norm = query.dot(&query).sqrt();
            query /= norm;
        }
        let p = queries.row(0).dot(&documents.row(0));
        let q = -queries.row(0).dot(&documents.row(n - 1));
        let delta2 = if at_zero { 2.0 / (2.0 + (p - q).abs()) } else { 1.0 };
        let sign = if p >= q { -1.0 } else { 1.0 };
        [(queries, 1.0), (documents, sign)].map(|(vectors, side)| {
            let mut moved = vectors * f64::sqrt(delta2);
            let height = ndarray::Array1::from_elem(moved.nrows(), side * (1.0 - delta2).sqrt());
            moved.push_column(height.view()).unwrap();
            assert!(moved.map_axis(Axis(1), |row| row.dot(&row)).iter().all(|x| (x - 1.0).abs() < 1e-12));
            moved.mapv(|x| x as f32)
        })
    }

    #[test]
    fn a_simplex_and_sums_of_its_vertices_meet_the_ceilings() {
        for (n, k) in [(3, 1), (4, 2), (6, 2), (5, 3), (7, 6), (20, 2), (9, 4)] {
            let ceilings = subset_ceilings(n, k);
            let [queries, documents] = construction(n, k, true);
            let geometry = SubsetRetrieval::of(queries.view(), documents.view(), k).unwrap().geometry;
            assert!((geometry.margin_at(0.0) - ceilings.at_zero).abs() < 1e-6, "{n}, {k}: {geometry:?}");
            let [queries, documents] = construction(n, k, false);
            let geometry = SubsetRetrieval::of(queries.view(), documents.view(), k).unwrap().geometry;
            assert!((geometry.margin() - ceilings.at_best).abs() < 1e-6, "{n}, {k}: {geometry:?}");
        }
    }

    #[test]
    fn the_first_is_the_published_formula() {
        for (n, k) in [(20.0_f64, 2.0_f64), (40.0, 2.0), (9.0, 4.0), (5.0, 1.0)] {
            let p = ((1.0 - k / n) / (k * (1.0 - 1.0 / n))).sqrt();
            let q = p * k / (n - k);
            let ceilings = subset_ceilings(n as usize, k as usize);
            assert!((ceilings.at_zero - (p + q) / (2.0 + p - q)).abs() < 1e-12);
            assert!((ceilings.at_best - (p + q) / 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn no_training_exceeds_a_ceiling() {
        for (n, k, dim, seed) in [(6, 2, 8, 1), (5, 3, 4, 2), (8, 2, 12, 3), (7, 1, 3, 4)] {
            let experiment = Experiment {
                pairs: n,
                positives: k,
                dim,
                seed,
                epochs: 2000,
                temperature: Temperature::trained(1.0).learned_as(TemperatureForm::Plain),
                numerics: Numerics::Exact,
                ..Experiment::default()
            };
            let settings = Settings { record: Record::MARGIN, ..Settings::default() };
            let run = experiment.train_with(settings, &mut |_| ()).unwrap();
            let ceilings = subset_ceilings(n, k);
            assert!(run.geometry().margin_at(0.0) <= ceilings.at_zero + 1e-6);
            assert!(run.best_margin(1) <= ceilings.at_best + 1e-6);
            assert!(run.margin() > 0.7 * ceilings.at_zero || dim < n, "{n}, {k}: {}", run.margin());
        }
    }
}
