//! The rows of a panel meet a tile of columns: the inner loops of the counts.
//!
//! Whatever is counted of a similarity costs about as much as the product that it comes from, so the
//! loops are few: one along each column that looks for the rare similarity that anyone is told of, and
//! one for sixteen rows at a time over some columns, so that the sums of the rows stay in registers.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, linalg::general_mat_mul, s};
use pulp::{Arch, Simd, WithSimd};

use super::column::Column;
use super::constellation::{Violation, WORST, worst_first};
use super::distribution::{Bins, Tally};

/// Rows that are counted side by side: the float32 in the widest vector.
const LANES: usize = 16;
/// Columns that are counted together, and stay in the first cache for that.
const GROUP: usize = 16;

/// Some consecutive rows.
pub(super) struct Panel<'a> {
    /// The number of the first.
    pub first: usize,
    pub vectors: ArrayView2<'a, f32>,
    /// The column that each of all rows matches.
    pub class_of: &'a [usize],
    /// The similarity of each of these rows with it.
    pub matching: &'a [f32],
    pub relative_bias: Option<f64>,
}

/// What a tile of columns tells of a panel, its own columns aside.
pub(super) struct Tile {
    pub non_matching: Tally,
    /// Of each row the sum of the similarities that do not match, in the order of the columns.
    pub sums: Vec<f64>,
    /// Of each row how many of them are at least as great as that which matches.
    pub before: Vec<u32>,
    pub violations: Violations,
}

impl Tile {
    /// The similarities with the columns from `first` on, in products of at most `block` rows and
    /// columns; the columns are told what concerns them.
    pub(super) fn of(
        panel: &Panel,
        first: usize,
        vectors: ArrayView2<f32>,
        columns: &mut [Column],
        block: usize,
    ) -> Self {
        let rows = panel.matching.len();
        let mut tile = Self {
            non_matching: Tally::new(),
            sums: vec![0.0; rows],
            before: vec![0; rows],
            violations: Violations::beyond(panel.relative_bias),
        };
        let mut bins = Bins::new();
        let mut product = vec![0.0; block * block];
        for start in (0..rows).step_by(block) {
            let end = (start + block).min(rows);
            let of_rows = panel.vectors.slice(s![start..end, ..]);
            let parts = vectors.axis_chunks_iter(Axis(0), block).zip(columns.chunks_mut(block));
            for (part, (vectors, columns)) in parts.enumerate() {
                let first = first + part * block;
                let others = &mut product[..columns.len() * (end - start)];
                let shape = (columns.len(), end - start);
                let mut view = ArrayViewMut2::from_shape(shape, others).expect("as many as there are");
                general_mat_mul(1.0, &vectors, &of_rows.t(), 0.0, &mut view);
                for (row, class) in panel.class_of[panel.first + start..panel.first + end].iter().enumerate()
                {
                    // Its own column is taken out: it is beyond no bound, and in no sum.
                    if let Some(own) = class.checked_sub(first).filter(|&own| own < columns.len()) {
                        view[[own, row]] = f32::NEG_INFINITY;
                        bins.forget_infinity();
                    }
                }
                // With the vector instructions that this processor has.
                Arch::new().dispatch(Block {
                    corner: (panel.first + start, first),
                    others: &product[..columns.len() * (end - start)],
                    matching: &panel.matching[start..end],
                    columns,
                    sums: &mut tile.sums[start..end],
                    before: &mut tile.before[start..end],
                    violations: &mut tile.violations,
                    bins: &mut bins,
                    tally: &mut tile.non_matching,
                });
            }
        }
        tile.non_matching.take(&bins);
        tile
    }
}

