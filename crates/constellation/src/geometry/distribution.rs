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
        let bin = place(f64::from(similarity)) as usize;
        self.counts[bin.min(BINS - 1)] += 1;
        self.least = self.least.min(similarity);
        self.most = self.most.max(similarity);
    }

    /// Adds what was counted by itself, least and greatest aside.
    pub(super) fn take(&mut self, bins: &Bins) {
        self.counts.iter_mut().zip(&*bins.counts).for_each(|(count, &more)| *count += u64::from(more));
        self.counts[0] -= bins.infinities;
    }

    /// Widens the range to reach from the least to the most of some similarities.
    #[inline(always)]
    pub(super) fn widen(&mut self, least: f32, most: f32) {
        self.least = self.least.min(least);
        self.most = self.most.max(most);
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

/// Where a similarity lies: in the bin of this number, rounded down.
#[inline(always)]
fn place(similarity: f64) -> f64 {
    (similarity - Distribution::LOW) * BINS_PER_UNIT
}

/// Counts of fewer than 2^32 similarities of unit vectors.
pub(super) struct Bins {
    /// So many that a masked number is one of them, which takes no check.
    counts: Box<[u32; Self::ROOM]>,
    infinities: u64,
}

impl Bins {
    const ROOM: usize = BINS.next_power_of_two();
    /// A bin that is not looked at.
    pub(super) const NOWHERE: u32 = Self::ROOM as u32 - 1;

    pub(super) fn new() -> Self {
        Self { counts: Box::new([0; Self::ROOM]), infinities: 0 }
    }

    /// The bin of a similarity of unit vectors, or 0 for minus infinity; without a branch.
    #[inline(always)]
    pub(super) fn of(similarity: f64) -> u32 {
        /// Added to a whole number below it, its last bits are that number.
        const WHOLE: f64 = (1_u64 << 52) as f64;
        (place(similarity).floor() + WHOLE).to_bits() as u32
    }

    /// Counts one more in each of these bins.
    #[inline(always)]
    pub(super) fn add(&mut self, bins: &[u32]) {
        bins.iter().for_each(|&bin| self.counts[bin as usize % Self::ROOM] += 1);
    }

    /// Leaves out one that was minus infinity, or will be.
    pub(super) fn forget_infinity(&mut self) {
        self.infinities += 1;
    }
}
