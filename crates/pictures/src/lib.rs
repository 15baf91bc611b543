//! Encoded pictures to upright RGB, with the very pixels that Pillow gives.
//!
//! [`decode`] is `ImageOps.exif_transpose(Image.open(file)).convert("RGB")` of Pillow 12, which
//! is what transformers' `load_image` does. What a file is its bytes say, not its name.
//!
//! | format | pixels | by |
//! |---|---|---|
//! | JPEG | Pillow's, to the bit | libjpeg-turbo's decoder, in its fork mozjpeg |
//! | PNG | Pillow's, to the bit | `png` |
//! | GIF, the first picture | Pillow's, to the bit | `gif` |
//! | BMP, but for 16 bits and runs | Pillow's, to the bit | `image` |
//! | TIFF of grey, RGB or CMYK, not compressed as JPEG | Pillow's, to the bit | `tiff` |
//! | WebP | Pillow's, to the bit | `image-webp` |
//!
//! Everything else is refused by an [`Error`] that says what it is. So are damaged data, by
//! Pillow's rule: a JPEG is whole when all its rows are there, whatever follows. Stricter than
//! Pillow is only the reading of PNGs, whose checksums have to be right, up to that of the pixels,
//! and of JPEGs without loss, which cameras do not write.
//!
//! Of a JPEG whose damage is not noticed, coefficients can be larger than any picture's. Their
//! pixels are Pillow's if the feature `simd` found the program nasm, and else those of the same
//! decoder's portable code.
//!
//! ```
//! // The smallest GIF that there is: one transparent pixel of colour 0.
//! let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
//! let picture = pictures::decode(gif)?;
//! assert_eq!((picture.dimensions(), picture.get_pixel(0, 0).0), ((1, 1), [255, 0, 0]));
//! # Ok::<(), pictures::Error>(())
//! ```

mod bmp;
mod error;
mod format;
mod gif;
mod jpeg;
mod orientation;
mod png;
mod tiff;
mod webp;

use image::{DynamicImage, RgbImage};

pub use error::Error;
pub use format::Format;

use crate::orientation::Orientation;

/// As many pixels as Pillow opens without a warning: 256 MiB of RGB.
const MAX_PIXELS: u64 = (1 << 30) / 12;

/// Decodes a picture, upright, to RGB.
///
/// # Errors
/// If the bytes are of no format that is read, damaged or truncated, or the picture has more
/// pixels than Pillow opens without a warning (89 million).
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Error> {
    let (picture, orientation) = match Format::of(bytes)? {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => png::decode(bytes),
        Format::Gif => gif::decode(bytes),
        Format::Bmp => bmp::decode(bytes),
        Format::Tiff => tiff::decode(bytes),
        Format::WebP => webp::decode(bytes),
    }?;
    Ok(upright(picture, orientation))
}

fn upright(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

/// A picture of that size may be decoded.
fn check_size(width: u32, height: u32) -> Result<(), Error> {
    let pixels = u64::from(width) * u64::from(height);
    if (1..=MAX_PIXELS).contains(&pixels) { Ok(()) } else { Err(Error::Size { width, height }) }
}

/// The picture that `pixels` make, one after the other in rows.
fn picture(width: u32, height: u32, pixels: impl IntoIterator<Item = [u8; 3]>) -> Result<RgbImage, Error> {
    let bytes: Vec<u8> = pixels.into_iter().flatten().collect();
    RgbImage::from_raw(width, height, bytes).ok_or(Error::Truncated)
}

/// The more significant byte: what Pillow keeps of 16-bit channels.
fn high(pair: [u8; 2]) -> u8 {
    u16::from_be_bytes(pair).to_be_bytes()[0]
}

/// Inks that are inverted, as Adobe writes them, and as Pillow takes all JPEGs of four components
/// to have them.
fn from_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(255 - ink) * u32::from(black) + 128;
        black.saturating_sub(((product + (product >> 8)) >> 8) as u8)
    })
}
