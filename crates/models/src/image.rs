//! From the bytes of an image file to the pixel values that the image tower takes.
//!
//! Orientation and colour modes are those of transformers' `load_image`, that is of
//! Pillow's `exif_transpose` and `convert("RGB")`: EXIF orientation is applied, alpha is
//! dropped, and 16-bit grey is clipped at 255. A single colour that a PNG marks as
//! transparent is dropped likewise; transformers' own processor can paint it white.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::naflex::{Grid, patchify};
use crate::preprocessor::{Preprocessor, Resolution};
use crate::resize::resize;

/// Decodes an image, upright, to RGB, as [`pictures::decode`]. `name` is for the error.
///
/// # Errors
/// If the bytes are of no format that is read, damaged or truncated, or the image has more
/// pixels than Pillow opens without a warning (89 million).
pub fn decode(bytes: &[u8], name: &str) -> Result<RgbImage> {
    pictures::decode(bytes).map_err(|error| Error::image(name, error))
}

/// What an image tower takes of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Normalised pixel values: `[3, S, S]`, or, where the resolution is variable,
    /// `[rows * columns, p * p * 3]` of patches in rows, with a side of p pixels.
    pub values: Vec<f32>,
    /// The patches that the image was cut into, where the resolution is variable.
    pub grid: Option<Grid>,
}

/// Pixel values of an upright RGB image: resized, rescaled, normalised. Where the resolution
/// is fixed it is resized straight to the square, without regard to its proportions.
pub fn preprocess(image: &RgbImage, preprocessor: &Preprocessor) -> Pixels {
    let (filter, tables) = (preprocessor.filter, preprocessor.tables());
    match preprocessor.resolution {
        Resolution::Fixed { image_size } => {
            let resized = resize(image, image_size, image_size, filter);
            let mut values = Vec::with_capacity(resized.as_raw().len());
            for (channel, table) in tables.iter().enumerate() {
                values.extend(resized.pixels().map(|pixel| table[usize::from(pixel.0[channel])]));
            }
            Pixels { values, grid: None }
        }
        Resolution::Variable { patch_size, max_num_patches } => {
            let grid = Grid::fitting(image.width(), image.height(), patch_size, max_num_patches);
            let resized = resize(image, grid.columns * patch_size, grid.rows * patch_size, filter);
            Pixels { values: patchify(&resized, patch_size, &tables), grid: Some(grid) }
        }
    }
}

impl Pixels {
    /// Those of a grey image, which stands for one that cannot be had.
    pub(crate) fn blank(preprocessor: &Preprocessor) -> Self {
        preprocess(&RgbImage::from_pixel(1, 1, image::Rgb([128; 3])), preprocessor)
    }
}
