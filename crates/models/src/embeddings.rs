//! Embeddings of images and of their classes' names, and the study's `.npz` files of them.

use std::{fs::File, io, path::Path};

use ndarray::{Array2, ArrayView2, s};

use crate::dataset::LeftOut;
use crate::error::{Error, Result};
use files::npz::{Npy, NpzReader, NpzWriter};
use files::write_whole;

/// Unit embeddings of images, grouped by class, and of each class's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Embeddings of the images `[n, D]`.
    pub image: Array2<f32>,
    /// Embeddings of the classes' names `[classes, D]`, one for each class.
    pub class_text: Array2<f32>,
    /// The classes' names.
    pub classes: Vec<String>,
    /// First image of each class, ascending from 0.
    pub splits: Vec<usize>,
    /// Names of the images that could not be decoded and were left out.
    pub skipped: Vec<String>,
    /// What lay beside the images, and is not embedded.
    pub left_out: LeftOut,
}

/// Unit embeddings of images, grouped by class, of an image tower alone.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageEmbeddings {
    /// Embeddings of the images `[n, D]`.
    pub image: Array2<f32>,
    /// The classes' names.
    pub classes: Vec<String>,
    /// First image of each class, ascending from 0.
    pub splits: Vec<usize>,
    /// Names of the images that could not be decoded and were left out.
    pub skipped: Vec<String>,
    /// What lay beside the images, and is not embedded.
    pub left_out: LeftOut,
}

impl ImageEmbeddings {
    /// Writes `image` [n, D], `splits` and `ordered_labels` as [`Embeddings::write`] does; there is
    /// no `text`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        Ok(write_whole(file, |temporary| {
            let mut npz = NpzWriter::new(temporary);
            npz.numbers("image", &[self.image.nrows(), self.image.ncols()], self.image.iter().copied())?;
            write_classes(&mut npz, self.image.nrows(), &self.classes, &self.splits)?;
            Ok(npz.finish()?)
        })?)
    }
}

/// Rows of class `class`, of which `rows` are in all.
fn class_rows(class: usize, splits: &[usize], rows: usize) -> std::ops::Range<usize> {
    splits[class]..splits.get(class + 1).copied().unwrap_or(rows)
}

/// The arrays `splits` and `ordered_labels`.
fn write_classes(npz: &mut NpzWriter, rows: usize, classes: &[String], splits: &[usize]) -> io::Result<()> {
    npz.numbers("splits", &[splits.len()], splits.iter().map(|&row| row as i64))?;
    let labels = classes
        .iter()
        .enumerate()
        .flat_map(|(class, name)| class_rows(class, splits, rows).map(move |_| name.as_str()));
    npz.strings("ordered_labels", labels.collect::<Vec<_>>().into_iter())
}

/// Largest difference within a class that its text's rows may have, which comes from
/// embedding one text in several batches.
const TEXT_TOLERANCE: f32 = 1e-2;

impl Embeddings {
    /// Images of class `class`, as a range of rows.
    pub fn rows(&self, class: usize) -> std::ops::Range<usize> {
        class_rows(class, &self.splits, self.image.nrows())
    }

    /// Class of each image `[n]`.
    pub fn labels(&self) -> Vec<usize> {
        (0..self.classes.len()).flat_map(|class| self.rows(class).map(move |_| class)).collect()
    }

    /// Text embedding of each image's class `[n, D]`, the row i the partner of image i.
    pub fn text(&self) -> Array2<f32> {
        self.class_text.select(ndarray::Axis(0), &self.labels())
    }

