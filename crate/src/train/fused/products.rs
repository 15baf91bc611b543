//! The three matrix products of a tile: a block of rows of U against a panel of V.
//!
//! A tile first holds similarities, then the derivatives of the loss by the logits, G.
//! Its layout is `[row / 4, column / lanes, row % 4, column % lanes]`: four vectors of
//! neighbouring rows lie together, so that each product walks along the tile with one
//! pointer. Each keeps a small block of its result in registers, so that it is bound
//! by multiplications, not by memory.

// Registers are indexed: an iterator over them would go through closures, see `Lanes`.
#![allow(clippy::needless_range_loop)]

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;

/// Rows of a tile.
pub(super) const ROWS: usize = 32;
/// Rows that are multiplied at a time; divides [`ROWS`] and every number of lanes.
pub(super) const QUAD: usize = 4;

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

impl<'a> RowBlock<'a> {
    /// Coordinate `k` of the rows, four at a time.
    #[inline(always)]
    fn coordinate(self, k: usize) -> &'a [[f32; QUAD]] {
        self.panel.data[k * self.panel.width + self.first..][..self.count].as_chunks().0
    }
}

/// Size of the next of the blocks, at most `MAX` and not much smaller, that `left` is cut into.
#[inline(always)]
fn block<const MAX: usize>(left: usize) -> usize {
    match left {
        left if left >= 2 * MAX || left == MAX => MAX,
        left if left < MAX => left,
        left => left.div_ceil(2),
    }
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
        let vectors = v.width / S::F32_LANES;
        let (tile, _) = S::as_mut_simd_f32s(tile);
        for (quad, tile) in tile.chunks_exact_mut(QUAD * vectors).enumerate() {
            let mut j = 0;
            while j < vectors {
                let size = block::<3>(vectors - j);
                let tile = &mut tile[j * QUAD..][..size * QUAD];
                match size {
                    3 => similarities::<S, 3>(start, u, quad, v, j, tile),
                    2 => similarities::<S, 2>(start, u, quad, v, j, tile),
                    _ => similarities::<S, 1>(start, u, quad, v, j, tile),
                }
                j += size;
            }
        }
    }
}

/// Four rows of U against `C` vectors of V from `j`.
#[inline(always)]
fn similarities<S: Simd, const C: usize>(
    start: Lanes<S>,
    u: RowBlock,
    quad: usize,
    v: Panel,
    j: usize,
    tile: &mut [S::f32s],
) {
    let simd = start.simd();
    let first = u.first + quad * QUAD;
    let mut sums = [[start; C]; QUAD];
    let (v_data, _) = S::as_simd_f32s(v.data);
    let u_coordinates = u.panel.data.chunks_exact(u.panel.width);
    for (u_k, v_k) in u_coordinates.zip(v_data.chunks_exact(v.width / S::F32_LANES)) {
        let (u_k, v_k) = (&u_k[first..][..QUAD], &v_k[j..][..C]);
        for r in 0..QUAD {
            let u = Lanes::splat(simd, u_k[r]);
            for c in 0..C {
                sums[r][c] = u.mul_add(Lanes::new(simd, v_k[c]), sums[r][c]);
            }
        }
    }
    for c in 0..C {
        for r in 0..QUAD {
            tile[c * QUAD + r] = sums[r][c].get();
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
        let (tile, _) = S::as_simd_f32s(tile);
        let (gradient, _) = S::as_mut_simd_f32s(gradient);
        while k < dim {
            let size = block::<4>(dim - k);
            let gradient = &mut gradient[k * vectors..][..size * vectors];
            let mut j = 0;
            while j < vectors {
                let count = block::<2>(vectors - j);
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
    tile: &[S::f32s],
    u: RowBlock,
    k: usize,
    j: usize,
    gradient: &mut [S::f32s],
) {
    let vectors = gradient.len() / K;
    let mut coordinates: [&[[f32; QUAD]]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0); C]; K];
    for kk in 0..K {
        coordinates[kk] = u.coordinate(k + kk);
        for c in 0..C {
            sums[kk][c] = Lanes::new(simd, gradient[kk * vectors + j + c]);
        }
    }
    for (quad, tile) in tile.chunks_exact(QUAD * vectors).enumerate() {
        let g = &tile[j * QUAD..][..C * QUAD];
        for r in 0..QUAD {
            for kk in 0..K {
                let u = Lanes::splat(simd, coordinates[kk][quad][r]);
                for c in 0..C {
                    sums[kk][c] = u.mul_add(Lanes::new(simd, g[c * QUAD + r]), sums[kk][c]);
                }
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
    pub(super) v: Panel<'a>,
    pub(super) partial: &'a mut [f32],
}

impl WithSimd for RowGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, v, partial } = self;
        let (dim, vectors) = (v.data.len() / v.width, v.width / S::F32_LANES);
        let (tile, _) = S::as_simd_f32s(tile);
        let (v, _) = S::as_simd_f32s(v.data);
        let (partial, _) = S::as_mut_simd_f32s(partial);
        for (quad, tile) in tile.chunks_exact(QUAD * vectors).enumerate() {
            let (tile, _) = tile.as_chunks::<QUAD>();
            let mut k = 0;
            while k < dim {
                let size = block::<2>(dim - k);
                let v = &v[k * vectors..][..size * vectors];
                let partial = &mut partial[k * ROWS..][..size * ROWS];
                match size {
                    2 => rows::<S, 2>(simd, tile, v, quad, partial),
                    _ => rows::<S, 1>(simd, tile, v, quad, partial),
                }
                k += size;
            }
        }
    }
}

/// `K` coordinates of the gradients of four rows.
#[inline(always)]
fn rows<S: Simd, const K: usize>(
    simd: S,
    tile: &[[S::f32s; QUAD]],
    v: &[S::f32s],
    quad: usize,
    partial: &mut [S::f32s],
) {
    let mut coordinates: [&[S::f32s]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0); QUAD]; K];
    for k in 0..K {
        coordinates[k] = &v[k * tile.len()..][..tile.len()];
        for r in 0..QUAD {
            sums[k][r] = Lanes::new(simd, partial[k * ROWS + quad * QUAD + r]);
        }
    }
    for j in 0..tile.len() {
        for k in 0..K {
            let v = Lanes::new(simd, coordinates[k][j]);
            for r in 0..QUAD {
                sums[k][r] = v.mul_add(Lanes::new(simd, tile[j][r]), sums[k][r]);
            }
        }
    }
    for k in 0..K {
        for r in 0..QUAD {
            partial[k * ROWS + quad * QUAD + r] = sums[k][r].get();
        }
    }
}

/// Sets the matching pairs and the filling in a tile of similarities to `value`.
pub(super) struct Silence<'a> {
    pub(super) tile: &'a mut [f32],
    pub(super) width: usize,
    /// Rows and columns that are not filling.
    pub(super) real: [usize; 2],
    /// Column of the first row's matching pair, if it lies in this tile.
    pub(super) diagonal: Option<usize>,
    pub(super) value: f32,
}

impl WithSimd for Silence<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { tile, width, real: [real_rows, real_columns], diagonal, value } = self;
        for i in 0..tile.len() / width {
            let first_filling = if i < real_rows { real_columns } else { 0 };
            let matching = diagonal.map_or(width, |first| first + i);
            for j in (first_filling..width).chain((matching < width).then_some(matching)) {
                let vector = i / QUAD * (width / S::F32_LANES) + j / S::F32_LANES;
                tile[(vector * QUAD + i % QUAD) * S::F32_LANES + j % S::F32_LANES] = value;
            }
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
