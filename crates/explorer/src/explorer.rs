//! An explorer, packed.

use std::{fmt, io::Write, path::Path};

use crate::data::{self, ExplorerData};
use crate::error::Result;
use crate::{page, payload};

/// An interactive page about one run: the last expression of a cell shows it.
///
/// At most [`Explorer::MAX_BYTES`]. The same data gives the same bytes.
#[derive(Clone)]
pub struct Explorer {
    title: String,
    html: String,
    still: Vec<u8>,
}

impl Explorer {
    /// Upper limit of [`Explorer::html`], in bytes.
    pub const MAX_BYTES: usize = 600_000;

    /// Packs `data` into a page.
    ///
    /// Frames are left out evenly where all of them would exceed [`Explorer::MAX_BYTES`];
    /// the first and the last one stay.
    ///
    /// # Errors
    /// [`crate::Error::Data`] if there is no frame, if epochs do not increase, if a number is not
    /// finite, if title and still picture alone are too large, or if frames differ in shape
    /// or have fewer than two modalities or pairs.
    pub fn new(data: &ExplorerData) -> Result<Self> {
        data::validate(data)?;
        let fragment = |payload: &str| page::fragment(&data.title, &data.still, payload, data.brings_engine);
        let around = fragment("").len();
        let payload = payload::pack(data, Self::MAX_BYTES.saturating_sub(around))?;
        let html = fragment(&payload);
        Ok(Self { title: data.title.clone(), html, still: data.still.clone() })
    }

    /// The page as a fragment, for a cell's `text/html` output.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// The still picture, a PNG or nothing, for where the page cannot run.
    pub fn still(&self) -> &[u8] {
        &self.still
    }

    /// Writes a document that a browser opens from disk.
    ///
    /// # Errors
    /// [`crate::Error::File`] if `path` cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let document = page::document(&self.title, &self.html);
        Ok(files::write_whole(path.as_ref(), |file| Ok(file.write_all(document.as_bytes())?))?)
    }
}

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explorer({:?}, {} kB of HTML)", self.title, self.html.len() / 1000)
    }
}
