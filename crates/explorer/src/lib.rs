//! The explorer: one self-contained HTML output in which temperature, bias and the
//! epochs of training are turned by hand.
//!
//! Rust packs moments of a run into JSON; the files in `page/` draw them. The page needs
//! no network and shares nothing with other explorers beside it.

mod axes;
mod page;
mod payload;
mod similarities;

use std::{fmt, io::Write, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ndarray::Array3;

use crate::display::show;
use crate::{Error, Experiment, History, Numerics, Result, Run, files, view};

/// An explorer of `run`, with its snapshots to scrub through.
///
/// # Errors
/// [`Error::Figure`] if the run has numbers that are not finite.
pub fn explore(run: &Run) -> Result<Explorer> {
    let kind = run.experiment.bias.kind;
    let snapshots = run.snapshots.iter().map(|snapshot| Frame {
        epoch: snapshot.epoch,
        vectors: snapshot.embeddings().to_owned(),
        temperature: snapshot.temperature(),
        relative_bias: kind.relative(snapshot.bias(), snapshot.temperature()),
    });
    let mut frames: Vec<Frame> = snapshots.collect();
    if frames.is_empty() {
        frames.push(Frame {
            epoch: run.experiment.epochs,
            vectors: run.embeddings().to_owned(),
            temperature: run.temperature(),
            relative_bias: run.relative_bias(),
        });
    }
    let title = title(&run.experiment);
    let still = crate::figures::histograms(&title, 1, &[view::histogram("", run)?])?.png;
    let (history, numerics) = (run.history.clone(), run.experiment.numerics);
    Explorer::new(&ExplorerData { title, frames, history, numerics, still })
}

/// What an [`Explorer`] shows.
#[derive(Debug, Clone)]
pub struct ExplorerData {
    /// Heading, as plain text.
    pub title: String,
    /// Moments of training in the order of their epochs; the last one is the result.
    pub frames: Vec<Frame>,
    /// Curves between the frames; may be empty.
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
    /// Frames are left out evenly where all of them would exceed [`Explorer::MAX_BYTES`];
    /// the first and the last one stay.
    ///
    /// # Errors
    /// [`Error::Figure`] if there is no frame, if epochs do not increase, if a number is not
    /// finite, or if title and still picture alone are too large; [`Error::Shape`] if frames
    /// differ in shape or have fewer than two modalities or pairs.
    pub fn new(data: &ExplorerData) -> Result<Self> {
        validate(data)?;
        let around = page::fragment(&data.title, &data.still, "").len();
        let payload = payload::pack(data, Self::MAX_BYTES.saturating_sub(around))?;
        let html = page::fragment(&data.title, &data.still, &payload);
        Ok(Self { title: data.title.clone(), html, still: data.still.clone() })
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

    /// Shows the page in a notebook, and a still picture where it cannot run (evcxr calls this).
    pub fn evcxr_display(&self) {
        show("text/html", &self.html);
        if !self.still.is_empty() {
            show("image/png", &BASE64_STANDARD.encode(&self.still));
        }
        show("text/plain", &format!("{self:?}"));
    }
}

impl fmt::Debug for Explorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Explorer({:?}, {} kB of HTML)", self.title, self.html.len() / 1000)
    }
}

/// What distinguishes a run, in a line.
fn title(experiment: &Experiment) -> String {
    let parameter = |trainable, value: f64| match trainable {
        true => format!("trained from {value}"),
        false => format!("fixed at {value}"),
    };
    let Experiment { pairs, dim, modalities, temperature, bias, seed, .. } = experiment;
    let bias_name = match bias.kind {
        crate::BiasKind::Relative => "b_rel",
        crate::BiasKind::Absolute => "b",
    };
    let (t, bias) =
        (parameter(temperature.trainable, temperature.init), parameter(bias.trainable, bias.init));
    let modalities = if *modalities > 2 { format!(", M = {modalities}") } else { String::new() };
    let locked = if experiment.locked { ", first modality locked" } else { "" };
    format!("N = {pairs}, d = {dim}{modalities}, seed {seed}: t {t}, {bias_name} {bias}{locked}")
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
    for Frame { epoch, vectors, temperature: t, relative_bias } in &data.frames {
        if vectors.dim() != shape {
            return Err(shape_error(format!("{:?}", vectors.dim()), &format!("{shape:?}")));
        }
        if !(t.is_finite() && *t > 0.0 && relative_bias.is_finite()) {
            return figure(format!(
                "t = {t}, b_rel = {relative_bias} at epoch {epoch}, expected finite numbers"
            ));
        }
        if !vectors.iter().all(|x| x.abs() <= 1.001) {
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
