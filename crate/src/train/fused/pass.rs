//! One pass over all pairs of vectors: the loss and its gradients.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::lanes::{Lanes, MAX_LANES, Path};
use super::panels::{Aligned, Panels, Shape};
use super::products::{Panel, ROWS, RowBlock, column_gradient, row_gradient, similarities};
use super::terms::{Accumulator, Logits, Sums};

/// Computes the sums over all entries of all pairs of modalities, and the gradients
/// of the sum of their terms by the vectors, divided by t.
///
/// The work is cut into blocks of rows, and these into shares, each with gradients of
/// its own that are added up in order; the cut depends on the sizes alone. So the
/// result has the same bytes whatever the number of threads.
#[derive(Debug)]
pub(super) struct Pass {
    path: Path,
    blocks: Vec<Block>,
    shares: Vec<Share>,
    pool: Option<rayon::ThreadPool>,
}

/// Up to [`ROWS`] rows of modality `u` against all rows of modality `v`.
#[derive(Debug, Clone, Copy)]
struct Block {
    u: usize,
    v: usize,
    panel: usize,
    first: usize,
}

/// What one thread works on, and with.
#[derive(Debug)]
struct Share {
    blocks: std::ops::Range<usize>,
    gradients: Vec<Panels>,
    tile: Aligned,
    partial: Aligned,
    sums: Sums,
}

/// Multiplications below which another share does not pay for the hand-over.
const SHARE_WORK: usize = 8 << 20;
const MAX_SHARES: usize = 16;
/// float32 in the gradients of all shares together; 256 MB.
const MAX_SHARED: usize = 64 << 20;

impl Pass {
    /// A pass over `modalities` modalities of one `shape`, on up to `threads` threads.
    pub(super) fn new(path: Path, modalities: usize, shape: Shape, threads: usize) -> crate::Result<Self> {
        let blocks: Vec<Block> = (0..modalities)
            .flat_map(|u| (u + 1..modalities).map(move |v| (u, v)))
            .flat_map(|(u, v)| (0..shape.panels).map(move |panel| (u, v, panel)))
            .flat_map(|(u, v, panel)| {
                (0..shape.rows_in(panel)).step_by(ROWS).map(move |first| Block { u, v, panel, first })
            })
            .collect();
        let numbers = modalities * shape.panels * shape.width * shape.dim;
        let work = blocks.len() * ROWS * shape.rows * (shape.dim + 12);
        let shares = (work / SHARE_WORK).min(MAX_SHARED / numbers).clamp(1, MAX_SHARES).min(blocks.len());
        let share = |index: usize| Share {
            blocks: blocks.len() * index / shares..blocks.len() * (index + 1) / shares,
            gradients: (0..modalities).map(|_| Panels::zeros(shape)).collect(),
            tile: Aligned::zeros(ROWS * shape.width),
            partial: Aligned::zeros(shape.dim * ROWS * MAX_LANES),
            sums: Sums::EMPTY,
        };
        let shares: Vec<Share> = (0..shares).map(share).collect();
        let threads = threads.min(shares.len());
        let pool = match threads {
            0 | 1 => None,
            _ => Some(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .map_err(crate::Error::Threads)?,
            ),
        };
        Ok(Self { path, blocks, shares, pool })
    }

    /// Runs over `points`; modalities below `first_trained` get no useful gradient.
    pub(super) fn run(&mut self, logits: Logits, points: &[Panels], first_trained: usize) -> Sums {
        let Self { path, blocks, shares, pool } = self;
        let one = |share: &mut Share| {
            let blocks = &blocks[share.blocks.clone()];
            path.run(Entries { logits, points, first_trained, blocks, share });
        };
        match pool {
            Some(pool) => pool.install(|| shares.par_iter_mut().with_max_len(1).for_each(one)),
            None => shares.iter_mut().for_each(one),
        }
        let (total, others) = shares.split_first_mut().expect("at least one share");
        for other in others.iter() {
            total.sums = total.sums.merge(other.sums);
            for (total, other) in total.gradients.iter_mut().zip(&other.gradients) {
                for (total, other) in total.as_mut_slice().iter_mut().zip(other.as_slice()) {
                    *total += other;
                }
            }
        }
        total.gradients.iter_mut().for_each(Panels::clear_filling);
        total.sums
    }

    /// The gradients of the last run, one a modality.
    pub(super) fn gradients(&mut self) -> &mut [Panels] {
        &mut self.shares[0].gradients
    }
}

/// The blocks of one share, as an operation for [`Path::run`].
struct Entries<'a> {
    logits: Logits,
    points: &'a [Panels],
    first_trained: usize,
    blocks: &'a [Block],
    share: &'a mut Share,
}

