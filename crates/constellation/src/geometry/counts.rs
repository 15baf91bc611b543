//! One pass over the similarities of two families, in tiles: what can be counted of them, and added.
//!
//! A panel of rows meets one tile of columns after the other. Nothing of the size of the matrix is
//! stored, neither family has to be in memory, and a stretch of rows can be counted by itself: counts
//! of stretches add up to those of all rows, to the bit.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, s};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::constellation::{Violation, worst_first};
use super::distribution::Tally;
use super::families::check_unit;
use super::vectors::{Vectors, gather};
use crate::error::Result;

/// What is counted of the similarities of some rows with all columns.
pub(super) struct Counts {
    pub matching: Tally,
    pub non_matching: Tally,
    /// Of each row, in order.
    pub rows: Vec<Query>,
    /// Of each column, over these rows.
    pub columns: Vec<Column>,
    /// Pairs on the wrong side of the relative bias, if one was given, and the worst of them.
    pub violating: (u64, Vec<Violation>),
}

/// A row as a query, and its part in the means.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub matching: f32,
    pub sum_of_others: f64,
    /// How many other columns are at least as similar as its own.
    pub before: usize,
}

/// A column as a query: its most similar row that matches, and the most similar that do not.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub matching: f32,
    pub others: [f32; 5],
}

impl Column {
    pub(super) const NONE: Self = Self { matching: f32::NEG_INFINITY, others: [f32::NEG_INFINITY; 5] };

    fn add_other(&mut self, similarity: f32) {
        if similarity > self.others[4] {
            let place = self.others.partition_point(|&other| other >= similarity);
            self.others.copy_within(place..4, place + 1);
            self.others[place] = similarity;
        }
    }

    fn add(&mut self, other: Self) {
        self.matching = self.matching.max(other.matching);
        other.others.into_iter().for_each(|similarity| self.add_other(similarity));
    }

    /// How many rows that do not match are at least as similar as the best that does; 5 stands for 5
    /// or more.
    pub(super) fn before(&self) -> usize {
        self.others.partition_point(|&other| other >= self.matching)
    }
}

/// Sizes of the parts.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Rows that meet all columns together.
    pub panel: usize,
    /// Columns in a tile. The mean adds up tile by tile, so that another size moves its last bits.
    pub tile: usize,
    /// Rows of a product.
    pub block: usize,
}

impl Sizes {
    /// A product fits into the cache of a core.
    pub(super) const DEFAULT: Self = Self { panel: 2048, tile: 2048, block: 128 };
}

/// Violations that are listed.
pub(super) const WORST: usize = 10;

impl Counts {
    /// Of these rows, `class_of` telling the column that each of all rows matches, and with the
    /// violations of a constellation with m = 0 at `relative_bias`, on all cores. After each panel `tell`
    /// hears how many rows are done.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if a vector is no unit vector, [`crate::Error::File`] if one cannot be read.
    pub(super) fn of(
        rows: &dyn Vectors,
        columns: &dyn Vectors,
        class_of: &[usize],
        stretch: Range<usize>,
        relative_bias: Option<f64>,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        Self::in_tiles(rows, columns, class_of, stretch, relative_bias, Sizes::DEFAULT, tell)
    }

    /// No rows yet.
    pub(super) fn none(columns: usize) -> Self {
        Self {
            matching: Tally::new(),
            non_matching: Tally::new(),
            rows: Vec::new(),
            columns: vec![Column::NONE; columns],
            violating: (0, Vec::new()),
        }
    }

    /// Adds the counts of the rows that follow.
    pub(super) fn add(&mut self, following: Self) {
        self.matching.merge(&following.matching);
        self.non_matching.merge(&following.non_matching);
        self.rows.extend(following.rows);
        self.columns.iter_mut().zip(following.columns).for_each(|(column, more)| column.add(more));
        self.violating.0 += following.violating.0;
        self.violating.1.extend(following.violating.1);
        self.violating.1 = worst_first(std::mem::take(&mut self.violating.1), WORST);
    }