    /// Writes `image` [n, D], `text` [n, D] (the class's, repeated), `splits` (first row
    /// of each class) and `ordered_labels` (the class of each row), as the study's files
    /// have them; `numpy.load` reads all four.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        Ok(write_whole(file, |temporary| Ok(self.write_arrays(temporary)?))?)
    }

    fn write_arrays(&self, file: &File) -> io::Result<()> {
        let mut npz = NpzWriter::new(file);
        let shape = [self.image.nrows(), self.image.ncols()];
        npz.numbers("image", &shape, self.image.iter().copied())?;
        let labels = self.labels();
        let text = labels.iter().flat_map(|&class| self.class_text.row(class));
        npz.numbers("text", &shape, text.copied())?;
        write_classes(&mut npz, self.image.nrows(), &self.classes, &self.splits)?;
        npz.finish()
    }

    /// Reads such a file, made here or by numpy's `savez` or `savez_compressed`.
    ///
    /// # Errors
    /// If an array is absent, damaged, or does not fit the others.
    pub fn read(file: &Path) -> Result<Self> {
        let mut npz = NpzReader::open(file).map_err(|error| Error::file(file, error))?;
        let mut array = |name: &str| {
            let missing = match name {
                "text" => {
                    "is not in the file. Embeddings of images alone come of an image tower without texts; a \
                     geometry is that of two modalities"
                }
                _ => "is not in the file",
            };
            let array = npz.find(name).and_then(|array| array.ok_or_else(|| missing.to_owned()));
            array.map_err(|reason| Error::npz(file, name, reason))
        };
        let matrix = |npy: Npy, name: &str| match npy.shape[..] {
            [rows, columns] if rows > 0 && columns > 0 => {
                let values = npy.floats().map_err(|reason| Error::npz(file, name, reason))?;
                Ok(Array2::from_shape_vec((rows, columns), values)
                    .expect("the header's shape is that of the data"))
            }
            _ => Err(Error::npz(
                file,
                name,
                format!("has shape {:?}, expected [images, dimension]", npy.shape),
            )),
        };
        let image = matrix(array("image")?, "image")?;
        let text = matrix(array("text")?, "text")?;
        let splits = array("splits")?.indices().map_err(|reason| Error::npz(file, "splits", reason))?;
        let labels = array("ordered_labels")?
            .strings()
            .map_err(|reason| Error::npz(file, "ordered_labels", reason))?;
        check(&image, &text, &splits, &labels).map_err(|(name, reason)| Error::npz(file, name, reason))?;
        let class_text = text.select(ndarray::Axis(0), &splits);
        let classes = splits.iter().map(|&row| labels[row].clone()).collect();
        Ok(Self { image, class_text, classes, splits, skipped: Vec::new(), left_out: LeftOut::default() })
    }
}

/// The class of each of so many rows, from the first row of each class; an error says what is wrong.
pub fn classes_of_rows(splits: &[usize], rows: usize) -> Result<Vec<usize>, String> {
    let ascending = splits.first() == Some(&0) && splits.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || splits.last().is_some_and(|&last| last >= rows) {
        return Err(format!("has to ascend from 0 and stay below the {rows} images"));
    }
    let lengths = splits.iter().zip(splits.iter().skip(1).chain([&rows])).map(|(start, end)| end - start);
    Ok(lengths.enumerate().flat_map(|(class, length)| std::iter::repeat_n(class, length)).collect())
}

/// Whether the four arrays describe one set of embeddings; else which does not, and why.
fn check(
    image: &Array2<f32>,
    text: &Array2<f32>,
    splits: &[usize],
    labels: &[String],
) -> Result<(), (&'static str, String)> {
    let rows = image.nrows();
    classes_of_rows(splits, rows).map_err(|reason| ("splits", reason))?;
    if text.dim() != image.dim() {
        return Err((
            "text",
            format!("has shape {:?}, expected that of `image`, {:?}", text.shape(), image.shape()),
        ));
    }
    if labels.len() != rows {
        return Err((
            "ordered_labels",
            format!("has {} entries, expected one for each of {rows} images", labels.len()),
        ));
    }
    for (name, matrix) in [("image", image), ("text", text)] {
        if let Some(row) =
            matrix.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite()))
        {
            return Err((name, format!("has a value in row {row} that is not a finite number")));
        }
    }
    let ends = splits.iter().skip(1).copied().chain([rows]);
    for (&start, end) in splits.iter().zip(ends) {
        if labels[start..end].iter().any(|label| *label != labels[start]) {
            return Err((
                "splits",
                format!("has {start}, but the labels change between rows {start} and {end}"),
            ));
        }
        let spread = spread(text.slice(s![start..end, ..]));
        if spread > TEXT_TOLERANCE {
            let reason =
                format!("differs by {spread} within rows {start} to {end}, expected one text for each class");
            return Err(("text", reason));
        }
    }
    Ok(())
}

/// Largest difference of a row to the first.
fn spread(rows: ArrayView2<f32>) -> f32 {
    let first = rows.row(0);
    rows.rows()
        .into_iter()
        .flat_map(|row| row.into_iter().zip(first))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}
