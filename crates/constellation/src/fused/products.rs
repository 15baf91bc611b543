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

use super::lanes::{Lanes, MAX_LANES};

/// Rows of a tile.
pub(super) const ROWS: usize = 32;
/// Rows that are multiplied at a time; divides [`ROWS`] and every number of lanes.
pub(super) const QUAD: usize = 4;

/// One modality's panel `[dim, width]`.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) data: &'a [f32],
    pub(super) width: usize,
    /// How many of its columns are multiplied, in whole vectors.
    pub(super) columns: usize,
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
        let vectors = v.columns / S::F32_LANES;
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
    /// Columns of the tile, the first of the gradient's.
    pub(super) columns: usize,
    pub(super) u: RowBlock<'a>,
    pub(super) gradient: &'a mut [f32],
    /// Columns of the gradient.
    pub(super) width: usize,
}

impl WithSimd for ColumnGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, columns: count, u, gradient, width } = self;
        let (mut k, dim, vectors) = (0, gradient.len() / width, count / S::F32_LANES);
        let (tile, _) = S::as_simd_f32s(tile);
        let (gradient, _) = S::as_mut_simd_f32s(gradient);
        let stride = width / S::F32_LANES;
        while k < dim {
            let size = block::<4>(dim - k);
            let gradient = &mut gradient[k * stride..][..size * stride];
            let mut j = 0;
            while j < vectors {
                let count = block::<2>(vectors - j);
                match (size, count) {
                    (4, 2) => columns::<S, 4, 2>(simd, tile, u, [k, j, vectors], gradient),
                    (3, 2) => columns::<S, 3, 2>(simd, tile, u, [k, j, vectors], gradient),
                    (2, 2) => columns::<S, 2, 2>(simd, tile, u, [k, j, vectors], gradient),
                    (1, 2) => columns::<S, 1, 2>(simd, tile, u, [k, j, vectors], gradient),
                    (4, _) => columns::<S, 4, 1>(simd, tile, u, [k, j, vectors], gradient),
                    (3, _) => columns::<S, 3, 1>(simd, tile, u, [k, j, vectors], gradient),
                    (2, _) => columns::<S, 2, 1>(simd, tile, u, [k, j, vectors], gradient),
                    (_, _) => columns::<S, 1, 1>(simd, tile, u, [k, j, vectors], gradient),
                }
                j += count;
            }
            k += size;
        }
    }
}

/// `K` coordinates from `k` of `C` vectors of columns from `j`, of a tile that has `vectors` of them.
#[inline(always)]
fn columns<S: Simd, const K: usize, const C: usize>(
    simd: S,
    tile: &[S::f32s],
    u: RowBlock,
    [k, j, vectors]: [usize; 3],
    gradient: &mut [S::f32s],
) {
    let stride = gradient.len() / K;
    let mut coordinates: [&[[f32; QUAD]]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0); C]; K];
    for kk in 0..K {
        coordinates[kk] = u.coordinate(k + kk);
        for c in 0..C {
            sums[kk][c] = Lanes::new(simd, gradient[kk * stride + j + c]);
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
            gradient[kk * stride + j + c] = sums[kk][c].get();
        }
    }
}

/// `gradient[k, i] += sum_j G_ij V_jk`. Over several panels of V the sum is kept in
/// `partial[i / 4, k, i % 4, lane]`, and its lanes are added up at the last.
pub(super) struct RowGradient<'a> {
    pub(super) tile: &'a [f32],
    pub(super) v: Panel<'a>,
    pub(super) partial: &'a mut [f32],
    /// Whether this is the first panel, before which `partial` holds nothing.
    pub(super) is_first: bool,
    /// Whether this is the last panel, after which `gradient` has the sum.
    pub(super) is_last: bool,
    /// U's gradient from the first row on.
    pub(super) gradient: &'a mut [f32],
    /// Rows of its panel.
    pub(super) gradient_width: usize,
}