    pub(super) fn in_tiles(
        rows: &dyn Vectors,
        columns: &dyn Vectors,
        class_of: &[usize],
        stretch: Range<usize>,
        relative_bias: Option<f64>,
        sizes: Sizes,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let mut counts = Self::none(columns.dim().0);
        for first in stretch.clone().step_by(sizes.panel) {
            let numbers = first..(first + sizes.panel).min(stretch.end);
            let vectors = rows.rows(numbers.clone())?;
            check_unit("images", vectors.view(), first)?;
            let matching = matching(vectors.view(), columns, &class_of[numbers.clone()])?;
            let panel =
                Panel { first, vectors: vectors.view(), class_of, matching: &matching, relative_bias };
            let of_tile = |(tile, of_columns): (usize, &mut [Column])| {
                let first = tile * sizes.tile;
                let vectors = columns.rows(first..first + of_columns.len())?;
                check_unit("texts", vectors.view(), first)?;
                Ok(panel.meet(first, vectors.view(), of_columns, sizes.block))
            };
            let tiles = counts.columns.par_chunks_mut(sizes.tile).enumerate().map(of_tile);
            let tiles = tiles.collect::<Result<Vec<_>>>()?;
            counts.take(&panel, tiles);
            tell(numbers.end - stretch.start);
        }
        Ok(counts)
    }

    /// Takes up what the tiles tell of a panel, in their order.
    fn take(&mut self, panel: &Panel, tiles: Vec<Tile>) {
        let query = |&matching| Query { matching, sum_of_others: 0.0, before: 0 };
        let mut rows: Vec<Query> = panel.matching.iter().map(query).collect();
        for tile in tiles {
            self.non_matching.merge(&tile.non_matching);
            for (row, (sum, before)) in rows.iter_mut().zip(tile.rows) {
                row.sum_of_others += sum;
                row.before += before;
            }
            self.violating.0 += tile.violating.0;
            self.violating.1.extend(tile.violating.1);
        }
        for (number, &s) in (panel.first..).zip(panel.matching) {
            self.matching.add(s);
            let column = &mut self.columns[panel.class_of[number]];
            column.matching = column.matching.max(s);
            if let Some(relative_bias) = panel.relative_bias
                && f64::from(s) < relative_bias
            {
                self.violating.0 += 1;
                self.violating.1.push(violation(number, panel.class_of[number], s, relative_bias));
            }
        }
        self.violating.1 = worst_first(std::mem::take(&mut self.violating.1), WORST);
        self.rows.extend(rows);
    }
}

/// The similarity of each row with the column that it matches: the very number that a product of more
/// rows and columns has in this place.
fn matching(rows: ArrayView2<f32>, columns: &dyn Vectors, class_of: &[usize]) -> Result<Vec<f32>> {
    const ROWS: usize = 16;
    let mut matching = Vec::with_capacity(class_of.len());
    for (rows, classes) in rows.axis_chunks_iter(Axis(0), ROWS).zip(class_of.chunks(ROWS)) {
        matching.extend(rows.dot(&gather(columns, classes)?.t()).diag());
    }
    Ok(matching)
}

/// Some consecutive rows.
struct Panel<'a> {
    /// The number of the first.
    first: usize,
    vectors: ArrayView2<'a, f32>,
    /// The column that each of all rows matches.
    class_of: &'a [usize],
    /// The similarity of each of these rows with it.
    matching: &'a [f32],
    relative_bias: Option<f64>,
}

/// What a tile of columns tells of a panel, its own columns aside.
struct Tile {
    non_matching: Tally,
    /// Of each row the sum of the similarities that do not match, and how many are at least as great as
    /// that which does.
    rows: Vec<(f64, usize)>,
    violating: (u64, Vec<Violation>),
}

impl Panel<'_> {
    /// The similarities with the columns from `first` on; those are told what concerns them.
    fn meet(&self, first: usize, tile: ArrayView2<f32>, columns: &mut [Column], block: usize) -> Tile {
        let mut counted = Tile { non_matching: Tally::new(), rows: Vec::new(), violating: (0, Vec::new()) };
        let mut fifth: Vec<f32> = columns.iter().map(|column| column.others[4]).collect();
        for start in (0..self.matching.len()).step_by(block) {
            let end = (start + block).min(self.matching.len());
            let rows = end - start;
            let product = tile.dot(&self.vectors.slice(s![start..end, ..]).t());
            let product = if product.is_standard_layout() {
                product
            } else {
                product.as_standard_layout().into_owned()
            };
            let (mut similarities, _) = product.into_raw_vec_and_offset();
            for (row, number) in (self.first + start..self.first + end).enumerate() {
                // Its own column is taken out: it is beyond no bound, and in no sum.
                let own = self.class_of[number].checked_sub(first).filter(|&own| own < columns.len());
                if let Some(own) = own {
                    similarities[own * rows + row] = f32::NEG_INFINITY;
                }
            }
            let block = Block { panel: self, start, first, rows, others: &similarities };
            // With the vector instructions that this processor has.
            Arch::new().dispatch(Count { block, columns, fifth: &mut fifth, counted: &mut counted });
        }
        counted
    }
}

