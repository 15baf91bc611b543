//! One pass over the similarities of two families, in tiles: what can be counted of them, and added.
//!
//! A panel of rows meets one tile of columns after the other. Nothing of the size of the matrix is
//! stored, neither family has to be in memory, and a stretch of rows can be counted by itself: counts
//! of stretches add up to those of all rows, to the bit.

use std::ops::Range;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use super::column::Column;
use super::constellation::{Violation, WORST, worst_first};
use super::distribution::Tally;
use super::families::check_unit;
use super::tile::{Panel, Tile, violation};
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

/// Sizes of the parts.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Rows that meet all columns together.
    pub panel: usize,
    /// Columns in a tile. The mean adds up tile by tile, so that another size moves its last bits.
    pub tile: usize,
    /// Rows, and at most columns, of a product.
    pub block: usize,
}

impl Sizes {
    /// A product fits into a quarter of the cache of a core.
    pub(super) const DEFAULT: Self = Self { panel: 2048, tile: 2048, block: 256 };
}

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
                Ok(Tile::of(&panel, first, vectors.view(), of_columns, sizes.block))
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
            for ((row, sum), before) in rows.iter_mut().zip(tile.sums).zip(tile.before) {
                row.sum_of_others += sum;
                row.before += before as usize;
            }
            self.violating.0 += tile.violations.count;
            self.violating.1.extend(tile.violations.worst);
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