/// A product to be counted, and who is told.
struct Block<'a> {
    /// The first row and the first column.
    corner: (usize, usize),
    /// Similarities `[columns, rows]`; minus infinity where they match. Those of a column lie side by
    /// side: what is added up of a row is then added for many rows at once, and for each in the order of
    /// the columns.
    others: &'a [f32],
    /// Of each row.
    matching: &'a [f32],
    columns: &'a mut [Column],
    sums: &'a mut [f64],
    before: &'a mut [u32],
    violations: &'a mut Violations,
    bins: &'a mut Bins,
    tally: &'a mut Tally,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.matching.len();
        let whole = rows - rows % LANES;
        // The bins of similarities that are yet to be counted, column by column: while the memory is busy
        // with these, the next ones are worked out.
        let mut waiting = [[Bins::NOWHERE; LANES]; GROUP];
        let groups = self.others.chunks(GROUP * rows).zip(self.columns.chunks_mut(GROUP));
        for (number, (group, columns)) in groups.enumerate() {
            for (column, (similarities, told)) in group.chunks_exact(rows).zip(columns).enumerate() {
                let (least, most) = extremes(similarities);
                self.tally.widen(least, most);
                if most > told.others[4] {
                    told.add_others(similarities);
                }
                if most > self.violations.bound {
                    let corner = (self.corner.0, self.corner.1 + number * GROUP + column);
                    self.violations.add(similarities, corner);
                }
            }
            let matching = self.matching.as_chunks::<LANES>().0.iter();
            let sums = self.sums.as_chunks_mut::<LANES>().0.iter_mut();
            let before = self.before.as_chunks_mut::<LANES>().0.iter_mut();
            for (place, ((matching, sums), before)) in matching.zip(sums).zip(before).enumerate() {
                let columns = group.chunks_exact(rows).map(|column| &column.as_chunks::<LANES>().0[place]);
                add_up(columns, matching, sums, before, &mut waiting, self.bins);
            }
            for row in whole..rows {
                for s in group.iter().skip(row).step_by(rows).copied() {
                    self.sums[row] += if s == f32::NEG_INFINITY { 0.0 } else { f64::from(s) };
                    self.before[row] += u32::from(s >= self.matching[row]);
                    self.bins.add(&[Bins::of(f64::from(s))]);
                }
            }
        }
        waiting.iter().for_each(|waiting| self.bins.add(waiting));
    }
}

/// Adds some columns' similarities with sixteen rows to the sums of these, counts those that are at least
/// as great as the row's own, and those that waited; these wait then.
#[inline(always)]
fn add_up<'a>(
    columns: impl Iterator<Item = &'a [f32; LANES]>,
    matching: &[f32; LANES],
    sums: &mut [f64; LANES],
    before: &mut [u32; LANES],
    waiting: &mut [[u32; LANES]; GROUP],
    bins: &mut Bins,
) {
    let (mut sum, mut count) = (*sums, *before);
    for (similarities, waiting) in columns.zip(waiting) {
        bins.add(waiting);
        // Without a branch, and one for each lane: so all go side by side.
        for lane in 0..LANES {
            let s = similarities[lane];
            let wide = f64::from(s);
            sum[lane] += if s == f32::NEG_INFINITY { 0.0 } else { wide };
            count[lane] += u32::from(s >= matching[lane]);
            waiting[lane] = Bins::of(wide);
        }
    }
    (*sums, *before) = (sum, count);
}

/// The least and the greatest similarity; minus infinity stands for none.
#[inline(always)]
fn extremes(similarities: &[f32]) -> (f32, f32) {
    let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let (parts, rest) = similarities.as_chunks::<LANES>();
    for part in parts {
        for lane in 0..LANES {
            least[lane] = if part[lane] < least[lane] { part[lane] } else { least[lane] };
            most[lane] = if part[lane] > most[lane] { part[lane] } else { most[lane] };
        }
    }
    let mut lowest = f32::INFINITY;
    for &s in least.iter().chain(rest) {
        lowest = if s < lowest { s } else { lowest };
    }
    if lowest == f32::NEG_INFINITY {
        lowest = similarities.iter().filter(|s| s.is_finite()).fold(f32::INFINITY, |least, &s| least.min(s));
    }
    let mut highest = f32::NEG_INFINITY;
    for &s in most.iter().chain(rest) {
        highest = if s > highest { s } else { highest };
    }
    (lowest, highest)
}

/// Pairs on the wrong side of the relative bias.
pub(super) struct Violations {
    pub count: u64,
    /// The worst are among them.
    pub worst: Vec<Violation>,
    relative_bias: f64,
    /// A float32 is beyond the relative bias if it is greater than this.
    bound: f32,
    /// Those with a smaller excess are not among the worst.
    least: f64,
}

impl Violations {
    /// None yet, and never any without a bias.
    fn beyond(relative_bias: Option<f64>) -> Self {
        let relative_bias = relative_bias.unwrap_or(f64::INFINITY);
        let nearest = relative_bias as f32;
        let bound = if f64::from(nearest) > relative_bias { nearest.next_down() } else { nearest };
        Self { count: 0, worst: Vec::new(), relative_bias, bound, least: 0.0 }
    }

