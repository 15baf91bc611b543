//! How the vectors of a modality lie in memory.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::lanes::MAX_LANES;

/// Rows of a matrix `[rows, dim]` in panels of `width` rows, each panel stored as
/// `[dim, width]`: coordinate k of neighbouring rows is contiguous, so that a vector
/// register holds the same coordinate of as many rows as it has lanes. The last
/// panel is filled up with rows of zeros.
#[derive(Debug)]
pub(super) struct Panels {
    pub(super) shape: Shape,
    data: Aligned,
}

/// Size of [`Panels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) dim: usize,
    /// Rows in a panel, a multiple of the lanes of a vector.
    pub(super) width: usize,
    pub(super) panels: usize,
}

/// float32 in a panel, about: with the gradient's panel half of a level 2 cache.
const PANEL_TARGET: usize = 16 * 1024;
/// The widest panel; a multiple of every number of lanes.
pub(super) const MAX_WIDTH: usize = 240;
const MIN_WIDTH: usize = 32;

impl Shape {
    /// Panels of even width for `rows` vectors of `dim` on `lanes` lanes.
    pub(super) fn new(rows: usize, dim: usize, lanes: usize) -> Self {
        let target = (PANEL_TARGET / dim).clamp(MIN_WIDTH, MAX_WIDTH);
        let width = rows.div_ceil(rows.div_ceil(target)).next_multiple_of(lanes);
        Self { rows, dim, width, panels: rows.div_ceil(width) }
    }

    /// The same rows with `extra` more coordinates.
    pub(super) fn extended(self, extra: usize) -> Self {
        Self { dim: self.dim + extra, ..self }
    }

    /// Rows of a panel that fill whole vectors of `lanes`. The last panel's others, if they are few, go
    /// into vectors with the other modality's rows: see [`super::pass`].
    pub(super) fn whole(&self, panel: usize, lanes: usize) -> usize {
        let rows = self.rows_in(panel);
        let whole = rows - rows % lanes;
        if whole < 2 * lanes || 2 * (rows - whole) > lanes { rows.next_multiple_of(lanes) } else { whole }
    }

    /// Rows of the panel that are not filling.
    pub(super) fn rows_in(&self, panel: usize) -> usize {
        (self.rows - panel * self.width).min(self.width)
    }
}

impl Panels {
    pub(super) fn zeros(shape: Shape) -> Self {
        Self { shape, data: Aligned::zeros(shape.panels * shape.dim * shape.width) }
    }

    pub(super) fn from_rows(shape: Shape, rows: ArrayView2<f32>) -> Self {
        let mut panels = Self::zeros(shape);
        for (i, row) in rows.outer_iter().enumerate() {
            let panel = panels.panel_mut(i / shape.width);
            for (k, &x) in row.iter().enumerate() {
                panel[k * shape.width + i % shape.width] = x;
            }
        }
        panels
    }

    /// Writes the first coordinates of every row into `rows`.
    pub(super) fn to_rows(&self, mut rows: ArrayViewMut2<f32>) {
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            let panel = self.panel(i / self.shape.width);
            for (k, x) in row.iter_mut().enumerate() {
                *x = panel[k * self.shape.width + i % self.shape.width];
            }
        }
    }

    pub(super) fn panel(&self, panel: usize) -> &[f32] {
        let size = self.shape.dim * self.shape.width;
        &self.data.as_slice()[panel * size..][..size]
    }

    pub(super) fn panel_mut(&mut self, panel: usize) -> &mut [f32] {
        let size = self.shape.dim * self.shape.width;
        &mut self.data.as_mut_slice()[panel * size..][..size]
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        self.data.as_slice()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        self.data.as_mut_slice()
    }

    /// Sets the filling of the last panel back to zero.
    pub(super) fn clear_filling(&mut self) {
        let Shape { width, panels, .. } = self.shape;
        let filled = self.shape.rows_in(panels - 1);
        for coordinate in self.panel_mut(panels - 1).chunks_exact_mut(width) {
            coordinate[filled..].fill(0.0);
        }
    }
}

/// float32 that start at a cache line.
#[derive(Debug)]
pub(super) struct Aligned {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(super) fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + MAX_LANES];
        let start = data.as_ptr().align_offset(MAX_LANES * size_of::<f32>()).min(MAX_LANES);
        Self { data, start, len }
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}