impl WithSimd for RowGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, v, partial, is_first, is_last, gradient, gradient_width } = self;
        let (dim, vectors, stride) =
            (v.data.len() / v.width, v.columns / S::F32_LANES, v.width / S::F32_LANES);
        let (tile, _) = S::as_simd_f32s(tile);
        let (v_data, _) = S::as_simd_f32s(v.data);
        let (partial, _) = S::as_mut_simd_f32s(partial);
        let (partial, _) = partial.as_chunks_mut::<QUAD>();
        let ends = [is_first, is_last];
        for (quad, tile) in tile.chunks_exact(QUAD * vectors).enumerate() {
            let (tile, _) = tile.as_chunks::<QUAD>();
            let mut k = 0;
            while k < dim {
                let size = block::<2>(dim - k);
                let v_k = &v_data[k * stride..][..size * stride];
                let partial = &mut partial[quad * dim + k..][..size];
                let gradient = &mut gradient[k * gradient_width + quad * QUAD..];
                match size {
                    2 => rows::<S, 2>(simd, tile, v_k, partial, ends, gradient, gradient_width),
                    _ => rows::<S, 1>(simd, tile, v_k, partial, ends, gradient, gradient_width),
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
    partial: &mut [[S::f32s; QUAD]],
    [is_first, is_last]: [bool; 2],
    gradient: &mut [f32],
    gradient_width: usize,
) {
    let stride = v.len() / K;
    let mut coordinates: [&[S::f32s]; K] = [&[]; K];
    let mut sums = [[Lanes::splat(simd, 0.0).get(); QUAD]; K];
    for k in 0..K {
        coordinates[k] = &v[k * stride..][..tile.len()];
        if !is_first {
            sums[k] = partial[k];
        }
    }
    for j in 0..tile.len() {
        for k in 0..K {
            let v = Lanes::new(simd, coordinates[k][j]);
            for r in 0..QUAD {
                sums[k][r] = v.mul_add(Lanes::new(simd, tile[j][r]), Lanes::new(simd, sums[k][r])).get();
            }
        }
    }
    for k in 0..K {
        if is_last {
            let sums = Lanes::sums(simd, sums[k]);
            let gradient = &mut gradient[k * gradient_width..][..QUAD];
            for r in 0..QUAD {
                gradient[r] += sums[r];
            }
        } else {
            partial[k] = sums[k];
        }
    }
}

/// Sets the matching pairs and the filling in a tile of similarities to `value`.
pub(super) struct Mask<'a> {
    pub(super) tile: &'a mut [f32],
    /// Columns of the tile.
    pub(super) width: usize,
    /// Rows and columns that are not filling.
    pub(super) real: [usize; 2],
    /// Column of the first row's matching pair, if it lies in this tile.
    pub(super) diagonal: Option<usize>,
    pub(super) value: f32,
}

impl WithSimd for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, width, real: [real_rows, real_columns], diagonal, value } = self;
        let vectors = width / S::F32_LANES;
        let count = tile.len() / width;
        if let Some(first) = diagonal {
            for (i, j) in (first..width).take(count).enumerate() {
                let vector = i / QUAD * vectors + j / S::F32_LANES;
                tile[(vector * QUAD + i % QUAD) * S::F32_LANES + j % S::F32_LANES] = value;
            }
        }
        let value = Lanes::splat(simd, value);
        let (tile, _) = S::as_mut_simd_f32s(tile);
        if real_columns < width {
            // Lanes of filling are those that are not negative.
            let first = real_columns / S::F32_LANES;
            let mut filling = [0.0; MAX_LANES];
            for lane in real_columns % S::F32_LANES..S::F32_LANES {
                filling[lane] = 1.0;
            }
            let filling = Lanes::new(simd, S::as_simd_f32s(&filling).0[0]) - value.all(0.5);
            for quad in tile.chunks_exact_mut(QUAD * vectors) {
                let (boundary, beyond) = quad[first * QUAD..].split_at_mut(QUAD);
                for entry in boundary {
                    *entry = filling.select(value, Lanes::new(simd, *entry)).get();
                }
                beyond.fill(value.get());
            }
        }
        for i in real_rows.min(count)..count {
            for j in 0..vectors {
                tile[(i / QUAD * vectors + j) * QUAD + i % QUAD] = value.get();
            }
        }
    }
}

/// `sums[i] += <U_i, V_i>`.
pub(super) struct Diagonal<'a> {
    pub(super) u: RowBlock<'a>,
    pub(super) v: RowBlock<'a>,
    pub(super) sums: &'a mut [f32],
}

impl WithSimd for Diagonal<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, v, sums } = self;
        let coordinates =
            u.panel.data.chunks_exact(u.panel.width).zip(v.panel.data.chunks_exact(v.panel.width));
        for (u_k, v_k) in coordinates {
            add_products::<S>(simd, &u_k[u.first..], &v_k[v.first..], sums);
        }
    }
}

/// `gradient[k, i] += g_i V_ik` for the matching pairs, into the panel of U's gradient.
pub(super) struct DiagonalGradient<'a> {
    pub(super) g: &'a [f32],
    pub(super) v: RowBlock<'a>,
    pub(super) gradient: &'a mut [f32],
}

impl WithSimd for DiagonalGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { g, v, gradient } = self;
        let width = v.panel.width;
        for (v_k, gradient) in v.panel.data.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            add_products::<S>(simd, g, &v_k[v.first..], &mut gradient[v.first..][..g.len()]);
        }
    }
}

/// `sums += a * b`, entry by entry.
#[inline(always)]
fn add_products<S: Simd>(simd: S, a: &[f32], b: &[f32], sums: &mut [f32]) {
    let ((a, _), (b, _)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let (sums, _) = S::as_mut_simd_f32s(sums);
    for ((a, b), sum) in a.iter().zip(b).zip(sums) {
        *sum = Lanes::new(simd, *a).mul_add(Lanes::new(simd, *b), Lanes::new(simd, *sum)).get();
    }
}
