//! From the bytes of an image file to the pixel values that the image tower takes.
//!
//! Orientation and colour modes are those of transformers' `load_image`, that is of
//! Pillow's `exif_transpose` and `convert("RGB")`: EXIF orientation is applied, alpha is
//! dropped, and 16-bit grey is clipped at 255. A single colour that a PNG marks as
//! transparent is dropped likewise; transformers' own processor can paint it white.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

use crate::error::{Error, Result};
use crate::preprocessor::Preprocessor;
use crate::resize::resize;

/// As many pixels as Pillow opens without a warning: 256 MiB of RGB.
const MAX_PIXELS: u64 = (1 << 30) / 12;

/// Decodes a PNG or JPEG, upright, to RGB. `name` is for the error.
///
/// # Errors
/// If the bytes are of another format, damaged or truncated, or the image has more
/// pixels than Pillow opens without a warning (89 million).
pub fn decode(bytes: &[u8], name: &str) -> Result<RgbImage> {
    let error = |error: image::ImageError| Error::image(name, error);
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().expect("memory can be read");
    let format = reader.format().ok_or_else(|| Error::image(name, "is neither PNG nor JPEG"))?;
    if format == image::ImageFormat::Jpeg && !is_complete_jpeg(bytes) {
        return Err(Error::image(name, "is truncated: a JPEG without its end"));
    }
    let mut decoder = reader.into_decoder().map_err(error)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MAX_PIXELS {
        let reason = format!("has {width} x {height} pixels, expected 1 to {MAX_PIXELS} in all");
        return Err(Error::image(name, reason));
    }
    let orientation = decoder.orientation().map_err(error)?;
    let mut upright = to_rgb(DynamicImage::from_decoder(decoder).map_err(error)?);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// As Pillow does it: the high byte of 16-bit colours, but 16-bit grey clipped.
fn to_rgb(image: DynamicImage) -> DynamicImage {
    let high = |x: u16| (x >> 8) as u8;
    let grey = |x: u8| image::Rgb([x; 3]);
    let colour = |r: u16, g: u16, b: u16| image::Rgb([high(r), high(g), high(b)]);
    let map = |size: (u32, u32), pixel: &dyn Fn(u32, u32) -> image::Rgb<u8>| {
        DynamicImage::ImageRgb8(RgbImage::from_fn(size.0, size.1, pixel))
    };
    match &image {
        DynamicImage::ImageLuma16(x) => {
            map(x.dimensions(), &|i, j| grey(x.get_pixel(i, j)[0].min(255) as u8))
        }
        DynamicImage::ImageLumaA16(x) => map(x.dimensions(), &|i, j| grey(high(x.get_pixel(i, j)[0]))),
        DynamicImage::ImageRgb16(x) => map(x.dimensions(), &|i, j| {
            let [r, g, b] = x.get_pixel(i, j).0;
            colour(r, g, b)
        }),
        DynamicImage::ImageRgba16(x) => map(x.dimensions(), &|i, j| {
            let [r, g, b, _] = x.get_pixel(i, j).0;
            colour(r, g, b)
        }),
        _ => DynamicImage::ImageRgb8(image.into_rgb8()),
    }
}

/// Whether an end marker follows the last scan. The decoder fills a truncated image
/// with grey, Pillow refuses it; the marker cannot occur within a scan.
fn is_complete_jpeg(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last([0xFF, 0xD9]) > last([0xFF, 0xDA])
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
