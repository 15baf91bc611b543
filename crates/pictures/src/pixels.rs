//! What all formats have in common.

use image::RgbImage;

use crate::error::{Error, MAX_PIXELS};

/// A picture of that size may be decoded.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), Error> {
    let pixels = u64::from(width) * u64::from(height);
    if (1..=MAX_PIXELS).contains(&pixels) { Ok(()) } else { Err(Error::Size { width, height }) }
}

/// The picture that `pixels` make, one after the other in rows.
pub(crate) fn picture(
    width: u32,
    height: u32,
    pixels: impl IntoIterator<Item = [u8; 3]>,
) -> Result<RgbImage, Error> {
    let bytes: Vec<u8> = pixels.into_iter().flatten().collect();
    RgbImage::from_raw(width, height, bytes).ok_or(Error::Truncated)
}

/// The more significant byte: what Pillow keeps of 16-bit channels.
pub(crate) fn high(pair: [u8; 2]) -> u8 {
    u16::from_be_bytes(pair).to_be_bytes()[0]
}

/// Inks that are inverted, as Adobe writes them, and as Pillow takes all JPEGs of four components
/// to have them.
pub(crate) fn from_cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(255 - ink) * u32::from(black) + 128;
        black.saturating_sub(((product + (product >> 8)) >> 8) as u8)
    })
}
