//! Counting the values of two classes, in bins that keep what separates them visible.

use crate::scale::extent;

/// Bins over the joint range of both classes, about.
const BINS: usize = 50;
/// Counted bins are merged until there are at most this many.
pub(super) const MOST_BINS: usize = 60;

/// Equal bins with the counts of one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    low: f64,
    width: f64,
    counts: Vec<u64>,
}

impl Bins {
    /// Counts values that lie in `number` bins from `low` on, up to rounding.
    fn counted(low: f64, width: f64, number: usize, values: &[f32]) -> Self {
        let mut counts = vec![0; number];
        for value in values {
            counts[(((f64::from(*value) - low) / width) as usize).min(number - 1)] += 1;
        }
        Self { low, width, counts }
    }

    /// Ends of the first and the last bin.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.low, self.start(self.counts.len())]
    }

    pub(super) fn start(&self, bin: usize) -> f64 {
        self.low + bin as f64 * self.width
    }

    /// Occupied bins and their densities.
    pub(super) fn densities(&self) -> impl Iterator<Item = (usize, f64)> + Clone + '_ {
        let total: u64 = self.counts.iter().sum();
        let density = move |count: u64| count as f64 / total as f64 / self.width;
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(move |(bin, count)| (bin, density(*count)))
    }
}

/// Counts finite values, the first class (matching) and the second; none if both are
/// empty. Where the first lies wholly above the second, each has bins of its own and none
/// reaches into the gap; elsewhere they share theirs.
pub(super) fn of_values(classes: [&[f32]; 2]) -> Option<[Bins; 2]> {
    let extents = classes.map(|values| extent(values.iter().map(|value| f64::from(*value))));
    let (low, high) = extent(extents.into_iter().flatten().flat_map(|(low, high)| [low, high]))?;
    let (low, high) = widened(low, high);
    let width = (high - low) / BINS as f64;
    Some(match extents {
        [Some(upper), Some(lower)] if upper.0 > lower.1 => {
            let (start, upper_width, number) = above(upper, width);
            let upper = Bins::counted(start, upper_width, number, classes[0]);
            let (end, lower_width, number) = above((-lower.1, -lower.0), width);
            let start = -end - number as f64 * lower_width;
            [upper, Bins::counted(start, lower_width, number, classes[1])]
        }
        _ => classes.map(|values| Bins::counted(low, width, BINS, values)),
    })
}

/// Merges equal bins from `low` on, each of a certain width, that were counted already;
/// none if both classes are empty. Empty bins at the ends are left out; bins of separated
/// classes are as in [`of_values`].
pub(super) fn of_counts(low: f64, width: f64, classes: [&[u64]; 2]) -> Option<[Bins; 2]> {
    let occupied = classes.map(|counts| {
        let first = counts.iter().position(|count| *count > 0)?;
        Some((first, counts.iter().rposition(|count| *count > 0)?))
    });
    let first = occupied.iter().flatten().map(|ends| ends.0).min()?;
    let last = occupied.iter().flatten().map(|ends| ends.1).max()?;
    let merged = (last + 1 - first).div_ceil(MOST_BINS);
    let start_of = |bin: usize| low + bin as f64 * width;
    let sum = |bins: &[u64]| bins.iter().sum();
    let upwards = |counts: &[u64], first: usize, last: usize| Bins {
        low: start_of(first),
        width: width * merged as f64,
        counts: counts[first..=last].chunks(merged).map(sum).collect(),
    };
    let downwards = |counts: &[u64], first: usize, last: usize| {
        let mut counts: Vec<u64> = counts[first..=last].rchunks(merged).map(sum).collect();
        counts.reverse();
        let low = start_of(last + 1) - (counts.len() * merged) as f64 * width;
        Bins { low, width: width * merged as f64, counts }
    };
    Some(match occupied {
        [Some(upper), Some(lower)] if upper.0 > lower.1 => {
            [upwards(classes[0], upper.0, upper.1), downwards(classes[1], lower.0, lower.1)]
        }
        _ => classes.map(|counts| upwards(counts, first, last)),
    })
}

/// Start, width and number of bins, none wider than `widest`, that cover `low` to `high`
/// exactly. A narrower range has one bin of that width, from `low` on, but not beyond 1
/// where no value is: similarities end there.
fn above((low, high): (f64, f64), widest: f64) -> (f64, f64, usize) {
    const ROUNDING: f64 = 1e-5;
    let number = ((high - low) / widest).ceil().max(1.0);
    if number > 1.0 {
        return (low, (high - low) / number, number as usize);
    }
    let beyond = low + widest > 1.0 && high <= 1.0 + ROUNDING;
    (if beyond { high.max(1.0) - widest } else { low }, widest, 1)
}

