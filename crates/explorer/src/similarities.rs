//! Similarities of large runs, condensed to what loss and histogram need.

use ndarray::{ArrayView3, Axis};

/// Similarities of one kind of pairs as groups of neighbouring values.
///
/// Groups are single values at the end that decides the loss at a low temperature, and
/// further on a 16th of all values before them. So the loss, which is a smooth sum over the
/// values, keeps its relative precision at every temperature.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Groups {
    /// Mean similarity of each group, from the deciding end on.
    pub(super) mean: Vec<f32>,
    /// Number of similarities in it.
    pub(super) count: Vec<f32>,
}

/// All similarities of a frame, condensed.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// Of matching pairs, from the lowest on.
    pub(super) matching: Groups,
    /// Of non-matching pairs, from the highest on.
    pub(super) non_matching: Groups,
    /// The lowest similarity of a matching and the highest of a non-matching pair.
    pub(super) extremes: [f32; 2],
    /// Counts in [`BINS`] equal bins of [-1, 1]: matching pairs, then non-matching ones.
    pub(super) histogram: [Vec<u32>; 2],
}

/// Bins of the histogram that is shown.
pub(super) const BINS: usize = 100;

/// Condenses the similarities of all pairs of modalities of `vectors` `[modalities, pairs, dim]`.
pub(super) fn condense(vectors: ArrayView3<'_, f32>) -> Sketch {
    let mut fine = [FineHistogram::new(), FineHistogram::new()];
    let mut histogram = [vec![0; BINS], vec![0; BINS]];
    let mut extremes = [f32::INFINITY, f32::NEG_INFINITY];
    for_each(vectors, |is_matching, s| {
        let kind = usize::from(!is_matching);
        fine[kind].add(s);
        histogram[kind][bin(s, BINS)] += 1;
        extremes[kind] = if is_matching { extremes[kind].min(s) } else { extremes[kind].max(s) };
    });
    let [matching, non_matching] = fine;
    Sketch {
        matching: matching.groups(0..FINE_BINS),
        non_matching: non_matching.groups((0..FINE_BINS).rev()),
        extremes,
        histogram,
    }
}

/// Calls `visit(is_matching, similarity)` for every entry of every pair of modalities.
fn for_each(vectors: ArrayView3<'_, f32>, mut visit: impl FnMut(bool, f32)) {
    let modalities = vectors.len_of(Axis(0));
    for first in 0..modalities {
        for second in first + 1..modalities {
            let (u, v) = (vectors.index_axis(Axis(0), first), vectors.index_axis(Axis(0), second));
            for ((i, j), &s) in u.dot(&v.t()).indexed_iter() {
                visit(i == j, s);
            }
        }
    }
}

/// Fine enough that a bin's spread does not show in the loss up to t = 1e4.
const FINE_BINS: usize = 1 << 16;

struct FineHistogram {
    sum: Vec<f64>,
    count: Vec<u32>,
}

impl FineHistogram {
    fn new() -> Self {
        Self { sum: vec![0.0; FINE_BINS], count: vec![0; FINE_BINS] }
    }

    fn add(&mut self, s: f32) {
        let bin = bin(s, FINE_BINS);
        self.sum[bin] += f64::from(s);
        self.count[bin] += 1;
    }

    /// Merges bins, in the order of `bins`, into groups.
    fn groups(&self, bins: impl Iterator<Item = usize>) -> Groups {
        let mut groups = Groups::default();
        let (mut before, mut sum, mut count) = (0, 0.0, 0);
        for bin in bins.filter(|&bin| self.count[bin] > 0) {
            sum += self.sum[bin];
            count += self.count[bin];
            if count > before / 16 {
                groups.push(sum, count);
                (before, sum, count) = (before + count, 0.0, 0);
            }
        }
        if count > 0 {
            groups.push(sum, count);
        }
        groups
    }
}

impl Groups {
    fn push(&mut self, sum: f64, count: u32) {
        self.mean.push((sum / f64::from(count)) as f32);
        self.count.push(count as f32);
    }
}

/// Which of `bins` equal bins of [-1, 1] the similarity `s` is in.
fn bin(s: f32, bins: usize) -> usize {
    (((f64::from(s) + 1.0) / 2.0 * bins as f64) as usize).min(bins - 1)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;

    /// Points on a circle: similarities spread over all of [-1, 1].
    fn circle(angles: &[f32]) -> Array3<f32> {
        let half = angles.len() / 2;
        Array3::from_shape_fn((2, half, 2), |(m, i, k)| {
            let angle = angles[m * half + i];
            if k == 0 { angle.cos() } else { angle.sin() }
        })
    }

    fn exact_loss(vectors: &Array3<f32>, t: f64, bias: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for_each(vectors.view(), |matching, s| {
            let z = t * (f64::from(s) - bias);
            sum += softplus(if matching { -z } else { z });
            count += 1;
        });
        sum / f64::from(count)
    }

    fn softplus(z: f64) -> f64 {
        z.max(0.0) + (-z.abs()).exp().ln_1p()
    }

    fn sketch_loss(sketch: &Sketch, t: f64, bias: f64) -> f64 {
        let total = |groups: &Groups, sign: f64| -> f64 {
            let terms = groups.mean.iter().zip(&groups.count);
            terms.map(|(&s, &n)| f64::from(n) * softplus(sign * t * (f64::from(s) - bias))).sum()
        };
        let count: f32 = sketch.matching.count.iter().chain(&sketch.non_matching.count).sum();
        (total(&sketch.matching, -1.0) + total(&sketch.non_matching, 1.0)) / f64::from(count)
    }

    proptest! {
        #[test]
        fn a_sketch_keeps_loss_counts_and_extremes(
            angles in prop::collection::vec(-3.2f32..3.2, 100..200), log_t in 0.0..7.0, bias in -1.0..1.0,
        ) {
            let vectors = circle(&angles);
            let sketch = condense(vectors.view());
            let pairs = angles.len() / 2;
            prop_assert_eq!(sketch.matching.count.iter().sum::<f32>(), pairs as f32);
            prop_assert_eq!(sketch.non_matching.count.iter().sum::<f32>(), (pairs * (pairs - 1)) as f32);
            prop_assert_eq!(sketch.histogram[1].iter().sum::<u32>() as usize, pairs * (pairs - 1));
            prop_assert!((sketch.matching.mean[0] - sketch.extremes[0]).abs() < 1e-4);
            prop_assert!((sketch.non_matching.mean[0] - sketch.extremes[1]).abs() < 1e-4);
            let t = f64::exp(log_t);
            let (exact, sketched) = (exact_loss(&vectors, t, bias), sketch_loss(&sketch, t, bias));
            prop_assert!((sketched / exact - 1.0).abs() < 0.01, "{} {}", exact, sketched);
        }
    }
}
