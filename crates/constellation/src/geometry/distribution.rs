//! The distribution of many similarities: extremes, mean, quantiles, counts in fine bins.

use serde::Serialize;

/// A distribution of similarities. Minimum and maximum are exact for the float32
/// similarities, the mean is their float64 mean, quantiles are within [`RESOLUTION`] / 2.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// How many similarities.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
    /// Some quantiles, ascending.
    pub quantiles: Vec<Quantile>,
    #[serde(skip)]
    counts: Vec<u64>,
}

/// A quantile of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantile {
    /// The share of similarities that are at most `value`.
    pub level: f64,
    /// Known to half of [`RESOLUTION`].
    pub value: f64,
}

/// The width of a bin.
pub const RESOLUTION: f64 = 1e-4;

const BINS: usize = 21_000;
const BINS_PER_UNIT: f64 = 10_000.0;
const LEVELS: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

impl Distribution {
    /// Start of the first bin. Similarities of vectors whose lengths are within 0.01 of 1
    /// lie between -1.0201 and 1.0201.
    pub const LOW: f64 = -1.05;
    /// End of the last bin.
    pub const HIGH: f64 = 1.05;

    /// How many similarities lie in each of the equal bins between [`Self::LOW`] and
    /// [`Self::HIGH`], for histograms.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The least value that at least the share `level` of the similarities does not
    /// exceed, to half of [`RESOLUTION`]. Levels outside [0, 1] are taken as 0 or 1.
    pub fn quantile(&self, level: f64) -> f64 {
        let rank = ((level.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return self.max;
        }
        let mut below = 0;
        let bin = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        let middle = |bin: usize| Self::LOW + (bin as f64 + 0.5) / BINS_PER_UNIT;
        bin.map_or(self.max, middle).clamp(self.min, self.max)
    }
}

/// Counts and extremes while they are collected. Merging is exact, so that the order
/// does not matter.
#[derive(Clone)]
pub(super) struct Tally {
    counts: Vec<u64>,
    least: f32,
    most: f32,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BINS], least: f32::INFINITY, most: f32::NEG_INFINITY }
    }

    pub(super) fn add(&mut self, similarity: f32) {
        let bin = ((f64::from(similarity) - Distribution::LOW) * BINS_PER_UNIT) as usize;
        self.counts[bin.min(BINS - 1)] += 1;
        self.least = self.least.min(similarity);
        self.most = self.most.max(similarity);
    }

    /// Adds many, of which those that are minus infinity stand for none.
    #[inline(always)]
    pub(super) fn add_all(&mut self, similarities: &[f32]) {
        const TOGETHER: usize = 16;
        /// Added to a whole number below it, its last bits are that number.
        const WHOLE: f64 = (1_u64 << 52) as f64;
        const LAST: f64 = (BINS - 1) as f64;
        let mut bins = [0_u32; TOGETHER];
        let (mut least, mut most) = ([f32::INFINITY; TOGETHER], [f32::NEG_INFINITY; TOGETHER]);
        let mut none = [0_u32; TOGETHER];
        let (parts, rest) = similarities.as_chunks::<TOGETHER>();
        for part in parts {
            // Without a branch, and one for each lane: so all go side by side.
            for lane in 0..TOGETHER {
                let s = part[lane];
                let bin = ((f64::from(s) - Distribution::LOW) * BINS_PER_UNIT).floor();
                let bin = if bin > 0.0 { bin } else { 0.0 };
                let bin = if bin < LAST { bin } else { LAST };
                bins[lane] = (bin + WHOLE).to_bits() as u32;
                let is_none = s == f32::NEG_INFINITY;
                none[lane] += u32::from(is_none);
                let present = if is_none { f32::INFINITY } else { s };
                least[lane] = if present < least[lane] { present } else { least[lane] };
                most[lane] = if s > most[lane] { s } else { most[lane] };
            }
            for bin in bins {
                self.counts[bin as usize] += 1;
            }
        }
        self.counts[0] -= none.into_iter().map(u64::from).sum::<u64>();
        self.least = least.into_iter().fold(self.least, f32::min);
        self.most = most.into_iter().fold(self.most, f32::max);
        rest.iter().filter(|&&s| s != f32::NEG_INFINITY).for_each(|&s| self.add(s));
    }

    /// Counts, and least and greatest, to be kept.
    pub(super) fn state(&self) -> (&[u64], [f32; 2]) {
        (&self.counts, [self.least, self.most])
    }

    /// What was kept; none if it has another form.
    pub(super) fn from_state(counts: Vec<usize>, extremes: &[f32]) -> Option<Self> {
        let [least, most] = *extremes else { return None };
        let counts: Vec<u64> = counts.into_iter().map(|count| count as u64).collect();
        (counts.len() == BINS).then_some(Self { counts, least, most })
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// The distribution of what was added, at least one similarity, whose sum is `sum`.
    pub(super) fn finish(self, sum: f64) -> Distribution {
        let count = self.counts.iter().sum();
        let (min, max) = (f64::from(self.least), f64::from(self.most));
        // Rounding in the sum can put the mean of equal values beyond them.
        let mean = (sum / count as f64).clamp(min, max);
        let mut distribution =
            Distribution { count, min, mean, max, quantiles: Vec::new(), counts: self.counts };
        distribution.quantiles =
            LEVELS.iter().map(|&level| Quantile { level, value: distribution.quantile(level) }).collect();
        distribution
    }
}