impl WithSimd for Entries<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Share { gradients, tile, partial, sums, .. } = self.share;
        gradients.iter_mut().for_each(|gradient| gradient.as_mut_slice().fill(0.0));
        *sums = Sums::EMPTY;
        for block in self.blocks {
            let trained = block.u >= self.first_trained;
            let work = Work { simd, logits: self.logits, block: *block, trained };
            let (tile, partial) = (tile.as_mut_slice(), partial.as_mut_slice());
            *sums =
                sums.merge(work.run(&self.points[block.u], &self.points[block.v], gradients, tile, partial));
        }
    }
}

/// One block of rows.
struct Work<S> {
    simd: S,
    logits: Logits,
    block: Block,
    trained: bool,
}

impl<S: Simd> Work<S> {
    #[inline(always)]
    fn run(
        &self,
        u: &Panels,
        v: &Panels,
        gradients: &mut [Panels],
        tile: &mut [f32],
        partial: &mut [f32],
    ) -> Sums {
        let Block { panel, first, .. } = self.block;
        let width = u.shape.width;
        let count = ROWS.min(width - first);
        let rows = RowBlock { panel: Panel { data: u.panel(panel), width }, first, count };
        let tile = &mut tile[..count * width];
        let partial = &mut partial[..u.shape.dim * ROWS * S::F32_LANES];
        partial.fill(0.0);
        let mut sums = Accumulator::new(self.simd, self.logits);
        for other in 0..v.shape.panels {
            let columns = Panel { data: v.panel(other), width };
            similarities(self.simd, rows, columns, -self.logits.offset, tile);
            self.silence(u.shape, other, tile);
            sums.others(tile);
            column_gradient(self.simd, tile, rows, width, gradients[self.block.v].panel_mut(other));
            if self.trained {
                row_gradient(self.simd, tile, count, columns, partial);
            }
        }
        if self.trained {
            self.collect(count, partial, gradients[self.block.u].panel_mut(panel), width);
        }
        self.diagonal(rows, v, gradients, tile, &mut sums);
        sums.finish()
    }

    /// Takes the matching pairs and the filling out of a tile of similarities.
    #[inline(always)]
    fn silence(&self, shape: Shape, other: usize, tile: &mut [f32]) {
        let silent = self.logits.silent();
        let Block { panel, first, .. } = self.block;
        let (real_rows, real_columns) = (shape.rows_in(panel), shape.rows_in(other));
        for (i, row) in tile.chunks_exact_mut(shape.width).enumerate() {
            if first + i >= real_rows {
                row.fill(silent);
            }
            row[real_columns..].fill(silent);
            if other == panel {
                row[first + i] = silent;
            }
        }
    }

    /// Adds the lanes of `partial` up into the gradient of U's rows.
    #[inline(always)]
    fn collect(&self, count: usize, partial: &[f32], gradient: &mut [f32], width: usize) {
        let (partial, _) = S::as_simd_f32s(partial);
        for (partial, gradient) in partial.chunks_exact(ROWS).zip(gradient.chunks_exact_mut(width)) {
            for (lanes, sum) in partial.iter().zip(&mut gradient[self.block.first..][..count]) {
                *sum += Lanes::new(self.simd, *lanes).sum();
            }
        }
    }

    /// The matching pairs of the block, a vector of pairs at a time.
    #[inline(always)]
    fn diagonal(
        &self,
        rows: RowBlock,
        v: &Panels,
        gradients: &mut [Panels],
        tile: &mut [f32],
        sums: &mut Accumulator<S>,
    ) {
        let Block { panel, first, .. } = self.block;
        let RowBlock { panel: Panel { data: u, width }, count, .. } = rows;
        let v = v.panel(panel);
        let diagonal = &mut tile[..count];
        diagonal.fill(-self.logits.offset);
        let coordinates = u.chunks_exact(width).zip(v.chunks_exact(width));
        for (u, v) in coordinates.clone() {
            add_products::<S>(self.simd, &u[first..][..count], &v[first..][..count], diagonal);
        }
        let real = gradients[self.block.v].shape.rows_in(panel).saturating_sub(first).min(count);
        diagonal[real..].fill(self.logits.silent_match());
        sums.matching(diagonal);
        for (k, (u, v)) in coordinates.enumerate() {
            let columns = k * width + first;
            let gradient_v = &mut gradients[self.block.v].panel_mut(panel)[columns..][..count];
            add_products::<S>(self.simd, diagonal, &u[first..][..count], gradient_v);
            if self.trained {
                let gradient_u = &mut gradients[self.block.u].panel_mut(panel)[columns..][..count];
                add_products::<S>(self.simd, diagonal, &v[first..][..count], gradient_u);
            }
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
