//! Where vectors come from: memory, or a file of which a part is read at a time.

use std::ops::Range;
use std::path::Path;

use files::npz::Matrix;
use ndarray::{Array2, ArrayView2, CowArray, Ix2, s};

use crate::error::Result;

/// Unit vectors, row by row.
pub trait Vectors: Sync {
    /// How many there are, and their dimension.
    fn dim(&self) -> (usize, usize);

    /// The rows of a range, `[rows, dim]`.
    ///
    /// # Errors
    /// [`crate::Error::File`] if they cannot be read.
    fn rows(&self, range: Range<usize>) -> Result<CowArray<'_, f32, Ix2>>;
}

impl Vectors for ArrayView2<'_, f32> {
    fn dim(&self) -> (usize, usize) {
        ArrayView2::dim(self)
    }

    fn rows(&self, range: Range<usize>) -> Result<CowArray<'_, f32, Ix2>> {
        Ok(self.slice(s![range, ..]).into())
    }
}

/// Some rows, in any order, with repetitions.
pub(super) fn gather(vectors: &dyn Vectors, rows: &[usize]) -> Result<Array2<f32>> {
    let mut gathered = Array2::zeros((rows.len(), vectors.dim().1));
    for (&row, mut place) in rows.iter().zip(gathered.rows_mut()) {
        place.assign(&vectors.rows(row..row + 1)?.row(0));
    }
    Ok(gathered)
}

/// Vectors in a file.
pub struct InFile<'a> {
    path: &'a Path,
    matrix: &'a Matrix,
    /// The first of them among the rows of the array.
    first: usize,
    rows: usize,
    /// Which rows they are, counted from there and ascending, if not all.
    picked: Option<&'a [usize]>,
}

impl<'a> InFile<'a> {
    /// So many rows of an array of the file `path`, from row `first` on.
    pub fn new(path: &'a Path, matrix: &'a Matrix, first: usize, rows: usize) -> Self {
        Self { path, matrix, first, rows, picked: None }
    }

    /// These of the array's rows, ascending.
    pub fn picked(path: &'a Path, matrix: &'a Matrix, picked: &'a [usize]) -> Self {
        Self { path, matrix, first: 0, rows: picked.len(), picked: Some(picked) }
    }

    fn read(&self, range: Range<usize>) -> Result<Array2<f32>> {
        let rows = range.len();
        let read = self.matrix.rows(self.first + range.start..self.first + range.end);
        let numbers = read.map_err(|error| files::Error::new(self.path, error))?;
        Ok(Array2::from_shape_vec((rows, self.matrix.width()), numbers).expect("as many as were asked for"))
    }
}

impl Vectors for InFile<'_> {
    fn dim(&self) -> (usize, usize) {
        (self.rows, self.matrix.width())
    }

    fn rows(&self, range: Range<usize>) -> Result<CowArray<'_, f32, Ix2>> {
        /// Rows beside those that are wanted are read as well, if they are not many more.
        const WASTED: usize = 4;
        let Some(picked) = self.picked else { return Ok(self.read(range)?.into()) };
        let picked = &picked[range];
        let (Some(&first), Some(&last)) = (picked.first(), picked.last()) else {
            return Ok(Array2::zeros((0, self.matrix.width())).into());
        };
        if last - first < WASTED * picked.len() {
            let numbers: Vec<usize> = picked.iter().map(|row| row - first).collect();
            return Ok(self.read(first..last + 1)?.select(ndarray::Axis(0), &numbers).into());
        }
        let mut vectors = Array2::zeros((picked.len(), self.matrix.width()));
        for (&row, mut place) in picked.iter().zip(vectors.rows_mut()) {
            place.assign(&self.read(row..row + 1)?.row(0));
        }
        Ok(vectors.into())
    }
}
