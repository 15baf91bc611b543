//! The three matrix products of a tile: a block of rows of U against a panel of V.
//!
//! A tile holds `rows` rows of `v.width` entries; first the similarities, then the
//! derivatives of the loss by the logits, G. Each product keeps a small block of its
//! result in registers, so that it is bound by multiplications, not by memory.

// Registers are indexed: an iterator over them would go through closures, see `Lanes`.
#![allow(clippy::needless_range_loop)]

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Rows that are multiplied at a time; divides [`ROWS`] and every number of lanes.
const QUAD: usize = 4;

/// One modality's panel `[dim, width]`.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) data: &'a [f32],
    pub(super) width: usize,
}

/// The rows `first..first + count` of a panel.
#[derive(Clone, Copy)]
pub(super) struct RowBlock<'a> {
    pub(super) panel: Panel<'a>,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Size of the next of the blocks, at most `max` and as even as can be, that `left` is cut into.
#[inline(always)]
fn block(left: usize, max: usize) -> usize {
    left.div_ceil(left.div_ceil(max))
}

/// `tile[i, j] = start + <U_i, V_j>`.
pub(super) struct Similarities<'a> {
    pub(super) u: RowBlock<'a>,
    pub(super) v: Panel<'a>,
    pub(super) start: f32,
    pub(super) tile: &'a mut [f32],
}

impl WithSimd for Similarities<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, v, start, tile } = self;
        let start = Lanes::splat(simd, start);
        let quads = tile.chunks_exact_mut(QUAD * v.width).take(u.count / QUAD);
        for (i, quad) in quads.enumerate() {
            let i = u.first + i * QUAD;
            let (mut j, vectors) = (0, v.width / S::F32_LANES);
            while j < vectors {
                let size = block(vectors - j, 3);
                match size {
                    3 => dot::<S, 3>(u.panel, i, v, j, start, quad),
                    2 => dot::<S, 2>(u.panel, i, v, j, start, quad),
                    _ => dot::<S, 1>(u.panel, i, v, j, start, quad),
                }
                j += size;
            }
        }
    }
}

/// Four rows of U from `i` against `C` vectors of V from `j`.
#[inline(always)]
fn dot<S: Simd, const C: usize>(u: Panel, i: usize, v: Panel, j: usize, start: Lanes<S>, quad: &mut [f32]) {
    let simd = start.simd();
    let mut sums = [[start; C]; QUAD];
    let (v_data, _) = S::as_simd_f32s(v.data);
    let vectors = v.width / S::F32_LANES;
    for (u_k, v_k) in u.data.chunks_exact(u.width).zip(v_data.chunks_exact(vectors)) {
        let (u_k, v_k) = (&u_k[i..][..QUAD], &v_k[j..][..C]);
        for r in 0..QUAD {
            let u = Lanes::splat(simd, u_k[r]);
            for c in 0..C {
                sums[r][c] = u.mul_add(Lanes::new(simd, v_k[c]), sums[r][c]);
            }
        }
    }
    let (quad, _) = S::as_mut_simd_f32s(quad);
    for r in 0..QUAD {
        let entries = &mut quad[r * vectors + j..][..C];
        for c in 0..C {
            entries[c] = sums[r][c].get();
        }
    }
}

/// `gradient[k, j] += sum_i G_ij U_ik`, into the panel of V's gradient.
pub(super) struct ColumnGradient<'a> {
    pub(super) tile: &'a [f32],
    pub(super) u: RowBlock<'a>,
    pub(super) gradient: &'a mut [f32],
}

impl WithSimd for ColumnGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, u, gradient } = self;
        let width = u.panel.width;
        let (mut k, dim, vectors) = (0, gradient.len() / width, width / S::F32_LANES);
        while k < dim {
            let size = block(dim - k, 4);
            let gradient = &mut gradient[k * width..][..size * width];
            let mut j = 0;
            while j < vectors {
                let count = block(vectors - j, 2);
                match (size, count) {
                    (4, 2) => columns::<S, 4, 2>(simd, tile, u, k, j, gradient),
                    (3, 2) => columns::<S, 3, 2>(simd, tile, u, k, j, gradient),
                    (2, 2) => columns::<S, 2, 2>(simd, tile, u, k, j, gradient),
                    (1, 2) => columns::<S, 1, 2>(simd, tile, u, k, j, gradient),
                    (4, _) => columns::<S, 4, 1>(simd, tile, u, k, j, gradient),
                    (3, _) => columns::<S, 3, 1>(simd, tile, u, k, j, gradient),
                    (2, _) => columns::<S, 2, 1>(simd, tile, u, k, j, gradient),
                    (_, _) => columns::<S, 1, 1>(simd, tile, u, k, j, gradient),
                }
                j += count;
            }
            k += size;
        }
    }
}

