//! WebP; of an animation its first picture.

use std::io::Cursor;

use image::RgbImage;
use image_webp::{DecodingError, WebPDecoder};

use crate::error::Error;
use crate::orientation::{self, Orientation};
use crate::pixels::check_size;
use crate::pixels::picture;

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(error)?;
    decoder.set_memory_limit(bytes.len()); // of what stands beside the pixels
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let mut samples = vec![0; decoder.output_buffer_size().ok_or(Error::Size { width, height })?];
    if decoder.is_animated() {
        decoder.read_frame(&mut samples).map_err(error)?;
    } else {
        decoder.read_image(&mut samples).map_err(error)?;
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let colours = samples.chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let picture = picture(width, height, colours)?;
    let exif = decoder.exif_metadata().map_err(error)?;
    let xmp = decoder.xmp_metadata().map_err(error)?;
    Ok((picture, orientation::find(exif.as_deref(), xmp.as_deref())))
}

fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Truncated
        }
        DecodingError::MemoryLimitExceeded => Error::Truncated,
        other => Error::damaged(other),
    }
}
