//! The explorer: one self-contained HTML page in which temperature, bias and the epochs of a
//! training are turned by hand.
//!
//! Rust packs moments of a run into JSON; the files in `page/` draw them. The page needs
//! no network and shares nothing with other explorers beside it. Of the workspace this crate
//! depends on `constellation`, whose runs it shows, and on `files`.
//!
//! ```
//! use constellation::Experiment;
//! use explorer::{Explorer, ExplorerData};
//!
//! let run = Experiment { pairs: 4, dim: 3, epochs: 50, ..Experiment::default() }.train()?;
//! let page = Explorer::new(&ExplorerData::of(&run, Vec::new()))?;
//! assert!(page.html().contains("<script>") && page.html().len() < Explorer::MAX_BYTES);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axes;
mod data;
mod error;
mod page;
mod payload;
mod similarities;

use std::{fmt, io::Write, path::Path};

pub use data::{ExplorerData, Frame};
pub use error::{Error, Result};
pub use page::escape;

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
    pub const MAX_BYTES: usize = 1_000_000;

    /// Packs `data` into a page.
    ///
    /// Frames are left out evenly where all of them would exceed [`Explorer::MAX_BYTES`];
    /// the first and the last one stay.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no frame, if epochs do not increase, if a number is not
    /// finite, if title and still picture alone are too large, or if frames differ in shape
    /// or have fewer than two modalities or pairs.
    pub fn new(data: &ExplorerData) -> Result<Self> {
        data::validate(data)?;
        let around = page::fragment(&data.title, &data.still, "").len();
        let payload = payload::pack(data, Self::MAX_BYTES.saturating_sub(around))?;
        let html = page::fragment(&data.title, &data.still, &payload);
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
    /// [`Error::File`] if `path` cannot be written.
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

#[cfg(test)]
mod tests;
