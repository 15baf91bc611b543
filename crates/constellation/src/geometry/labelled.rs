//! Geometry of labelled embeddings at ImageNet's size: every image with every text.

use ndarray::ArrayView2;
use serde::Serialize;

use super::column::Column;
use super::counts::Counts;
use super::distribution::Distribution;
use super::extremes::Geometry;
use super::families::Families;
use crate::error::Result;

/// What the similarities of every image with every distinct text tell. A pair matches
/// if the text is that of the image's class.
///
/// All numbers but the means are independent of the order of images and texts; all are
/// independent of the number of threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelledGeometry {
    /// How many images.
    pub images: usize,
    /// How many distinct texts.
    pub texts: usize,
    /// Dimension of the vectors.
    pub dim: usize,
    /// The margin (min matching - max non-matching) / 2: half the gap between the two
    /// kinds, negative if they overlap.
    pub margin: f64,
    /// (min matching + max non-matching) / 2, at which that margin is reached.
    pub optimal_relative_bias: f64,
    /// (mean matching - mean non-matching) / 2: the "margin" of the study's Table 6 (camera-ready).
    pub half_difference_of_means: f64,
    /// (mean matching + mean non-matching) / 2: the "relative bias" of the study's Table 6 (camera-ready).
    pub midpoint_of_means: f64,
    /// Similarities of matching pairs.
    pub matching: Distribution,
    /// Similarities of all other pairs.
    pub non_matching: Distribution,
    /// Finding the text of an image; `top_1` is the zero-shot accuracy.
    pub image_to_text: Retrieval,
    /// Finding an image of a text's class.
    pub text_to_image: Retrieval,
}

/// How often retrieval by similarity succeeds, as shares in [0, 1]. A tie counts as a miss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retrieval {
    /// How many queries: images, or texts whose class has an image.
    pub queries: usize,
    /// Share of queries whose most similar item matches.
    pub top_1: f64,
    /// Share of queries with a match among the five most similar items.
    pub top_5: f64,
}

impl LabelledGeometry {
    /// Of unit vectors: images `[n, dim]`, distinct texts `[k, dim]`, and the text
    /// `class_of[i]` of each image i.
    ///
    /// Memory beyond the embeddings does not grow with n k.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if shapes disagree, there are no images, dimensions or
    /// non-matching pairs, a class is out of range, or a row is no unit vector (a NaN
    /// is in none).
    pub fn of(images: ArrayView2<f32>, texts: ArrayView2<f32>, class_of: &[usize]) -> Result<Self> {
        Families::labelled(&images, &texts, class_of)?;
        let counts = Counts::of(&images, &texts, class_of, 0..images.nrows(), None, &mut |_| ())?;
        Ok(Self::of_counts(texts.nrows(), texts.ncols(), counts))
    }

    /// The two extreme similarities.
    pub fn extremes(&self) -> Geometry {
        Geometry { min_matching: self.matching.min, max_non_matching: self.non_matching.max }
    }
}

impl LabelledGeometry {
    /// What the counts of all similarities tell.
    pub(super) fn of_counts(texts: usize, dim: usize, counts: Counts) -> Self {
        let Counts { matching, non_matching, rows, columns, .. } = counts;
        let images = rows.len();
        let matching = matching.finish(rows.iter().map(|row| f64::from(row.matching)).sum());
        let non_matching = non_matching.finish(rows.iter().map(|row| row.sum_of_others).sum());
        let extremes = Geometry { min_matching: matching.min, max_non_matching: non_matching.max };
        let with_image = columns.iter().filter(|column| column.matching > f32::NEG_INFINITY);
        Self {
            images,
            texts,
            dim,
            margin: extremes.margin(),
            optimal_relative_bias: extremes.optimal_relative_bias(),
            half_difference_of_means: (matching.mean - non_matching.mean) / 2.0,
            midpoint_of_means: (matching.mean + non_matching.mean) / 2.0,
            image_to_text: Retrieval::of(rows.iter().map(|row| row.before)),
            text_to_image: Retrieval::of(with_image.map(Column::before)),
            matching,
            non_matching,
        }
    }
}

impl Retrieval {
    /// From the number of wrong items before the first match of each query.
    fn of(before: impl Iterator<Item = usize> + Clone) -> Self {
        let queries = before.clone().count();
        let share = |top: usize| before.clone().filter(|&b| b < top).count() as f64 / queries as f64;
        Self { queries, top_1: share(1), top_5: share(5) }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, arr2, stack};
    use proptest::prelude::*;

    use super::*;
    use crate::Experiment;
    use crate::geometry::counts::Sizes;
    use crate::geometry::{Constellation, RESOLUTION, Similarities};
    use crate::points::initial_vectors;

