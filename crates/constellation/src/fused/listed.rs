//! Rows that match several columns, and the two losses of such rows.

// Registers are indexed: an iterator over them would go through closures, see `Lanes`.
#![allow(clippy::needless_range_loop)]

use pulp::{Simd, WithSimd};

use super::lanes::{InstructionSet, Lanes};
use super::products::QUAD;
use super::terms::{Logits, NonMatching, Sums};
use crate::loss::{sigmoid, softplus};
use crate::objective::Loss;
use crate::subsets::Subsets;

/// Which columns each row matches, and with which loss.
#[derive(Debug)]
pub(super) struct Listed {
    loss: Loss,
    /// Matching columns of a row.
    count: usize,
    /// Those of row 0, of row 1, and so on.
    columns: Vec<usize>,
}

/// The tiles of a block of rows against all panels of columns, one after the other; each as
/// [`super::products`] lays it out.
pub(super) struct Tiles<'a> {
    pub(super) data: &'a mut [f32],
    /// Rows of a tile, filled up to a multiple of [`QUAD`].
    pub(super) rows: usize,
    /// Columns of a tile.
    pub(super) width: usize,
    pub(super) lanes: usize,
    /// Row of the matrix that is the first of the block.
    pub(super) first: usize,
    /// Rows that are not filling.
    pub(super) real: usize,
}

impl Tiles<'_> {
    fn entry(&mut self, row: usize, column: usize) -> &mut f32 {
        let (tile, column) = (column / self.width, column % self.width);
        let vector = row / QUAD * (self.width / self.lanes) + column / self.lanes;
        let in_tile = (vector * QUAD + row % QUAD) * self.lanes + column % self.lanes;
        &mut self.data[tile * self.rows * self.width + in_tile]
    }
}

impl Listed {
    pub(super) fn new(loss: Loss, subsets: Subsets) -> Self {
        Self { loss, count: subsets.size, columns: subsets.flat() }
    }

    /// The terms of the loss, a factor aside that is the same for all: 1 for the sigmoid, whose terms
    /// are added up; one over the number of rows for InfoNCE.
    pub(super) fn factor(&self) -> f64 {
        match self.loss {
            Loss::Sigmoid => 1.0,
            Loss::InfoNce => self.count as f64 / self.columns.len() as f64,
        }
    }

    fn columns_of(&self, row: usize) -> &[usize] {
        &self.columns[row * self.count..][..self.count]
    }

    /// Replaces every x, all filling silent, by the derivative of the loss by its logit.
    pub(super) fn differentiate(
        &self,
        instructions: InstructionSet,
        logits: Logits,
        mut tiles: Tiles,
    ) -> Sums {
        let mut matching = Vec::with_capacity(tiles.real * self.count);
        for row in 0..tiles.real {
            for &column in self.columns_of(tiles.first + row) {
                let x = std::mem::replace(tiles.entry(row, column), logits.silent());
                matching.push(x);
            }
        }
        let min_matching = matching.iter().copied().fold(f32::INFINITY, f32::min);
        let sums = match self.loss {
            Loss::Sigmoid => self.sigmoid(instructions, logits, &mut tiles, &matching),
            Loss::InfoNce => self.softmax(instructions, logits, &mut tiles, &matching),
        };
        Sums { min_matching, ..sums }
    }

    fn sigmoid(
        &self,
        instructions: InstructionSet,
        logits: Logits,
        tiles: &mut Tiles,
        matching: &[f32],
    ) -> Sums {
        let mut sums = instructions.run(NonMatching { logits, tile: tiles.data });
        for (row, of_row) in matching.chunks(self.count).enumerate() {
            for (&column, &x) in self.columns_of(tiles.first + row).iter().zip(of_row) {
                let z = f64::from(logits.t) * f64::from(x) - f64::from(logits.shift);
                let g = -sigmoid(-z);
                sums.loss += softplus(-z);
                sums.g += g;
                sums.gx += g * f64::from(x);
                *tiles.entry(row, column) = g as f32;
            }
        }
        sums
    }

