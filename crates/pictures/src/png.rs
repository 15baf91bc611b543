//! PNG, of all kinds.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Info, Limits, Transformations};
use image::RgbImage;

use crate::error::{Error, MAX_PIXELS};
use crate::orientation::{self, Orientation};
use crate::pixels::{check_size, high, picture};

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    // A picture of 16-bit colours, and what is written beside it.
    let mut decoder =
        Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 10 * MAX_PIXELS as usize });
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(error)?;
    let (width, height) = header.size();
    check_size(width, height)?;
    let mut reader = decoder.read_info().map_err(error)?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or(Error::Size { width, height })?];
    let frame = reader.next_frame(&mut samples).map_err(error)?;
    samples.truncate(frame.buffer_size());
    // What follows the picture cannot spoil it any more.
    let _ = reader.finish();
    let info = reader.info();
    let picture = to_rgb(&samples, frame.color_type, info)?;
    Ok((picture, orientation(info)))
}

/// `samples` are of 8 or 16 bits, without palette, and with the alpha of a transparent colour.
fn to_rgb(samples: &[u8], colours: ColorType, info: &Info) -> Result<RgbImage, Error> {
    let (width, height) = info.size();
    let deep = info.bit_depth == BitDepth::Sixteen;
    let channels = colours.samples();
    if !deep {
        let colour = |pixel: &[u8]| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
        return picture(width, height, samples.chunks_exact(channels).map(colour));
    }
    // Grey that has no alpha of its own is clipped, all else loses its lower bytes.
    let clipped = info.color_type == ColorType::Grayscale;
    let colour = |pixel: &[[u8; 2]]| match pixel {
        [grey, ..] if clipped => [u16::from_be_bytes(*grey).min(255) as u8; 3],
        [red, green, blue, ..] => [high(*red), high(*green), high(*blue)],
        [grey, ..] => [high(*grey); 3],
        [] => [0; 3],
    };
    picture(width, height, samples.as_chunks().0.chunks_exact(channels).map(colour))
}

/// Of the chunk for it, of the text that ImageMagick writes, or of XMP.
fn orientation(info: &Info) -> Orientation {
    const XMP: &str = "XML:com.adobe.xmp";
    const RAW: &str = "Raw profile type exif";
    let text = |keyword: &str| {
        let plain = info.uncompressed_latin1_text.iter().rev().find(|chunk| chunk.keyword == keyword);
        let compressed = info.compressed_latin1_text.iter().rev().find(|chunk| chunk.keyword == keyword);
        let unicode = info.utf8_text.iter().rev().find(|chunk| chunk.keyword == keyword);
        (unicode.and_then(|chunk| chunk.get_text().ok()))
            .or_else(|| compressed.and_then(|chunk| chunk.get_text().ok()))
            .or_else(|| plain.map(|chunk| chunk.text.clone()))
    };
    let raw = text(RAW).and_then(|text| from_hexadecimal(&text));
    let exif = info.exif_metadata.as_deref().or(raw.as_deref());
    orientation::find(exif, text(XMP).as_deref().map(str::as_bytes))
}

/// The bytes of a profile in hexadecimal, after three lines: nothing, its name, its length.
fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = (text.split('\n').skip(3))
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    Some(digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Truncated
        }
        other => Error::damaged(other),
    }
}