/// A range of positive length around values that (nearly) coincide.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let magnitude = low.abs().max(high.abs());
    let narrow = high - low <= 1e-5 * magnitude || high == low;
    let margin = if narrow { 0.05 * magnitude.max(0.5) } else { 0.0 };
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(bins: &Bins) -> u64 {
        bins.counts.iter().sum()
    }

    fn area(bins: &Bins) -> f64 {
        bins.densities().map(|(_, density)| density * bins.width).sum()
    }

    proptest! {
        #[test]
        fn no_value_is_lost_and_no_bar_reaches_into_the_gap(
            matching in prop::collection::vec(0.001_f32..1.0, 1..50),
            others in prop::collection::vec(-1.0_f32..-0.001, 1..50),
            b_rel in -3.0_f32..3.0,
        ) {
            let [matching, others] = [matching, others].map(|s| s.iter().map(|s| s + b_rel).collect::<Vec<_>>());
            let [upper, lower] = of_values([&matching, &others]).unwrap();
            prop_assert_eq!(total(&upper), matching.len() as u64);
            prop_assert_eq!(total(&lower), others.len() as u64);
            prop_assert!((area(&upper) - 1.0).abs() < 1e-9 && (area(&lower) - 1.0).abs() < 1e-9);
            prop_assert!(upper.counts.len() <= BINS + 1 && lower.counts.len() <= BINS + 1);
            let least: f64 = matching.iter().copied().fold(f32::INFINITY, f32::min).into();
            let most: f64 = others.iter().copied().fold(f32::NEG_INFINITY, f32::max).into();
            // One bin that would end beyond 1 (begin below -1) is moved back instead.
            let at_limit = |bins: &Bins| bins.counts.len() == 1 && (bins.ends()[1] <= 1.0 || bins.ends()[0] >= -1.0);
            prop_assert!(upper.low >= least - 1e-9 || at_limit(&upper), "{upper:?}");
            prop_assert!(lower.ends()[1] <= most + 1e-9_f64 || at_limit(&lower), "{lower:?}");
        }

        #[test]
        fn counted_values_keep_their_number_and_their_gap(
            upper in prop::collection::vec(0_u64..1000, 1..400),
            lower in prop::collection::vec(0_u64..1000, 1..400),
            gap in 0_usize..30,
        ) {
            prop_assume!([&upper, &lower].iter().all(|counts| counts.iter().any(|count| *count > 0)));
            let matching: Vec<u64> = vec![0; lower.len() + gap].into_iter().chain(upper.iter().copied()).collect();
            let others: Vec<u64> = lower.iter().copied().chain(vec![0; gap + upper.len()]).collect();
            let [above, below] = of_counts(-1.0, 0.01, [&matching, &others]).unwrap();
            prop_assert_eq!(total(&above), upper.iter().sum::<u64>());
            prop_assert_eq!(total(&below), lower.iter().sum::<u64>());
            let border = -1.0 + 0.01 * lower.len() as f64;
            prop_assert!(below.ends()[1] <= border + 1e-9 && above.low >= border - 1e-9);
        }
    }

    #[test]
    fn bars_end_where_similarities_end() {
        let [upper, lower] = of_values([&[0.9999, 1.0], &[-0.2, 0.4]]).unwrap();
        assert!((upper.ends()[1] - 1.0).abs() < 1e-9, "{upper:?}");
        assert!((lower.ends()[1] - 0.4).abs() < 1e-6, "{lower:?}");
        let [_, lower] = of_values([&[0.5], &[-1.0]]).unwrap();
        assert!((lower.low + 1.0).abs() < 1e-9, "{lower:?}");
    }

    #[test]
    fn what_is_not_separated_shares_its_bins() {
        let [a, b] = of_values([&[0.1, 0.5], &[-0.5, 0.2]]).unwrap();
        assert_eq!((a.low, a.width), (b.low, b.width));
        let [a, b] = of_counts(0.0, 1.0, [&[0, 1, 2, 0], &[0, 0, 4, 0]]).unwrap();
        assert_eq!((a.low, a.counts), (1.0, vec![1, 2]));
        assert_eq!((b.low, b.counts), (1.0, vec![0, 4]));
        assert!(of_values([&[], &[]]).is_none() && of_counts(0.0, 1.0, [&[0], &[0]]).is_none());
    }
}
