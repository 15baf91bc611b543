//! One pass over all pairs of vectors: the loss and its gradients.

use rayon::prelude::*;

use super::lanes::{InstructionSet, MAX_LANES};
use super::listed::{Listed, Tiles};
use super::panels::{Aligned, Panels, Shape};
use super::products::{
    ColumnGradient, Diagonal, DiagonalGradient, Mask, Panel, QUAD, ROWS, RowBlock, RowGradient, Similarities,
};
use super::terms::{Logits, Matching, NonMatching, Sums};
use crate::error::{Error, Result};

/// Computes the sums over all entries of all pairs of modalities, and the gradients
/// of the sum of their terms by the vectors, divided by t.
///
/// The work is cut into blocks of rows, and these into shares, each with gradients of
/// its own that are added up in order; the cut depends on the sizes alone. So the
/// result has the same bytes whatever the number of threads.
#[derive(Debug)]
pub(super) struct Pass {
    instructions: InstructionSet,
    /// Which columns match a row; without it row i matches column i.
    listed: Option<Listed>,
    blocks: Vec<Block>,
    shares: Vec<Share>,
    pool: Option<rayon::ThreadPool>,
}

/// Up to [`ROWS`] rows of modality `u` against the rows of modality `v`.
///
/// The rows of V lie in vectors. The few that are left over in a last one would waste most of it, for
/// every row of U; they become rows of a block themselves, against the rows of U in vectors.
#[derive(Debug, Clone, Copy)]
struct Block {
    u: usize,
    v: usize,
    panel: usize,
    first: usize,
    /// Rows that are not filling.
    real: usize,
    /// Whether its rows are what is left over of the second modality.
    is_rest: bool,
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

/// The blocks of two modalities; with `lanes`, those of what is left over of V are the last.
fn blocks_of(shapes: &[Shape], u: usize, v: usize, lanes: Option<usize>) -> Vec<Block> {
    let cut = |u: usize, v: usize, panel: usize, rows: std::ops::Range<usize>, is_rest: bool| {
        let end = rows.end;
        rows.step_by(ROWS).map(move |first| Block {
            u,
            v,
            panel,
            first,
            real: ROWS.min(end - first),
            is_rest,
        })
    };
    let all = (0..shapes[u].panels).flat_map(|panel| cut(u, v, panel, 0..shapes[u].rows_in(panel), false));
    let last = shapes[v].panels - 1;
    let rest =
        lanes.map(|lanes| cut(v, u, last, shapes[v].whole(last, lanes)..shapes[v].rows_in(last), true));
    all.chain(rest.into_iter().flatten()).collect()
}

/// Multiplications below which another share does not pay for the hand-over.
const SHARE_WORK: u64 = 8 << 20;
const MAX_SHARES: usize = 16;
/// float32 in the gradients of all shares together; 256 MB.
const MAX_SHARED: usize = 64 << 20;

impl Pass {
    /// A pass over modalities of these shapes, which are all the same unless the matching columns are
    /// `listed`; on up to `threads` threads.
    pub(super) fn new(
        instructions: InstructionSet,
        shapes: &[Shape],
        listed: Option<Listed>,
        threads: usize,
    ) -> Result<Self> {
        let lanes = listed.is_none().then_some(instructions.lanes());
        let pairs = (0..shapes.len()).flat_map(|u| (u + 1..shapes.len()).map(move |v| (u, v)));
        let blocks: Vec<Block> = pairs.flat_map(|(u, v)| blocks_of(shapes, u, v, lanes)).collect();
        let numbers = shapes.iter().map(|shape| shape.panels * shape.width * shape.dim).sum::<usize>();
        let columns = shapes[shapes.len() - 1];
        // All of a row's similarities at a time, if the list needs them together.
        let tiles = if listed.is_some() { columns.panels } else { 1 };
        // In 64 bits, as WebAssembly's usize has 32.
        let work = [blocks.len(), ROWS, columns.rows, columns.dim + 12].map(|count| count as u64);
        let affordable = (MAX_SHARED / numbers).clamp(1, MAX_SHARES).min(blocks.len());
        let shares = (work.iter().product::<u64>() / SHARE_WORK).clamp(1, affordable as u64) as usize;
        let share = |index: usize| Share {
            blocks: blocks.len() * index / shares..blocks.len() * (index + 1) / shares,
            gradients: shapes.iter().map(|shape| Panels::zeros(*shape)).collect(),
            tile: Aligned::zeros(tiles * ROWS * columns.width),
            partial: Aligned::zeros(columns.dim * ROWS * MAX_LANES),
            sums: Sums::EMPTY,
        };
        let shares: Vec<Share> = (0..shares).map(share).collect();
        let threads = threads.min(shares.len());
        let pool = if threads > 1 { Some(pool_of(threads)?) } else { None };
        Ok(Self { instructions, listed, blocks, shares, pool })
    }

