//! numpy's `.npz` files: zip archives of arrays, in numpy's `.npy` format each.

mod matrix;
mod npy;

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

pub use matrix::Matrix;
pub use npy::Npy;

/// A file that is read, written here or by numpy's `savez` or `savez_compressed`.
pub struct NpzReader {
    archive: ZipArchive<BufReader<File>>,
    path: PathBuf,
}

impl NpzReader {
    /// Opens `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is no zip archive.
    pub fn open(path: &Path) -> io::Result<Self> {
        let not_one = |error| io::Error::other(format!("is not an .npz file: {error}"));
        let archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(not_one)?;
        Ok(Self { archive, path: path.to_owned() })
    }

    /// The array `name`, if the file has it; an error says why it cannot be read.
    pub fn find(&mut self, name: &str) -> Result<Option<Npy>, String> {
        match self.archive.by_name(&format!("{name}.npy")) {
            Ok(entry) => Npy::read(BufReader::new(entry)).map(Some),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The array `name`.
    pub fn array(&mut self, name: &str) -> Result<Npy, String> {
        self.find(name)?.ok_or_else(|| "is not in the file".to_owned())
    }
}

impl NpzReader {
    /// The array `name` as rows of float32, of which a part is read at a time, and all of it once, for its
    /// checksum. If the file has it in
    /// another type or order, or compressed, it is read whole.
    ///
    /// # Errors
    /// Why it cannot be read, or that it is not in the file.
    pub fn matrix(&mut self, name: &str) -> Result<Matrix, String> {
        let whole = |error: io::Error| format!("cannot be read: {error}");
        let mut entry = self.archive.by_name(&format!("{name}.npy")).map_err(|error| match error {
            ZipError::FileNotFound => "is not in the file".to_owned(),
            error => error.to_string(),
        })?;
        let checksum = entry.crc32();
        let in_place = entry.compression() == CompressionMethod::Stored;
        let start = entry.data_start();
        if in_place {
            // Once to its end, where the archive compares the checksum.
            io::copy(&mut entry, &mut io::sink()).map_err(whole)?;
        }
        drop(entry);
        if in_place {
            let file = File::open(&self.path).map_err(whole)?; // with a position of its own
            if let Some(matrix) = Matrix::in_file(file, start, checksum)? {
                return Ok(matrix);
            }
        }
        Matrix::in_memory(&self.array(name)?, checksum)
    }
}

/// A file that is written; the same arrays give the same bytes.
pub struct NpzWriter<'a>(ZipWriter<Quiet<&'a File>>);

/// What is written after the first error is swallowed: the archive's writer would try to finish it
/// all the same, and print that it could not.
struct Quiet<W> {
    inner: W,
    failed: bool,
    position: u64,
    end: u64,
}

impl<W> Quiet<W> {
    fn new(inner: W) -> Self {
        Self { inner, failed: false, position: 0, end: 0 }
    }

    /// The result of the inner writer, or else what it would have been.
    fn watch<T>(&mut self, instead: T, act: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Ok(instead);
        }
        let result = act(&mut self.inner);
        self.failed = result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        result
    }
}

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.watch(bytes.len(), |inner| inner.write(bytes))?;
        self.position += count as u64;
        self.end = self.end.max(self.position);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.watch((), Write::flush)
    }
}

impl<W: Seek> Seek for Quiet<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (start, by) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.end, by),
        };
        self.position = self.watch(start.saturating_add_signed(by), |inner| inner.seek(to))?;
        Ok(self.position)
    }
}

impl<'a> NpzWriter<'a> {
    /// A writer of `file`, from its beginning.
    pub fn new(file: &'a File) -> Self {
        Self(ZipWriter::new(Quiet::new(file)))
    }

    /// An array of numbers, as many as `shape` says, in C order.
    pub fn numbers<T: Number>(
        &mut self,
        name: &str,
        shape: &[usize],
        elements: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        let mut writer = self.start(name)?;
        npy::write_header(&mut writer, T::TYPE, shape)?;
        elements.into_iter().try_for_each(|number| writer.write_all(number.to_bytes().as_ref()))?;
        writer.flush()
    }

    /// An array of strings.
    pub fn strings<'b>(
        &mut self,
        name: &str,
        strings: impl Iterator<Item = &'b str> + Clone,
    ) -> io::Result<()> {
        let mut writer = self.start(name)?;
        npy::write_strings(&mut writer, strings)?;
        writer.flush()
    }

    /// Writes the archive's table of contents.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.flush()
    }

    fn start(&mut self, name: &str) -> io::Result<impl Write> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(true);
        self.0.start_file(format!("{name}.npy"), options)?;
        Ok(BufWriter::new(&mut self.0))
    }
}

/// A number that numpy has a type for.
pub trait Number {
    /// numpy's name of the type.
    const TYPE: &'static str;
    /// Its bytes, little endian.
    fn to_bytes(self) -> impl AsRef<[u8]>;
}

impl Number for f32 {
    const TYPE: &'static str = "<f4";
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }
}

impl Number for f64 {
    const TYPE: &'static str = "<f8";
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }
}

impl Number for i64 {
    const TYPE: &'static str = "<i8";
    fn to_bytes(self) -> impl AsRef<[u8]> {
        self.to_le_bytes()
    }
}
