//! Windows' bitmaps of 1, 4, 8, 24 and 32 bits. Of 16 bits, and of runs, `image` and Pillow have
//! each their own idea.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, RgbImage, codecs::bmp::BmpDecoder};

use crate::error::Error;
use crate::orientation::Orientation;
use crate::pixels::check_size;

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    // After the file's header of 14 bytes: bits of a pixel, and compression.
    match bytes {
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, 12, ..] => {}
        _ if bytes.get(28..30) == Some(&[16, 0]) => return Err(Error::unread("is a BMP of 16 bits")),
        _ if matches!(bytes.get(30..34), Some([1 | 2, 0, 0, 0])) => {
            return Err(Error::unread("is a BMP of runs"));
        }
        _ => {}
    }
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(error)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(error)?;
    Ok((picture.into_rgb8(), Orientation::NoTransforms))
}

fn error(error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Error::Truncated,
        ImageError::Unsupported(error) => Error::unread(format!("is a BMP of a rare kind ({error})")),
        other => Error::damaged(other),
    }
}