    /// Runs over `points`; modalities below `first_trained` get no useful gradient.
    pub(super) fn run(&mut self, logits: Logits, points: &[Panels], first_trained: usize) -> Sums {
        let Self { instructions, listed, blocks, shares, pool } = self;
        let one = |share: &mut Share| {
            run_share(*instructions, logits, points, first_trained, listed.as_ref(), blocks, share);
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
    pub(super) fn gradients(&self) -> &[Panels] {
        &self.shares[0].gradients
    }

    /// The same, for who goes on with them.
    pub(super) fn gradients_mut(&mut self) -> &mut [Panels] {
        &mut self.shares[0].gradients
    }
}

fn pool_of(threads: usize) -> Result<rayon::ThreadPool> {
    let failed = |error| Error::Engine { engine: "fused", source: Box::new(error) };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(failed)
}

/// Runs over the blocks of one share.
fn run_share(
    instructions: InstructionSet,
    logits: Logits,
    points: &[Panels],
    first_trained: usize,
    listed: Option<&Listed>,
    blocks: &[Block],
    share: &mut Share,
) {
    let Share { gradients, tile, partial, sums, .. } = share;
    gradients.iter_mut().for_each(|gradient| gradient.as_mut_slice().fill(0.0));
    *sums = Sums::EMPTY;
    for &block in &blocks[share.blocks.clone()] {
        let (u, v) = (&points[block.u], &points[block.v]);
        let trained = block.u >= first_trained;
        let work = BlockPass {
            instructions,
            logits,
            block,
            u,
            v,
            trained,
            gradients,
            partial: partial.as_mut_slice(),
        };
        *sums = sums.merge(match listed {
            None => work.run(tile.as_mut_slice()),
            Some(listed) => work.run_listed(listed, tile.as_mut_slice()),
        });
    }
}

/// One block of rows. Each of its operations is a function of its own in machine code,
/// with all registers to itself.
struct BlockPass<'a> {
    instructions: InstructionSet,
    logits: Logits,
    block: Block,
    u: &'a Panels,
    v: &'a Panels,
    /// Whether U is trained.
    trained: bool,
    gradients: &'a mut [Panels],
    partial: &'a mut [f32],
}

impl BlockPass<'_> {
    fn run(mut self, tile: &mut [f32]) -> Sums {
        let mut sums = Sums::EMPTY;
        for other in 0..self.v.shape.panels {
            sums = sums.merge(self.panel(other, tile));
        }
        if self.block.is_rest { sums } else { sums.merge(self.diagonal(tile)) }
    }