    fn softmax(
        &self,
        instructions: InstructionSet,
        logits: Logits,
        tiles: &mut Tiles,
        matching: &[f32],
    ) -> Sums {
        let mut rows = vec![Row::default(); tiles.rows];
        let shape = (tiles.rows, tiles.width);
        instructions.run(RowMaxima { tiles: tiles.data, shape, rows: &mut rows });
        let max_other = rows[..tiles.real].iter().map(|row| row.max).fold(f32::NEG_INFINITY, f32::max);
        for (row, of_row) in matching.chunks(self.count).enumerate() {
            for (&column, &x) in self.columns_of(tiles.first + row).iter().zip(of_row) {
                *tiles.entry(row, column) = x;
                rows[row].max = rows[row].max.max(x);
            }
        }
        instructions.run(Softmax { t: logits.t, tiles: tiles.data, shape, rows: &mut rows });
        let share = 1.0 / self.count as f64;
        let mut sums = Sums { max_other, ..Sums::EMPTY };
        for (row, of_row) in matching.chunks(self.count).enumerate() {
            let mean = of_row.iter().copied().map(f64::from).sum::<f64>() * share;
            let Row { max, sum, mean_x } = rows[row];
            sums.loss += f64::from(logits.t) * (f64::from(max) - mean) + f64::from(sum).ln();
            sums.gx += f64::from(mean_x) - mean;
            for &column in self.columns_of(tiles.first + row) {
                *tiles.entry(row, column) -= share as f32;
            }
        }
        sums
    }
}

/// What is known of one row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Its largest x.
    max: f32,
    /// Sum of exp(t (x - max)).
    sum: f32,
    /// Mean of x under the softmax.
    mean_x: f32,
}

/// The largest x of every row.
struct RowMaxima<'a> {
    tiles: &'a [f32],
    /// Rows and columns of a tile.
    shape: (usize, usize),
    rows: &'a mut [Row],
}

impl WithSimd for RowMaxima<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tiles, shape: (count, width), rows } = self;
        let (tiles, _) = S::as_simd_f32s(tiles);
        let (size, in_quad) = (count * width / S::F32_LANES, QUAD * width / S::F32_LANES);
        for (quad, rows) in rows.chunks_exact_mut(QUAD).enumerate() {
            let mut max = [Lanes::splat(simd, f32::NEG_INFINITY); QUAD];
            for tile in tiles.chunks_exact(size) {
                for x in tile[quad * in_quad..][..in_quad].chunks_exact(QUAD) {
                    for r in 0..QUAD {
                        max[r] = max[r].max(Lanes::new(simd, x[r]));
                    }
                }
            }
            for r in 0..QUAD {
                rows[r].max = max[r].largest();
            }
        }
    }
}

/// Replaces every x by its share in the softmax of its row.
struct Softmax<'a> {
    t: f32,
    tiles: &'a mut [f32],
    /// Rows and columns of a tile.
    shape: (usize, usize),
    rows: &'a mut [Row],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { t, tiles, shape: (count, width), rows } = self;
        let (tiles, _) = S::as_mut_simd_f32s(tiles);
        let (size, in_quad) = (count * width / S::F32_LANES, QUAD * width / S::F32_LANES);
        let zero = Lanes::splat(simd, 0.0);
        let (scale, least) = (zero.all(t * std::f32::consts::LOG2_E), zero.all(LEAST_EXPONENT));
        for (quad, rows) in rows.chunks_exact_mut(QUAD).enumerate() {
            let (mut max, mut sum, mut sum_x) = ([zero; QUAD], [zero; QUAD], [zero; QUAD]);
            for r in 0..QUAD {
                max[r] = zero.all(rows[r].max);
            }
            for tile in tiles.chunks_exact_mut(size) {
                for x in tile[quad * in_quad..][..in_quad].chunks_exact_mut(QUAD) {
                    for r in 0..QUAD {
                        let below = Lanes::new(simd, x[r]) - max[r];
                        let e = (below * scale).max(least).exp2();
                        sum[r] = sum[r] + e;
                        // Relative to the largest, as the mean lies near it.
                        sum_x[r] = e.mul_add(below, sum_x[r]);
                        x[r] = e.get();
                    }
                }
            }
            let mut inverse = [zero; QUAD];
            for r in 0..QUAD {
                rows[r].sum = sum[r].sum();
                rows[r].mean_x = rows[r].max + sum_x[r].sum() / rows[r].sum;
                inverse[r] = zero.all(1.0 / rows[r].sum);
            }
            for tile in tiles.chunks_exact_mut(size) {
                for e in tile[quad * in_quad..][..in_quad].chunks_exact_mut(QUAD) {
                    for r in 0..QUAD {
                        e[r] = (Lanes::new(simd, e[r]) * inverse[r]).get();
                    }
                }
            }
        }
    }
}

/// Exponent of 2 below which a share counts as this one; keeps all numbers normal.
const LEAST_EXPONENT: f32 = -100.0;
