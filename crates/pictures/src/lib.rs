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
//! | BMP, DIB | Pillow's, to the bit | this crate, by Pillow's rules |
//! | TIFF, its first page, of the kinds below | Pillow's, to the bit | `tiff`; mozjpeg |
//! | WebP | Pillow's, to the bit | `image-webp` |
//!
//! Everything else is refused by an [`Error`] that says what it is. So are damaged data, by
//! Pillow's rule: a JPEG is whole when all its rows are there, whatever follows. Stricter than
//! Pillow is only the reading of PNGs, whose checksums have to be right, up to that of the pixels,
//! and of JPEGs without loss, which cameras do not write. Less strict it is with what stands beside
//! a PNG's pixels: a profile, a text or the order of an animation's frames may be damaged.
//!
//! TIFFs are read of grey (also signed, of 32 bits and of floats), palettes, RGB and CMYK, with and
//! without alpha; in strips or tiles, chunky or planar; plain, packed by LZW, Deflate, PackBits or
//! group 4 of the fax, or as JPEGs. Refused by name are L\*a\*b\*, YCbCr that is no JPEG, 12 bits,
//! the older faxes, LZMA and JPEG in the way of TIFF 6.
//!
//! AVIF is refused by name, too: `libavif-sys` is built by CMake, `avif-decode` needs Rust 1.98,
//! `zenavif` and `rav1d-safe` have a licence that does not fit, and `avif-parse`, with `rav1d` or
//! `re_rav1d`, does not say how a picture is turned, mirrored, cut or put together. Nor has any of them
//! but the first the roundings of libyuv, where chroma is doubled and turned to RGB, on which Pillow's
//! pixels depend.
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
mod pixels;
mod png;
mod tiff;
mod webp;

use std::panic::catch_unwind;

use image::{DynamicImage, RgbImage};

pub use error::Error;
pub use format::Format;

use crate::orientation::Orientation;

/// Decodes a picture, upright, to RGB.
///
/// # Errors
/// If the bytes are of no format that is read, damaged or truncated, or the picture has more
/// pixels than Pillow opens without a warning (89 million).
pub fn decode(bytes: &[u8]) -> Result<RgbImage, Error> {
    let decode = match Format::of(bytes)? {
        Format::Jpeg => jpeg::decode,
        Format::Png => png::decode,
        Format::Gif => gif::decode,
        Format::Bmp => bmp::decode,
        Format::Tiff => tiff::decode,
        Format::WebP => webp::decode,
    };
    // A decoder's fault, which damaged data bring to light, ends this picture and not the program.
    let decoded = catch_unwind(|| decode(bytes));
    let (picture, orientation) = decoded.unwrap_or_else(|_| Err(Error::damaged("its decoder gave up")))?;
    Ok(upright(picture, orientation))
}

fn upright(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}
