//! One image, not yet read.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use crate::error::{Error, Result};

/// One image.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path below the folder, with `/`, or its name in the archive. Of several archives, the
    /// archive's name comes first.
    pub name: String,
    /// Its class or caption, which is also the text that is embedded for it.
    pub label: String,
    /// Length in bytes.
    pub length: u64,
    /// When its file, or the archive, was last changed.
    pub modified: Option<SystemTime>,
    pub(super) source: Source,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// From `offset` on in `file`.
    File { file: Arc<Path>, offset: u64 },
    /// Nowhere: they were listed, and cannot be read, for this reason.
    Broken(String),
}

/// No encoded photograph is this long.
const MAX_IMAGE_BYTES: u64 = 1 << 30;

impl Item {
    /// The encoded image.
    ///
    /// # Errors
    /// If its file cannot be read, or is shorter than when it was listed.
    pub fn read(&self) -> Result<Vec<u8>> {
        let (file, offset) = match &self.source {
            Source::File { file, offset } => (file, *offset),
            Source::Broken(reason) => return Err(Error::image(&self.name, reason)),
        };
        if self.length > MAX_IMAGE_BYTES {
            return Err(Error::image(&self.name, format!("has {} bytes, expected an image", self.length)));
        }
        read_range(file, offset, self.length)
            .map_err(|error| Error::image(&self.name, error))?
            .ok_or_else(|| Error::image(&self.name, "is shorter than it was when the images were listed"))
    }
}

/// `length` bytes of `file`, if it has them.
pub(super) fn read_range(file: &Path, offset: u64, length: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length as usize);
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}