/// The similarities of some rows of a panel with some columns; minus infinity where they match. Those of
/// a column lie side by side: what is added up of a row is then added for many rows at once, and for
/// each in the order of the columns.
struct Block<'a, 'b> {
    panel: &'a Panel<'b>,
    /// The first row, in the panel.
    start: usize,
    /// The first column, of all.
    first: usize,
    /// How many rows.
    rows: usize,
    /// `[columns, rows]`.
    others: &'a [f32],
}

/// A block to be counted, and who is told.
struct Count<'a, 'b> {
    block: Block<'a, 'b>,
    columns: &'a mut [Column],
    fifth: &'a mut [f32],
    counted: &'a mut Tile,
}

impl WithSimd for Count<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.block.count(self.columns, self.fifth, self.counted);
    }
}

impl Block<'_, '_> {
    #[inline(always)]
    fn count(&self, columns: &mut [Column], fifth: &mut [f32], counted: &mut Tile) {
        /// Columns that stay in the first cache while they are counted.
        const TOGETHER: usize = 32;
        let matching = &self.panel.matching[self.start..self.start + self.rows];
        let mut sums = vec![0.0; self.rows];
        let mut before = vec![0_u32; self.rows];
        let told = columns.iter_mut().zip(fifth);
        for (similarities, (column, fifth)) in self.others.chunks_exact(self.rows).zip(told) {
            add_up(similarities, matching, &mut sums, &mut before);
            offer(similarities, column, fifth);
        }
        for similarities in self.others.chunks(TOGETHER * self.rows) {
            counted.non_matching.add_all(similarities);
        }
        counted.rows.extend(sums.into_iter().zip(before.into_iter().map(|before| before as usize)));
        if let Some(relative_bias) = self.panel.relative_bias {
            self.list_violations(relative_bias, &mut counted.violating);
        }
    }

    #[inline(always)]
    fn list_violations(&self, relative_bias: f64, (count, worst): &mut (u64, Vec<Violation>)) {
        for (column, similarities) in (self.first..).zip(self.others.chunks_exact(self.rows)) {
            let wrong = similarities.iter().map(|&s| u32::from(f64::from(s) > relative_bias)).sum::<u32>();
            *count += u64::from(wrong);
            if wrong > 0 {
                let rows = (self.panel.first + self.start..).zip(similarities);
                let beyond = rows.filter(|(_, s)| f64::from(**s) > relative_bias);
                worst.extend(beyond.map(|(row, &s)| violation(row, column, s, relative_bias)));
            }
            if worst.len() > 100 * WORST {
                *worst = worst_first(std::mem::take(worst), WORST);
            }
        }
    }
}

/// Tells a column its similarities with some rows; `fifth` is what a similarity has to exceed to be
/// among its five greatest, which soon few do.
#[inline(always)]
fn offer(similarities: &[f32], column: &mut Column, fifth: &mut f32) {
    let bound = *fifth;
    if similarities.iter().fold(false, |any, &s| any | (s > bound)) {
        similarities.iter().for_each(|&s| column.add_other(s));
        *fifth = column.others[4];
    }
}

/// Adds a column's similarities to the sums of their rows, and counts those that are at least as great as
/// the row's own.
#[inline(always)]
fn add_up(similarities: &[f32], matching: &[f32], sums: &mut [f64], before: &mut [u32]) {
    let rows = similarities.iter().zip(matching).zip(sums).zip(before);
    for (((&s, &matching), sum), before) in rows {
        *sum += if s == f32::NEG_INFINITY { 0.0 } else { f64::from(s) };
        *before += u32::from(s >= matching);
    }
}

fn violation(row: usize, column: usize, s: f32, relative_bias: f64) -> Violation {
    let similarity = f64::from(s);
    let excess = (similarity - relative_bias).abs();
    Violation { modalities: (0, 1), pair: (row, column), similarity, excess }
}
