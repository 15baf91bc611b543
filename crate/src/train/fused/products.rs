//! The three matrix products of a tile: a block of rows of U against a panel of V.
//!
//! A tile holds `rows` rows of `v.width` entries; first the similarities, then the
//! derivatives of the loss by the logits, G. Each product keeps a small block of its
//! result in registers, so that it is bound by multiplications, not by memory.

use pulp::Simd;

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

/// Splits `total` into blocks of at most `max`, as even as can be: (start, size).
#[inline(always)]
fn blocks(total: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = total - start;
        let size = left.div_ceil(left.div_ceil(max).max(1));
        start += size;
        (size > 0).then_some((start - size, size))
    })
}

/// `tile[i, j] = start + <U_i, V_j>`.
#[inline(always)]
pub(super) fn similarities<S: Simd>(simd: S, u: RowBlock, v: Panel, start: f32, tile: &mut [f32]) {
    let start = Lanes::splat(simd, start);
    let quads = tile.chunks_exact_mut(QUAD * v.width).take(u.count / QUAD);
    for (i, quad) in quads.enumerate() {
        let i = u.first + i * QUAD;
        for (j, size) in blocks(v.width / S::F32_LANES, 3) {
            match size {
                3 => dot::<S, 3>(u.panel, i, v, j, start, quad),
                2 => dot::<S, 2>(u.panel, i, v, j, start, quad),
                _ => dot::<S, 1>(u.panel, i, v, j, start, quad),
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
        let v_k: [S::f32s; C] = v_k[j..j + C].try_into().expect("C vectors");
        let u_k: [f32; QUAD] = u_k[i..i + QUAD].try_into().expect("four rows");
        for (sums, u) in sums.iter_mut().zip(u_k) {
            let u = Lanes::splat(simd, u);
            for (sum, v) in sums.iter_mut().zip(v_k) {
                *sum = u.mul_add(Lanes::new(simd, v), *sum);
            }
        }
    }
    for (row, sums) in quad.chunks_exact_mut(v.width).zip(sums) {
        let (row, _) = S::as_mut_simd_f32s(row);
        for (entry, sum) in row[j..j + C].iter_mut().zip(sums) {
            *entry = sum.get();
        }
    }
}

/// `gradient[k, j] += sum_i G_ij U_ik`, into the panel of V's gradient.
#[inline(always)]
pub(super) fn column_gradient<S: Simd>(
    simd: S,
    tile: &[f32],
    u: RowBlock,
    width: usize,
    gradient: &mut [f32],
) {
    for (k, size) in blocks(gradient.len() / width, 4) {
        let gradient = &mut gradient[k * width..][..size * width];
        for (j, vectors) in blocks(width / S::F32_LANES, 2) {
            match (size, vectors) {
                (4, 2) => columns::<S, 4, 2>(simd, tile, u, k, j, gradient),
                (3, 2) => columns::<S, 3, 2>(simd, tile, u, k, j, gradient),
                (2, 2) => columns::<S, 2, 2>(simd, tile, u, k, j, gradient),
                (1, 2) => columns::<S, 1, 2>(simd, tile, u, k, j, gradient),
                (4, _) => columns::<S, 4, 1>(simd, tile, u, k, j, gradient),
                (3, _) => columns::<S, 3, 1>(simd, tile, u, k, j, gradient),
                (2, _) => columns::<S, 2, 1>(simd, tile, u, k, j, gradient),
                (_, _) => columns::<S, 1, 1>(simd, tile, u, k, j, gradient),
            }
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
    let coordinates: [&[f32]; K] =
        std::array::from_fn(|kk| &u.panel.data[(k + kk) * u.panel.width + u.first..][..u.count]);
    let mut sums: [[Lanes<S>; C]; K] =
        std::array::from_fn(|kk| std::array::from_fn(|c| Lanes::new(simd, gradient[kk * vectors + j + c])));
    for (i, g) in tile.chunks_exact(vectors).take(u.count).enumerate() {
        let g: [S::f32s; C] = g[j..j + C].try_into().expect("C vectors");
        for (sums, coordinate) in sums.iter_mut().zip(coordinates) {
            let u = Lanes::splat(simd, coordinate[i]);
            for (sum, g) in sums.iter_mut().zip(g) {
                *sum = u.mul_add(Lanes::new(simd, g), *sum);
            }
        }
    }
    for (kk, sums) in sums.into_iter().enumerate() {
        for (c, sum) in sums.into_iter().enumerate() {
            gradient[kk * vectors + j + c] = sum.get();
        }
    }
}

/// `partial[k, i, lane] += sum_j G_ij V_jk` over the columns j of each lane; their
/// sum over the lanes is U's gradient.
#[inline(always)]
pub(super) fn row_gradient<S: Simd>(simd: S, tile: &[f32], rows: usize, v: Panel, partial: &mut [f32]) {
    let (partial, _) = S::as_mut_simd_f32s(partial);
    for i in (0..rows).step_by(QUAD) {
        let quad = &tile[i * v.width..][..QUAD * v.width];
        for (k, size) in blocks(v.data.len() / v.width, 3) {
            match size {
                3 => self::rows::<S, 3>(simd, quad, v, k, i, partial),
                2 => self::rows::<S, 2>(simd, quad, v, k, i, partial),
                _ => self::rows::<S, 1>(simd, quad, v, k, i, partial),
            }
        }
    }
}

/// `K` coordinates from `k` of the four rows `quad` from `i`.
#[inline(always)]
fn rows<S: Simd, const K: usize>(
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
    let g: [&[S::f32s]; QUAD] = std::array::from_fn(|r| &quad[r * vectors..][..vectors]);
    let v: [&[S::f32s]; K] = std::array::from_fn(|kk| &v[(k + kk) * vectors..][..vectors]);
    let mut sums: [[Lanes<S>; QUAD]; K] =
        std::array::from_fn(|kk| std::array::from_fn(|r| Lanes::new(simd, partial[(k + kk) * ROWS + i + r])));
    for j in 0..vectors {
        for (sums, v) in sums.iter_mut().zip(v) {
            let v = Lanes::new(simd, v[j]);
            for (sum, g) in sums.iter_mut().zip(g) {
                *sum = v.mul_add(Lanes::new(simd, g[j]), *sum);
            }
        }
    }
    for (kk, sums) in sums.into_iter().enumerate() {
        for (r, sum) in sums.into_iter().enumerate() {
            partial[(k + kk) * ROWS + i + r] = sum.get();
        }
    }
}
