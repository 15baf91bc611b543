//! Every figure of the study, from plain vectors and numbers to a PNG.
//!
//! [`sphere`] draws constellations in three dimensions, [`histograms`] similarities of
//! matching and non-matching pairs, [`plot`] curves, bands, points and trajectories,
//! [`dots`] tables, [`heat_map`] functions of two parameters, [`pictures`] small images.
//! All return a [`Figure`], which a notebook's cell shows and [`Figure::save`] writes.
//!
//! Labels and titles may use `_{…}` and `^{…}` as in TeX; a plain `b_rel` is set with
//! its subscript. Long titles are wrapped.

mod axes;
mod bins;
mod canvas;
mod curves;
mod dots;
mod encode;
mod error;
mod frame;
mod heat_map;
mod histogram;
mod layout;
mod legend;
mod numbers;
mod pictures;
mod sphere;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod thin;
mod ticks;

use std::io::Write as _;
use std::path::Path;

pub use axes::{Axis, Scale};
pub use curves::{Panel, Series, plot};
pub use dots::{DotPanel, Dots, dots};
pub use error::{Error, Result};
pub use heat_map::{HeatMap, heat_map};
pub use histogram::{Histogram, histograms};
pub use pictures::{Picture, pictures};
pub use sphere::sphere;
pub use style::Colour;

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
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(files::write_whole(path.as_ref(), |file| Ok(file.write_all(&self.png)?))?)
    }

    fn of(canvas: &canvas::Canvas) -> Result<Self> {
        let (width, height) = canvas.size();
        let png = encode::png(&canvas.finish(), width, height)?;
        Ok(Self { png, width, height })
    }
}
