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
mod canvas;
mod curves;
mod dots;
mod encode;
mod heat_map;
mod histogram;
mod layout;
mod pictures;
mod sphere;
mod style;
mod text;

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;

pub use axes::{Axis, Scale};
pub use curves::{Panel, Series, plot};
pub use dots::{DotPanel, Dots, dots};
pub use heat_map::{HeatMap, heat_map};
pub use histogram::{Histogram, histograms};
pub use pictures::{Picture, pictures};
pub use sphere::sphere;
pub use style::Colour;

use crate::{Error, Result};

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
        let path = path.as_ref();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new().prefix(".figure").tempfile_in(folder)?;
            file.write_all(&self.png)?;
            make_readable(file.as_file())?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| Error::file(path, error))
    }

    /// Shows the figure as the output of a notebook's cell; evcxr calls it for a cell's
    /// last expression.
    pub fn evcxr_display(&self) {
        let content = base64::engine::general_purpose::STANDARD.encode(&self.png);
        println!("EVCXR_BEGIN_CONTENT image/png\n{content}\nEVCXR_END_CONTENT");
    }

    fn of(canvas: &canvas::Canvas) -> Result<Self> {
        let (width, height) = canvas.size();
        let png = encode::png(&canvas.finish(), width, height)?;
        Ok(Self { png, width, height })
    }
}

/// A temporary file is its owner's only; a figure is for everyone, as other new files are.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
