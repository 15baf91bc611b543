//! The explorer: one self-contained HTML output in which temperature, bias and the
//! epochs of training are turned by hand.
//!
//! Rust packs the snapshots of a run into JSON; the files in `page/` draw them. The
//! page needs no network and shares nothing with other explorers beside it.

mod axes;
mod page;
mod payload;
mod similarities;

use std::{fmt, io::Write, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ndarray::Array3;

use crate::{Error, History, Numerics, Result, files};

/// What an [`Explorer`] shows.
#[derive(Debug, Clone)]
pub struct ExplorerData {
    /// Heading, as plain text.
    pub title: String,
    /// Moments of training in the order of their epochs; the last one is the result.
    pub frames: Vec<Frame>,
    /// Curves between the snapshots; may be empty.
    pub history: History,
    /// Form of the loss that the page shows first.
    pub numerics: Numerics,
    /// PNG that stands where scripts do not run, as on GitHub; may be empty.
    pub still: Vec<u8>,
}

/// Vectors and parameters of a run after `epoch` steps.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Steps made.
    pub epoch: usize,
    /// Unit vectors `[modalities, pairs, dim]`, with an adapter the extended ones.
    pub vectors: Array3<f32>,
    /// Inverse temperature t.
    pub temperature: f64,
    /// Relative bias b_rel (b / t for the absolute form).
    pub relative_bias: f64,
}

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
    /// Frames are left out evenly where all of them would exceed
    /// [`Explorer::MAX_BYTES`]; the first and the last one stay.
    ///
    /// # Errors
    /// [`Error::Figure`] if there is no frame, if epochs do not increase, or if a number is
    /// not finite; [`Error::Shape`] if snapshots differ in shape or have fewer than two
    /// modalities or pairs.
    pub fn new(data: &ExplorerData) -> Result<Self> {
        validate(data)?;
        let still = data.still.clone();
        let frame = page::fragment(&data.title, &still, "").len();
        let payload = payload::pack(data, Self::MAX_BYTES.saturating_sub(frame))?;
        let html = page::fragment(&data.title, &still, &payload);
        Ok(Self { title: data.title.clone(), html, still })
    }

    /// The page as a fragment, for a cell's `text/html` output.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// Writes a document that a browser opens from disk.
    ///
    /// # Errors
    /// [`Error::File`] if `path` cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let document = page::document(&self.title, &self.html);
        files::write_atomically(path, |file| Ok(file.write_all(document.as_bytes())?))
            .map_err(|source| Error::file(path, source))
    }

    /// Shows the page in a notebook cell, and a still picture where it cannot run.
    pub fn evcxr_display(&self) {
        print!("EVCXR_BEGIN_CONTENT text/html\n{}\nEVCXR_END_CONTENT\n", self.html);
        if !self.still.is_empty() {
            let still = BASE64_STANDARD.encode(&self.still);
            print!("EVCXR_BEGIN_CONTENT image/png\n{still}\nEVCXR_END_CONTENT\n");
        }
        print!("EVCXR_BEGIN_CONTENT text/plain\n{self:?}\nEVCXR_END_CONTENT\n");
    }
}

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explorer of {:?}, {} kB of HTML", self.title, self.html.len() / 1000)
    }
}

/// Numbers of steps at which to take snapshots of a run of `epochs` steps: the start,
/// the end, and between them about `count` that are equidistant in the logarithm.
pub fn snapshot_epochs(epochs: usize, count: usize) -> Vec<usize> {
    let intervals = count.saturating_sub(2).max(1) as f64;
    let spaced = (0..=intervals as usize).map(|k| (epochs as f64).powf(k as f64 / intervals).round() as usize);
    let mut steps: Vec<usize> = std::iter::once(0).chain(spaced.map(|step| step.min(epochs))).collect();
    steps.dedup();
    steps
}

fn validate(data: &ExplorerData) -> Result<()> {
    let figure = |reason: String| Err(Error::Figure(format!("explorer: {reason}")));
    let Some(last) = data.frames.last() else {
        return figure("there is no frame, expected at least one".to_owned());
    };
    let shape = last.vectors.dim();
    if shape.0 < 2 || shape.1 < 2 || shape.2 < 1 {
        return Err(shape_error(format!("{shape:?}"), "at least 2 modalities, 2 pairs, dimension 1"));
    }
    for snapshot in &data.frames {
        if snapshot.vectors.dim() != shape {
            return Err(shape_error(format!("{:?}", snapshot.vectors.dim()), &format!("{shape:?}")));
        }
        let (epoch, t, bias) = (snapshot.epoch, snapshot.temperature, snapshot.relative_bias);
        if !(t.is_finite() && t > 0.0 && bias.is_finite()) {
            return figure(format!("t = {t} and b_rel = {bias} at epoch {epoch}, expected finite numbers"));
        }
        if !snapshot.vectors.iter().all(|x| x.abs() <= 1.001) {
            return figure(format!("a vector at epoch {epoch} is not a unit vector"));
        }
    }
    match data.frames.windows(2).find(|pair| pair[0].epoch >= pair[1].epoch) {
        Some(pair) => figure(format!("epoch {} comes after {}", pair[1].epoch, pair[0].epoch)),
        None => Ok(()),
    }
}

fn shape_error(got: String, expected: &str) -> Error {
    Error::Shape { what: "vectors of the explorer", got, expected: expected.to_owned() }
}

#[cfg(test)]
mod tests;