    /// The block's rows in `panels`, filled up to a multiple of `unit`.
    fn rows<'a>(&self, panels: &'a Panels, unit: usize) -> RowBlock<'a> {
        let Block { panel, first, real, .. } = self.block;
        let width = panels.shape.width;
        let panel = Panel { data: panels.panel(panel), width, columns: width };
        RowBlock { panel, first, count: real.next_multiple_of(unit) }
    }

    /// The block's rows against one panel of V.
    fn panel(&mut self, other: usize, tile: &mut [f32]) -> Sums {
        let Block { panel, first, is_rest, .. } = self.block;
        let Shape { width, .. } = self.v.shape;
        let columns = if is_rest { width } else { self.v.shape.whole(other, self.instructions.lanes()) };
        let tile = &mut tile[..self.rows(self.u, QUAD).count * columns];
        self.similarities(other, columns, (other == panel).then_some(first), tile);
        let sums = self.instructions.run(NonMatching { logits: self.logits, tile });
        self.add_gradients(other, columns, tile);
        sums
    }

    /// The block's rows against all of V, where several columns match a row.
    fn run_listed(mut self, listed: &Listed, tile: &mut [f32]) -> Sums {
        let Block { panel, first, real, .. } = self.block;
        let Shape { width, panels, .. } = self.v.shape;
        let rows = self.rows(self.u, QUAD).count;
        let data = &mut tile[..panels * rows * width];
        for (other, tile) in data.chunks_exact_mut(rows * width).enumerate() {
            self.similarities(other, width, None, tile);
        }
        let (lanes, first) = (self.instructions.lanes(), panel * self.u.shape.width + first);
        let sums = listed.differentiate(
            self.instructions,
            self.logits,
            Tiles { data, rows, width, lanes, first, real },
        );
        for (other, tile) in data.chunks_exact(rows * width).enumerate() {
            self.add_gradients(other, width, tile);
        }
        sums
    }

    /// The block's rows against the first `columns` of a panel of V: similarities, silent where there is
    /// nothing, and from column `diagonal` of the first row on where pairs match.
    fn similarities(&self, other: usize, columns: usize, diagonal: Option<usize>, tile: &mut [f32]) {
        let u = self.rows(self.u, QUAD);
        let v = Panel { data: self.v.panel(other), width: self.v.shape.width, columns };
        self.instructions.run(Similarities { u, v, start: -self.logits.offset, tile });
        let real = [self.block.real, self.v.shape.rows_in(other).min(columns)];
        let value = self.logits.silent();
        self.instructions.run(Mask { tile, width: columns, real, diagonal, value });
    }

    /// What the derivatives in `tile` add to the gradients of both.
    fn add_gradients(&mut self, other: usize, columns: usize, tile: &[f32]) {
        let Block { u: u_index, v: v_index, panel, first, .. } = self.block;
        let Shape { width, panels, .. } = self.v.shape;
        let u = self.rows(self.u, QUAD);
        let gradient = self.gradients[v_index].panel_mut(other);
        self.instructions.run(ColumnGradient { tile, columns, u, gradient, width });
        if self.trained {
            self.instructions.run(RowGradient {
                tile,
                v: Panel { data: self.v.panel(other), width, columns },
                partial: self.partial,
                is_first: other == 0,
                is_last: other + 1 == panels,
                gradient: &mut self.gradients[u_index].panel_mut(panel)[first..],
                gradient_width: self.u.shape.width,
            });
        }
    }

    /// The matching pairs of the block.
    fn diagonal(&mut self, tile: &mut [f32]) -> Sums {
        let Block { u: u_index, v: v_index, panel, real, .. } = self.block;
        let lanes = self.instructions.lanes();
        let (u, v) = (self.rows(self.u, lanes), self.rows(self.v, lanes));
        let g = &mut tile[..u.count];
        g.fill(-self.logits.offset);
        self.instructions.run(Diagonal { u, v, sums: g });
        g[real..].fill(self.logits.silent_match());
        let sums = self.instructions.run(Matching { logits: self.logits, diagonal: g });
        self.instructions.run(DiagonalGradient {
            g,
            v: u,
            gradient: self.gradients[v_index].panel_mut(panel),
        });
        if self.trained {
            self.instructions.run(DiagonalGradient {
                g,
                v,
                gradient: self.gradients[u_index].panel_mut(panel),
            });
        }
        sums
    }
}
