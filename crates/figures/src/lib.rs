//! Every figure of the study, from plain vectors and numbers to a PNG.
//!
//! [`sphere`] draws constellations in three dimensions, [`histograms`] similarities of
//! matching and non-matching pairs, [`plot`] curves, bands, points and trajectories,
//! [`dots`] and [`matrices`] tables, [`heat_map`] functions of two parameters, [`pictures`] small images.
//! All return a [`Figure`], which a notebook's cell shows and [`Figure::save`] writes.
//! Equal data give equal bytes on one machine.
//!
//! ```
//! use figures::{Panel, Scale, Series, plot};
//!
//! let loss = Series::history("absolute bias", &[0.7, 0.2, 0.05, 0.01]);
//! let panel = Panel::new("epoch", Scale::log("loss"), vec![loss]);
//! let figure = plot("Loss at b_rel = 0", 1, &[panel])?;
//! assert_eq!((figure.width, &figure.png[1..4]), (1000, b"PNG".as_slice()));
//! # Ok::<(), figures::Error>(())
//! ```
//!
//! Labels and titles may use `_{…}` and `^{…}` as in TeX; a plain `b_rel` is set with
//! its subscript. Long titles are wrapped.
//!
//! # How it is drawn, and with what
//! `plotters` draws charts, meshes, axes, series and the lists of a legend. It is given what
//! it is made to be given: a backend (`canvas`: a raster finer than the picture, round
//! joints, glyphs with their bearings), coordinates (`ruler`: our ticks, zeros on
//! logarithmic axes), and elements (`marks`). By hand is only what it cannot do:
//! subscripts and wrapped lines (`text`), axes shared by panels of a grid (`page`), and the
//! two sides of the sphere.
//!
//! `ab_glyph` draws the embedded font, so that text has the same pixels everywhere (fonts
//! registered with plotters are lost between cells of a notebook); `png` writes files small
//! enough for one; `ndarray` is what points and grids come in.

mod bins;
mod bitmap;
mod canvas;
mod curves;
mod dots;
mod encode;
mod error;
mod figure;
mod heat_map;
mod histogram;
mod legend;
mod marks;
mod matrix;
mod numbers;
mod page;
mod panel;
mod pictures;
mod ruler;
mod scale;
mod sphere;
mod style;
#[cfg(test)]
mod tests;
mod text;
mod ticks;

pub use curves::{Panel, Series, plot};
pub use dots::{DotPanel, Dots, dots};
pub use error::{Error, Result};
pub use figure::Figure;
pub use heat_map::{HeatMap, heat_map};
pub use histogram::{Histogram, histograms};
pub use matrix::{Matrix, matrices};
pub use pictures::{Picture, pictures};
pub use scale::{Scale, Transform};
pub use sphere::sphere;
pub use style::Colour;