/// `K` coordinates from `k` of `C` vectors of columns from `j`.
#[inline(always)]
fn columns<S: Simd, const K: usize, const C: usize>(
    simd: S,
    tile: &[f32],
    u: RowBlock,
    k: usize,
    j: usize,
    gradient: &mut [f32],
) {
    let width = gradient.len() / K;
    let vectors = width / S::F32_LANES;
    let (gradient, _) = S::as_mut_simd_f32s(gradient);
    let (tile, _) = S::as_simd_f32s(tile);
    let mut coordinates: [&[f32]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0); C]; K];
    for kk in 0..K {
        coordinates[kk] = &u.panel.data[(k + kk) * u.panel.width + u.first..][..u.count];
        for c in 0..C {
            sums[kk][c] = Lanes::new(simd, gradient[kk * vectors + j + c]);
        }
    }
    for (i, g) in tile.chunks_exact(vectors).take(u.count).enumerate() {
        let g = &g[j..][..C];
        for kk in 0..K {
            let u = Lanes::splat(simd, coordinates[kk][i]);
            for c in 0..C {
                sums[kk][c] = u.mul_add(Lanes::new(simd, g[c]), sums[kk][c]);
            }
        }
    }
    for kk in 0..K {
        for c in 0..C {
            gradient[kk * vectors + j + c] = sums[kk][c].get();
        }
    }
}

/// `partial[k, i, lane] += sum_j G_ij V_jk` over the columns j of each lane; their
/// sum over the lanes is U's gradient.
pub(super) struct RowGradient<'a> {
    pub(super) tile: &'a [f32],
    pub(super) rows: usize,
    pub(super) v: Panel<'a>,
    pub(super) partial: &'a mut [f32],
}

impl WithSimd for RowGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, rows, v, partial } = self;
        let (partial, _) = S::as_mut_simd_f32s(partial);
        for i in (0..rows).step_by(QUAD) {
            let quad = &tile[i * v.width..][..QUAD * v.width];
            let (mut k, dim) = (0, v.data.len() / v.width);
            while k < dim {
                let size = block(dim - k, 3);
                match size {
                    3 => quad_rows::<S, 3>(simd, quad, v, k, i, partial),
                    2 => quad_rows::<S, 2>(simd, quad, v, k, i, partial),
                    _ => quad_rows::<S, 1>(simd, quad, v, k, i, partial),
                }
                k += size;
            }
        }
    }
}

/// `K` coordinates from `k` of the four rows `quad` from `i`.
#[inline(always)]
fn quad_rows<S: Simd, const K: usize>(
    simd: S,
    quad: &[f32],
    v: Panel,
    k: usize,
    i: usize,
    partial: &mut [S::f32s],
) {
    let vectors = v.width / S::F32_LANES;
    let (quad, _) = S::as_simd_f32s(quad);
    let (v, _) = S::as_simd_f32s(v.data);
    let mut g: [&[S::f32s]; QUAD] = [&[]; QUAD];
    for r in 0..QUAD {
        g[r] = &quad[r * vectors..][..vectors];
    }
    let mut coordinates: [&[S::f32s]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0); QUAD]; K];
    for kk in 0..K {
        coordinates[kk] = &v[(k + kk) * vectors..][..vectors];
        for r in 0..QUAD {
            sums[kk][r] = Lanes::new(simd, partial[(k + kk) * ROWS + i + r]);
        }
    }
    for j in 0..vectors {
        for kk in 0..K {
            let v = Lanes::new(simd, coordinates[kk][j]);
            for r in 0..QUAD {
                sums[kk][r] = v.mul_add(Lanes::new(simd, g[r][j]), sums[kk][r]);
            }
        }
    }
    for kk in 0..K {
        for r in 0..QUAD {
            partial[(k + kk) * ROWS + i + r] = sums[kk][r].get();
        }
    }
}

/// Adds the lanes of `partial`, see [`RowGradient`], up into the rows of U's gradient.
pub(super) struct Collect<'a> {
    pub(super) partial: &'a [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) width: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl WithSimd for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (partial, _) = S::as_simd_f32s(self.partial);
        for (partial, gradient) in partial.chunks_exact(ROWS).zip(self.gradient.chunks_exact_mut(self.width))
        {
            for (lanes, sum) in partial.iter().zip(&mut gradient[self.first..][..self.count]) {
                *sum += Lanes::new(simd, *lanes).sum();
            }
        }
    }
}

/// `sums += a * b`, entry by entry.
pub(super) struct AddProducts<'a> {
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ((a, _), (b, _)) = (S::as_simd_f32s(self.a), S::as_simd_f32s(self.b));
        let (sums, _) = S::as_mut_simd_f32s(self.sums);
        for ((a, b), sum) in a.iter().zip(b).zip(sums) {
            *sum = Lanes::new(simd, *a).mul_add(Lanes::new(simd, *b), Lanes::new(simd, *sum)).get();
        }
    }
}
