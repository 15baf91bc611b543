//! Two families of vectors and who matches whom; their similarities in blocks of rows.

use ndarray::{Array2, ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use crate::error::{Error, Result};

/// Two families of unit vectors, each row of the first with its match in the second:
/// U and V of a synthetic run, or images and the texts of their classes.
#[derive(Clone, Copy)]
pub(super) struct Families<'a> {
    /// `[rows, dim]`: U, or the images.
    pub rows: ArrayView2<'a, f32>,
    /// `[columns, dim]`: V, or the texts.
    pub columns: ArrayView2<'a, f32>,
    /// The column that each row matches.
    pub matching: Matching<'a>,
}

/// Which column a row matches.
#[derive(Clone, Copy)]
pub(super) enum Matching<'a> {
    /// Row i matches column i.
    Diagonal,
    /// Row i matches column `classes[i]`.
    Classes(&'a [usize]),
}

impl Matching<'_> {
    /// The column that `row` matches.
    pub(super) fn column(self, row: usize) -> usize {
        match self {
            Self::Diagonal => row,
            Self::Classes(classes) => classes[row],
        }
    }
}

impl<'a> Families<'a> {
    /// Images `[n, dim]`, distinct texts `[k, dim]` and the text of each image, checked:
    /// shapes agree, there are non-matching pairs, all rows are unit vectors.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first thing that is wrong.
    pub(super) fn labelled(
        images: &'a ArrayView2<f32>,
        texts: &'a ArrayView2<f32>,
        class_of: &'a [usize],
    ) -> Result<Self> {
        let (n, dim) = images.dim();
        let (k, text_dim) = texts.dim();
        if n == 0 || k < 2 || dim == 0 || text_dim != dim {
            return Err(Error::Input {
                what: "images and texts",
                got: format!("{:?} and {:?}", images.shape(), texts.shape()),
                expected: "[n, dim] and [k, dim] with one image, two texts and one dimension or more"
                    .to_owned(),
            });
        }
        if class_of.len() != n {
            return Err(Error::Input {
                what: "classes",
                got: format!("{} of them", class_of.len()),
                expected: format!("one for each of the {n} images"),
            });
        }
        if let Some((image, class)) = class_of.iter().enumerate().find(|(_, class)| **class >= k) {
            return Err(Error::Input {
                what: "classes",
                got: format!("{class} for image {image}"),
                expected: format!("a row of the {k} texts, counted from 0"),
            });
        }
        check_unit("images", images.view(), 0)?;
        check_unit("texts", texts.view(), 0)?;
        Ok(Self { rows: images.view(), columns: texts.view(), matching: Matching::Classes(class_of) })
    }

    /// Every unordered pair of modalities of vectors `[modalities, pairs, dim]`, with the
    /// numbers of the two.
    ///
    /// # Errors
    /// [`Error::Input`] for fewer than two modalities or two pairs.
    pub(super) fn modalities(embeddings: ArrayView3<'a, f32>) -> Result<Vec<((usize, usize), Self)>> {
        let (modalities, pairs, _) = embeddings.dim();
        if modalities < 2 || pairs < 2 {
            return Err(Error::Input {
                what: "embeddings",
                got: format!("{:?}", embeddings.shape()),
                expected: "[modalities, pairs, dim] with two modalities and two pairs or more".to_owned(),
            });
        }
        let modality = |m| embeddings.index_axis_move(Axis(0), m);
        let pair =
            |(a, b)| ((a, b), Self { rows: modality(a), columns: modality(b), matching: Matching::Diagonal });
        Ok((0..modalities).flat_map(|a| (a + 1..modalities).map(move |b| (a, b))).map(pair).collect())
    }

    /// Applies `work` to the similarities of each block of rows with all columns, on all
    /// cores, in the order of the blocks. The whole matrix is never stored.
    pub(super) fn blocks<T: Send>(
        self,
        work: impl Fn(&Block) -> T + Sync + Send,
    ) -> impl IndexedParallelIterator<Item = T> {
        const NUMBERS: usize = 1 << 20; // 4 MiB of similarities a block
        self.blocks_of((NUMBERS / self.columns.nrows().max(1)).clamp(1, 512), work)
    }

    /// The same in blocks of `height` rows.
    pub(super) fn blocks_of<T: Send>(
        self,
        height: usize,
        work: impl Fn(&Block) -> T + Sync + Send,
    ) -> impl IndexedParallelIterator<Item = T> {
        (0..self.rows.nrows().div_ceil(height)).into_par_iter().map(move |block| {
            let first = block * height;
            let last = (first + height).min(self.rows.nrows());
            let product = self.rows.slice(s![first..last, ..]).dot(&self.columns.t());
            let similarities = if product.is_standard_layout() {
                product
            } else {
                product.as_standard_layout().into_owned()
            };
            work(&Block { first, similarities, matching: self.matching })
        })
    }
}

/// The similarities of some consecutive rows with all columns.
pub(super) struct Block<'a> {
    first: usize,
    similarities: Array2<f32>,
    matching: Matching<'a>,
}

impl Block<'_> {
    /// The rows of the block, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let columns = self.similarities.ncols();
        let similarities = self.similarities.as_slice().expect("blocks are in standard layout");
        similarities.chunks_exact(columns.max(1)).enumerate().map(|(i, similarities)| {
            let row = self.first + i;
            Row { row, column: self.matching.column(row), similarities }
        })
    }
}

/// The similarities of a row with all columns.
pub(super) struct Row<'a> {
    /// Its number.
    pub row: usize,
    /// The column that it matches.
    pub column: usize,
    similarities: &'a [f32],
}

impl Row<'_> {
    /// The similarity with the matching column.
    pub(super) fn matching(&self) -> f32 {
        self.similarities[self.column]
    }

    /// The other columns and the similarities with them.
    pub(super) fn non_matching(&self) -> impl Iterator<Item = (usize, f32)> {
        let (before, after) = (&self.similarities[..self.column], &self.similarities[self.column + 1..]);
        let after = after.iter().enumerate().map(|(j, &s)| (self.column + 1 + j, s));
        before.iter().copied().enumerate().chain(after)
    }
}

/// Lengths within this of 1 pass: vectors that were normalised in bfloat16 do.
const TOLERANCE: f64 = 0.01;

/// Whether all are unit vectors; the number of the first is `first`.
pub(super) fn check_unit(what: &'static str, vectors: ArrayView2<f32>, first: usize) -> Result<()> {
    let length = |i: usize| vectors.row(i).fold(0.0, |sum, &x| sum + f64::from(x).powi(2)).sqrt();
    let lengths = (0..vectors.nrows()).into_par_iter().map(|i| (i, length(i)));
    // A NaN is in no range.
    match lengths.find_first(|(_, length)| !(1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(length)) {
        None => Ok(()),
        Some((row, length)) => Err(Error::Input {
            what,
            got: format!("length {length} in row {}", first + row),
            expected: "unit vectors: divide each by its norm".to_owned(),
        }),
    }
}
