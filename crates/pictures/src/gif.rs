//! GIF: its first picture, on the canvas that the file describes.

use ::gif::{ColorOutput, DecodeOptions, DecodingError};
use image::RgbImage;

use crate::error::Error;
use crate::orientation::Orientation;
use crate::pixels::check_size;
use crate::pixels::picture;

/// Bytes before the palette.
const SIGNATURE_AND_SCREEN: usize = 13;

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    let with_palette = with_greys(bytes);
    let bytes = with_palette.as_deref().unwrap_or(bytes);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let mut decoder = options.read_info(bytes).map_err(error)?;
    let (screen_width, screen_height) = (decoder.width(), decoder.height());
    let frame = decoder.next_frame_info().map_err(error)?;
    let frame = frame.ok_or_else(|| Error::damaged("it holds no picture"))?;
    let (left, top, transparent) = (u32::from(frame.left), u32::from(frame.top), frame.transparent);
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    // A picture that is larger than the canvas makes it larger.
    let canvas = (u32::from(screen_width).max(left + width), u32::from(screen_height).max(top + height));
    check_size(canvas.0, canvas.1)?;
    if has_cut_block(bytes).unwrap_or(false) {
        return Err(Error::Truncated);
    }
    let mut indices = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indices).map_err(error)?;
    let palette = decoder.palette().unwrap_or_default();

    // Colours that the palette lacks are black; where it is one of greys, they are greys too.
    let palette = palette.as_chunks::<3>().0;
    let grey = palette.iter().zip(0..=255).all(|(&colour, level)| colour == [level; 3]);
    let colour = |index: u8| match palette.get(usize::from(index)) {
        Some(&colour) => colour,
        None if grey => [index; 3],
        None => [0; 3],
    };
    let background = colour(transparent.unwrap_or(0));
    let pixels = (0..canvas.1).flat_map(|y| (0..canvas.0).map(move |x| (x, y))).map(|(x, y)| {
        match (x.checked_sub(left), y.checked_sub(top)) {
            (Some(x), Some(y)) if x < width && y < height => colour(indices[(y * width + x) as usize]),
            _ => background,
        }
    });
    Ok((picture(canvas.0, canvas.1, pixels)?, Orientation::NoTransforms))
}

/// The file with greys for the palette of all pictures, where it has none: what a picture without one of its
/// own has in Pillow.
fn with_greys(bytes: &[u8]) -> Option<Vec<u8>> {
    const HAS_PALETTE: u8 = 0x80;
    let (start, rest) = bytes.split_at_checked(SIGNATURE_AND_SCREEN)?;
    if start[10] & HAS_PALETTE != 0 {
        return None;
    }
    let mut file = start.to_vec();
    file[10] |= HAS_PALETTE | 7; // of 256 colours
    file.extend((0..=255).flat_map(|level| [level; 3]));
    file.extend_from_slice(rest);
    Some(file)
}

/// Whether the file ends within a block of the first picture's pixels. Pillow reads no part of a block,
/// the decoder does, and may find all pixels in it. None if the file ends before, or is otherwise damaged.
fn has_cut_block(bytes: &[u8]) -> Option<bool> {
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = SIGNATURE_AND_SCREEN + palette(*bytes.get(10)?);
    loop {
        let is_picture = match bytes.get(at)? {
            0x2c => {
                at += 10 + palette(*bytes.get(at + 9)?) + 1; // descriptor, palette, size of a code
                true
            }
            0x21 => {
                at += 2; // what kind of extension it is
                false
            }
            _ => return None,
        };
        // Blocks with their lengths, until one of length 0.
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
            if at > bytes.len() {
                return is_picture.then_some(true);
            }
        }
        if is_picture {
            return Some(false);
        }
    }
}

fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Error::Truncated,
        other => Error::damaged(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_ends_within_a_block_is_cut() {
        for name in ["interlaced", "offset", "transparent"] {
            let path = format!("{}/tests/golden/{name}.gif", env!("CARGO_MANIFEST_DIR"));
            let whole = std::fs::read(path).unwrap();
            assert!(decode(&whole).is_ok() && has_cut_block(&whole) == Some(false), "{name}");
            let is_cut = |length: &usize| has_cut_block(&whole[..*length]) == Some(true);
            let lengths: Vec<usize> = (0..whole.len()).filter(is_cut).collect();
            assert!(lengths.len() > 10, "{name}: {lengths:?}");
            for length in lengths {
                assert!(decode(&whole[..length]).is_err(), "{name}: {length} of {}", whole.len());
            }
        }
    }
}