    /// Adds those among a column's similarities with some rows.
    #[inline(never)]
    fn add(&mut self, similarities: &[f32], (first, column): (usize, usize)) {
        self.count += u64::from(similarities.iter().map(|&s| u32::from(s > self.bound)).sum::<u32>());
        let beyond = (first..).zip(similarities).filter(|(_, s)| **s > self.bound);
        let beyond = beyond.map(|(row, &s)| violation(row, column, s, self.relative_bias));
        self.worst.extend(beyond.filter(|violation| violation.excess >= self.least));
        if self.worst.len() > 10 * WORST {
            self.worst = worst_first(std::mem::take(&mut self.worst), WORST);
            self.least = self.worst[WORST - 1].excess;
        }
    }
}

pub(super) fn violation(row: usize, column: usize, s: f32, relative_bias: f64) -> Violation {
    let similarity = f64::from(s);
    let excess = (similarity - relative_bias).abs();
    Violation { modalities: (0, 1), pair: (row, column), similarity, excess }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};
    use proptest::prelude::*;

    use super::*;
    use crate::points::random_points;

    /// Of two families many rows are the same, so that similarities tie.
    fn vectors(count: usize, dim: usize, seed: u64) -> Array2<f32> {
        let kinds = random_points(count.div_ceil(3), dim, seed);
        kinds.select(Axis(0), &(0..count).map(|row| row * row % kinds.nrows()).collect::<Vec<_>>())
    }

    /// The first in the order of the worst, of all.
    fn ten(worst: Vec<Violation>) -> Vec<Violation> {
        worst_first(worst, WORST)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_tile_is_what_a_plain_loop_counts(
            rows in 1usize..70, count in 2usize..60, dim in 1usize..40, block in 1usize..64,
            first in 0usize..9, seed in 0u64..99, bias in proptest::option::of(-1.0f64..1.0),
        ) {
            let (u, v) = (vectors(rows, dim, seed), vectors(count, dim, seed + 1));
            // Some rows match a column of another tile.
            let class_of: Vec<usize> = (0..rows).map(|row| row * 7 % (count + 2 * first)).collect();
            let product = u.dot(&v.t());
            let matching: Vec<f32> = (0..rows).map(|row| product[[row, row * 5 % count]]).collect();
            let panel = Panel {
                first: 0, vectors: u.view(), class_of: &class_of, matching: &matching, relative_bias: bias,
            };
            let mut columns = vec![Column::NONE; count];
            let tile = Tile::of(&panel, first, v.view(), &mut columns, block);

            let (mut tally, mut told) = (Tally::new(), vec![Column::NONE; count]);
            let (mut sums, mut before) = (vec![0.0f64; rows], vec![0; rows]);
            let mut beyond = Vec::new();
            for ((row, column), &s) in product.indexed_iter().filter(|((i, j), _)| class_of[*i] != first + j) {
                tally.add(s);
                told[column].add_others(&[s]);
                sums[row] += f64::from(s);
                before[row] += u32::from(s >= matching[row]);
                if let Some(bias) = bias && f64::from(s) > bias {
                    beyond.push(violation(row, first + column, s, bias));
                }
            }
            prop_assert_eq!(tile.non_matching.state(), tally.state());
            prop_assert!(columns.iter().zip(&told).all(|(tile, plain)| tile.others == plain.others));
            prop_assert!(tile.sums.iter().zip(&sums).all(|(tile, plain)| tile.to_bits() == plain.to_bits()));
            prop_assert_eq!(tile.before, before);
            prop_assert_eq!(tile.violations.count as usize, beyond.len());
            prop_assert_eq!(ten(tile.violations.worst), ten(beyond));
        }
    }

    #[test]
    fn similarities_at_the_relative_bias_are_not_beyond_it() {
        for bias in [0.1f32, -0.3, 0.0] {
            let of = |bias| Violations::beyond(Some(bias));
            let count = |mut violations: Violations| {
                violations.add(&[bias, bias.next_up(), bias.next_down(), f32::NEG_INFINITY], (0, 0));
                violations.count
            };
            assert_eq!(count(of(f64::from(bias))), 1);
            assert_eq!(count(of(f64::from(bias).next_down())), 2);
            assert_eq!(count(of(f64::from(bias).next_up())), 1);
        }
    }
}
