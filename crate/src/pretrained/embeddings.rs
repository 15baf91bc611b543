//! Embeddings of images and of their classes' names, and the study's `.npz` files of them.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
};

use ndarray::{Array2, ArrayView1, ArrayView2, s};
use zip::{ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    Error,
    npy::{Npy, write_header, write_strings},
};
use crate::{Error as CrateError, Result, files::write_atomically};

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
}

/// Largest difference within a class that its text's rows may have, which comes from
/// embedding one text in several batches.
const TEXT_TOLERANCE: f32 = 1e-2;

impl Embeddings {
    /// Images of class `class`, as a range of rows.
    pub fn rows(&self, class: usize) -> std::ops::Range<usize> {
        self.splits[class]..self.splits.get(class + 1).copied().unwrap_or(self.image.nrows())
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
        write_atomically(file, |temporary| Ok(self.write_arrays(temporary)?))
            .map_err(|error| CrateError::file(file, error))
    }

    fn write_arrays(&self, file: &File) -> Result<(), ZipError> {
        let mut npz = ZipWriter::new(BufWriter::new(file));
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default()) // the same bytes for the same embeddings
            .large_file(true);
        let shape = [self.image.nrows(), self.image.ncols()];

        npz.start_file("image.npy", options)?;
        write_header(&mut npz, "<f4", &shape)?;
        self.image.rows().into_iter().try_for_each(|row| write_floats(&mut npz, row))?;

        npz.start_file("text.npy", options)?;
        write_header(&mut npz, "<f4", &shape)?;
        for class in 0..self.classes.len() {
            self.rows(class).try_for_each(|_| write_floats(&mut npz, self.class_text.row(class)))?;
        }

        npz.start_file("splits.npy", options)?;
        write_header(&mut npz, "<i8", &[self.splits.len()])?;
        self.splits.iter().try_for_each(|&split| npz.write_all(&(split as i64).to_le_bytes()))?;

        npz.start_file("ordered_labels.npy", options)?;
        let labels = self.labels();
        write_strings(&mut npz, labels.iter().map(|&class| self.classes[class].as_str()))?;
        npz.finish()?.flush()?;
        Ok(())
    }

    /// Reads such a file, made here or by numpy's `savez` or `savez_compressed`.
    ///
    /// # Errors
    /// If an array is absent, damaged, or does not fit the others.
    pub fn read(file: &Path) -> Result<Self> {
        let opened = File::open(file).map_err(|error| CrateError::file(file, error))?;
        let mut npz = ZipArchive::new(BufReader::new(opened))
            .map_err(|error| CrateError::file(file, format!("is not an .npz file: {error}")))?;
        let mut array = |name: &str| match npz.by_name(&format!("{name}.npy")) {
            Ok(entry) => Npy::read(BufReader::new(entry)).map_err(|reason| Error::npz(file, name, reason)),
            Err(ZipError::FileNotFound) => Err(Error::npz(file, name, "is not in the file")),
            Err(error) => Err(Error::npz(file, name, error)),
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
        Ok(Self { image, class_text, classes, splits, skipped: Vec::new() })
    }
}

fn write_floats(mut writer: impl Write, row: ArrayView1<f32>) -> std::io::Result<()> {
    let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
    writer.write_all(&bytes)
}

/// Whether the four arrays describe one set of embeddings; else which does not, and why.
fn check(
    image: &Array2<f32>,
    text: &Array2<f32>,
    splits: &[usize],
    labels: &[String],
) -> Result<(), (&'static str, String)> {
    let rows = image.nrows();
    let ascending = splits.first() == Some(&0) && splits.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || splits.last().is_some_and(|&last| last >= rows) {
        return Err(("splits", format!("has to ascend from 0 and stay below the {rows} images")));
    }
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