    /// Random unit vectors `[rows, dim]`; the last repeats the first.
    fn vectors(rows: usize, dim: usize, seed: u64) -> Array2<f32> {
        let experiment = Experiment { pairs: rows, dim, seed, ..Default::default() };
        let mut vectors = initial_vectors(&experiment).index_axis_move(Axis(0), 0);
        let first = vectors.row(0).to_owned();
        vectors.row_mut(rows - 1).assign(&first);
        vectors
    }

    fn classes(images: usize, texts: usize, seed: u64) -> Vec<usize> {
        (0..images).map(|i| (i * 7 + i * i * 3 + seed as usize) % texts).collect()
    }

    /// All similarities by a double loop in float64: `[images][texts]`.
    fn similarities(images: &Array2<f32>, texts: &Array2<f32>) -> Array2<f64> {
        images.mapv(f64::from).dot(&texts.mapv(f64::from).t())
    }

    /// How many queries find a match among their `top` first, a tie being a miss: at least, and at most.
    /// Two similarities that float64 tells apart by less than 1e-6 may have any order in float32.
    fn shares(queries: &[Vec<(f64, bool)>], top: usize) -> [f64; 2] {
        [true, false].map(|is_before| {
            let found = queries.iter().filter(|query| {
                let best = query.iter().filter(|x| x.1).map(|x| x.0).fold(f64::NEG_INFINITY, f64::max);
                let before = |ahead: f64| match ahead.abs() {
                    gap if gap <= 1e-12 => true,
                    gap if gap <= 1e-6 => is_before,
                    _ => ahead > 0.0,
                };
                query.iter().filter(|x| !x.1 && before(x.0 - best)).count() < top
            });
            found.count() as f64 / queries.len() as f64
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn agrees_with_brute_force(n in 2usize..60, k in 2usize..20, dim in 1usize..12, seed in 0u64..1000) {
            let (images, texts, class_of) = (vectors(n, dim, seed), vectors(k, dim, seed + 1), classes(n, k, seed));
            let geometry = LabelledGeometry::of(images.view(), texts.view(), &class_of).unwrap();
            let all = similarities(&images, &texts);
            let labelled = |i: usize, j: usize| (all[[i, j]], class_of[i] == j);
            let of_images: Vec<Vec<_>> = (0..n).map(|i| (0..k).map(|j| labelled(i, j)).collect()).collect();
            let of_texts: Vec<Vec<_>> = (0..k).filter(|j| class_of.contains(j))
                .map(|j| (0..n).map(|i| labelled(i, j)).collect()).collect();
            for (matching, distribution) in [(true, &geometry.matching), (false, &geometry.non_matching)] {
                let mut values: Vec<f64> = of_images.iter().flatten()
                    .filter(|x| x.1 == matching).map(|x| x.0).collect();
                values.sort_by(f64::total_cmp);
                prop_assert_eq!(distribution.count as usize, values.len());
                prop_assert_eq!(distribution.counts().iter().sum::<u64>(), distribution.count);
                prop_assert!((distribution.min - values[0]).abs() < 1e-6);
                prop_assert!((distribution.max - values[values.len() - 1]).abs() < 1e-6);
                prop_assert!((distribution.mean - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-6);
                for q in &distribution.quantiles {
                    let rank = (q.level * values.len() as f64).ceil().max(1.0) as usize;
                    prop_assert!((q.value - values[rank - 1]).abs() <= RESOLUTION / 2.0 + 1e-6);
                }
            }
            for (retrieval, queries) in [(geometry.image_to_text, &of_images), (geometry.text_to_image, &of_texts)] {
                prop_assert_eq!(retrieval.queries, queries.len());
                for (top, got) in [(1, retrieval.top_1), (5, retrieval.top_5)] {
                    let [least, most] = shares(queries, top);
                    prop_assert!((least..=most).contains(&got), "top {}: {} <= {} <= {}", top, least, got, most);
                }
            }
        }

        #[test]
        fn violations_agree_with_brute_force(n in 1usize..60, k in 2usize..9, seed in 0u64..1000,
                                             margin in -0.5f64..0.5, relative_bias in -1.0f64..1.0) {
            let (images, texts, class_of) = (vectors(n, 5, seed), vectors(k, 5, seed + 1), classes(n, k, seed));
            let bounds = (margin, relative_bias);
            let answer = Constellation::check_labelled(images.view(), texts.view(), &class_of, bounds, 4).unwrap();
            let mut excesses: Vec<f64> = similarities(&images, &texts).indexed_iter().map(|((i, j), s)| {
                if class_of[i] == j { relative_bias + margin - s } else { s - (relative_bias - margin) }
            }).filter(|excess| *excess > 0.0).collect();
            excesses.sort_by(|a, b| b.total_cmp(a));
            prop_assert!(answer.violating_pairs.abs_diff(excesses.len()) <= 1);
            for (violation, excess) in answer.worst.iter().zip(&excesses) {
                prop_assert!((violation.excess - excess).abs() < 1e-6);
            }
            prop_assert_eq!(answer.worst.len(), answer.violating_pairs.min(4));
        }

        #[test]
        fn tiles_shards_and_threads_do_not_matter(
            n in 2usize..80, k in 2usize..40, dim in 1usize..300, threads in 1usize..4, cut in 0usize..80,
            panel in 1usize..80, block in 1usize..9,
        ) {
            let (images, texts, class_of) = (vectors(n, dim, 1), vectors(k, dim, 2), classes(n, k, 3));
            let (images, texts) = (images.view(), texts.view());
            let expected = LabelledGeometry::of(images, texts, &class_of).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let count = |rows: std::ops::Range<usize>| pool.install(|| {
                let sizes = Sizes { panel, block, ..Sizes::DEFAULT };
                Counts::in_tiles(&images, &texts, &class_of, rows, None, sizes, &mut |_| ()).unwrap()
            });
            let mut counts = count(0..cut.min(n));
            counts.add(count(cut.min(n)..n));
            prop_assert_eq!(LabelledGeometry::of_counts(k, dim, counts), expected);
        }

        #[test]
        fn order_does_not_matter(n in 2usize..50, k in 2usize..12, turn in 1usize..50, seed in 0u64..100) {
            let (images, texts, class_of) = (vectors(n, 6, seed), vectors(k, 6, seed + 1), classes(n, k, seed));
            let rows: Vec<usize> = (0..n).map(|i| (i + turn) % n).collect();
            let columns: Vec<usize> = (0..k).map(|j| (j + turn) % k).collect();
            let renamed: Vec<usize> = rows.iter()
                .map(|&i| columns.iter().position(|&j| j == class_of[i]).unwrap()).collect();
            let mut a = LabelledGeometry::of(images.view(), texts.view(), &class_of).unwrap();
            let (images, texts) = (images.select(Axis(0), &rows), texts.select(Axis(0), &columns));
            let b = LabelledGeometry::of(images.view(), texts.view(), &renamed).unwrap();
            prop_assert!((a.midpoint_of_means - b.midpoint_of_means).abs() < 1e-12);
            prop_assert!((a.half_difference_of_means - b.half_difference_of_means).abs() < 1e-12);
            (a.midpoint_of_means, a.half_difference_of_means) = (b.midpoint_of_means, b.half_difference_of_means);
            (a.matching.mean, a.non_matching.mean) = (b.matching.mean, b.non_matching.mean);
            prop_assert_eq!(a, b);
        }

        #[test]
        fn synthetic_runs_are_labelled_by_their_order(pairs in 2usize..40, dim in 1usize..8, seed in 0u64..100) {
            let (u, v) = (vectors(pairs, dim, seed), vectors(pairs, dim, seed + 1));
            let embeddings = stack![Axis(0), u, v];
            let order: Vec<usize> = (0..pairs).collect();
            let geometry = LabelledGeometry::of(u.view(), v.view(), &order).unwrap();
            prop_assert_eq!(geometry.extremes(), Geometry::of(embeddings.view()).unwrap());
            let stored = Similarities::of(embeddings.view()).unwrap();
            prop_assert_eq!(geometry.non_matching.count as usize, stored.non_matching.len());
        }
    }

    #[test]
    fn a_tie_counts_as_a_miss() {
        let (images, texts) = (arr2(&[[1f32, 0.]]), arr2(&[[1f32, 0.], [1., 0.]]));
        let geometry = LabelledGeometry::of(images.view(), texts.view(), &[0]).unwrap();
        assert_eq!((geometry.image_to_text.top_1, geometry.image_to_text.top_5), (0.0, 1.0));
        assert_eq!((geometry.text_to_image.queries, geometry.text_to_image.top_1), (1, 1.0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let unit = arr2(&[[1f32, 0.], [0., 1.], [0., -1.]]);
        let error = |images: &Array2<f32>, texts: &Array2<f32>, class_of: &[usize]| {
            LabelledGeometry::of(images.view(), texts.view(), class_of).unwrap_err().to_string()
        };
        let nan = arr2(&[[1f32, 0.], [0., f32::NAN], [0., 1.]]);
        assert!(error(&nan, &unit, &[0, 1, 2]).contains("images: got length NaN in row 1"));
        assert!(error(&unit, &(&unit * 2.0), &[0, 1, 2]).contains("texts: got length 2 in row 0"));
        assert!(error(&unit, &unit, &[0, 1, 3]).contains("3 for image 2"));
        assert!(error(&unit, &unit, &[0, 1]).contains("2 of them"));
        assert!(error(&unit, &unit.select(Axis(0), &[0]), &[0, 0, 0]).contains("two texts"));
        assert!(error(&Array2::zeros((3, 0)), &Array2::zeros((3, 0)), &[0, 1, 2]).contains("[3, 0]"));
        assert!(error(&Array2::zeros((0, 2)), &unit, &[]).contains("one image"));
    }
}
