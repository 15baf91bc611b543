//! An array of which some rows are read at a time, so that it may be larger than the memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::npy::{Npy, read_header};

/// Rows of float32: an array's last axis is a row, whatever the others are.
pub struct Matrix {
    shape: Vec<usize>,
    checksum: u32,
    place: Place,
}

enum Place {
    /// From this byte of the file on.
    File(Mutex<File>, u64),
    Memory(Vec<f32>),
}

impl Matrix {
    /// An array that begins at byte `start` of a file; none if its elements are not float32, little
    /// endian and in C order.
    pub(super) fn in_file(mut file: File, start: u64, checksum: u32) -> Result<Option<Self>, String> {
        let io = |error: std::io::Error| format!("cannot be read: {error}");
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        let header = read_header(&mut file)?;
        if header.dtype != "<f4" || header.fortran && header.shape.len() > 1 {
            return Ok(None);
        }
        let first = file.stream_position().map_err(io)?;
        let bytes = header.shape.iter().try_fold(4, |bytes: u64, &n| bytes.checked_mul(n as u64));
        let end = bytes.and_then(|bytes| bytes.checked_add(first)).ok_or("has an impossible shape")?;
        let length = file.metadata().map_err(io)?.len();
        if end > length {
            return Err(format!("is truncated: it ends at byte {end}, the file at {length}"));
        }
        Ok(Some(Self { shape: header.shape, checksum, place: Place::File(Mutex::new(file), first) }))
    }

    pub(super) fn in_memory(array: &Npy, checksum: u32) -> Result<Self, String> {
        Ok(Self { shape: array.shape.clone(), checksum, place: Place::Memory(array.floats()?) })
    }

    /// The axes of the array.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The checksum (CRC-32) of the array that the file has of it.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// How many numbers a row has.
    pub fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// The numbers of some rows.
    ///
    /// # Errors
    /// If the file cannot be read.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn rows(&self, rows: Range<usize>) -> std::io::Result<Vec<f32>> {
        let numbers = rows.start * self.width()..rows.end * self.width();
        assert!(numbers.end <= self.shape.iter().product(), "rows {rows:?} of {:?}", self.shape);
        match &self.place {
            Place::Memory(all) => Ok(all[numbers].to_vec()),
            Place::File(file, first) => {
                let mut bytes = vec![0; 4 * numbers.len()];
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(first + 4 * numbers.start as u64))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NpzReader, NpzWriter};

    #[test]
    fn rows_are_those_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let numbers: Vec<f32> = (0..24).map(|k| k as f32 / 7.0).collect();
        let file = std::fs::File::create(&path).unwrap();
        let mut npz = NpzWriter::new(&file);
        npz.numbers("one", &[1], [1_i64]).unwrap();
        npz.numbers("floats", &[2, 3, 4], numbers.iter().copied()).unwrap();
        npz.numbers("doubles", &[6, 4], numbers.iter().map(|&x| f64::from(x))).unwrap();
        npz.finish().unwrap();
        for name in ["floats", "doubles"] {
            let matrix = NpzReader::open(&path).unwrap().matrix(name).unwrap();
            assert_eq!(matrix.width(), 4);
            assert_eq!(matrix.rows(1..4).unwrap(), numbers[4..16], "{name}");
            assert!(matrix.rows(5..5).unwrap().is_empty());
        }
        assert!(NpzReader::open(&path).unwrap().matrix("other").is_err());
    }
}
