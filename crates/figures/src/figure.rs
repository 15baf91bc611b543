//! A finished picture.

use std::io::Write as _;
use std::path::Path;

use crate::error::Result;

/// A finished picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The picture as a PNG file. Equal data give equal bytes.
    pub png: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl Figure {
    /// Writes the PNG to `path`, whole or not at all; folders that are missing are made.
    ///
    /// # Errors
    /// [`Error::File`](crate::error::Error::File) if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(files::write_whole(path.as_ref(), |file| Ok(file.write_all(&self.png)?))?)
    }
}
