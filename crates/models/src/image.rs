//! From the bytes of an image file to the pixel values that the image tower takes.
//!
//! Orientation and colour modes are those of transformers' `load_image`, that is of
//! Pillow's `exif_transpose` and `convert("RGB")`: EXIF orientation is applied, alpha is
//! dropped, and 16-bit grey is clipped at 255. A single colour that a PNG marks as
//! transparent is dropped likewise; transformers' own processor can paint it white.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::preprocessor::Preprocessor;
use crate::resize::resize;

/// Decodes an image, upright, to RGB, as [`pictures::decode`]. `name` is for the error.
///
/// # Errors
/// If the bytes are of no format that is read, damaged or truncated, or the image has more
/// pixels than Pillow opens without a warning (89 million).
pub fn decode(bytes: &[u8], name: &str) -> Result<RgbImage> {
    pictures::decode(bytes).map_err(|error| Error::image(name, error))
}

/// Pixel values `[3, S, S]` of an upright RGB image: resized straight to the square,
/// without regard to its proportions, rescaled, normalised.
pub fn preprocess(image: &RgbImage, preprocessor: &Preprocessor) -> Vec<f32> {
    let side = preprocessor.image_size;
    let resized = resize(image, side, side, preprocessor.filter);
    let tables = preprocessor.tables();
    let mut values = Vec::with_capacity(resized.as_raw().len());
    for (channel, table) in tables.iter().enumerate() {
        values.extend(resized.pixels().map(|pixel| table[usize::from(pixel.0[channel])]));
    }
    values
}
