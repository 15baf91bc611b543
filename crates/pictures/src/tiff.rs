//! TIFF: its first page, of the kinds of which Pillow's pixels are those that the file holds.

use std::io::Cursor;

use ::tiff::{
    ColorType, TiffError,
    decoder::{Decoder, DecodingResult, Limits},
    tags::Tag,
};
use image::RgbImage;

use crate::error::{Error, MAX_PIXELS};
use crate::orientation::{self, Orientation};
use crate::pixels::{check_size, from_cmyk, picture};

/// XMP, for which `tiff` has no name.
const XMP: Tag = Tag::Unknown(700);

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(error)?;
    let mut limits = Limits::default(); // of tags, too, whose claims are else believed
    limits.decoding_buffer_size = 8 * MAX_PIXELS as usize;
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = decoder.with_limits(limits);
    let size = decoder.dimensions().map_err(error)?;
    check_size(size.0, size.1)?;
    let mut numbers = |tag| decoder.find_tag_unsigned_vec::<u16>(tag).ok().flatten().unwrap_or_default();
    // What `tiff` does not look at, or Pillow computes with, would be other pixels.
    for (tag, rare, what) in [
        (Tag::Compression, &[6, 7][..], "compressed as JPEG"),
        (Tag::FillOrder, &[2], "with the bits of its bytes reversed"),
        (Tag::PlanarConfiguration, &[2], "of separate planes"),
        (Tag::ExtraSamples, &[0, 1], "of alpha that is multiplied in, or of channels without meaning"),
    ] {
        if numbers(tag).first().is_some_and(|number| rare.contains(number)) {
            return Err(Error::unread(format!("is a TIFF {what}")));
        }
    }
    // libtiff applies differences between neighbours in packed data alone.
    if numbers(Tag::Predictor) == [2] && !matches!(numbers(Tag::Compression)[..], [5 | 8 | 32946]) {
        return Err(Error::unread("is a TIFF of differences that are not packed"));
    }
    let photometric = numbers(Tag::PhotometricInterpretation);
    let upright = match numbers(Tag::Orientation)[..] {
        [] => None,
        [number, ..] => u8::try_from(number).ok().and_then(Orientation::from_exif),
    };
    let xmp = decoder.get_tag_u8_vec(XMP).ok();
    let upright = upright.unwrap_or_else(|| orientation::find(None, xmp.as_deref()));
    let colours = decoder.colortype().map_err(error)?;
    let picture = match decoder.read_image().map_err(error)? {
        DecodingResult::U8(samples) => of_bytes(size, colours, samples),
        DecodingResult::U16(samples) if photometric != [0] => of_words(size, colours, &samples),
        _ => None,
    };
    Ok((picture.unwrap_or_else(|| Err(Error::unread(format!("is a TIFF of {colours:?}"))))?, upright))
}

/// A picture, if its kind is known.
type Known = Option<Result<RgbImage, Error>>;

fn of_bytes((width, height): (u32, u32), colours: ColorType, samples: Vec<u8>) -> Known {
    Some(match colours {
        ColorType::Gray(bits @ (1 | 2 | 4)) => picture(width, height, unpacked(&samples, width, bits)),
        ColorType::Gray(8) => picture(width, height, samples.iter().map(|&grey| [grey; 3])),
        ColorType::GrayA(8) | ColorType::Multiband { bit_depth: 8, num_samples: 2 } => {
            picture(width, height, samples.as_chunks().0.iter().map(|&[grey, _]| [grey; 3]))
        }
        ColorType::RGB(8) => RgbImage::from_raw(width, height, samples).ok_or(Error::Truncated),
        ColorType::RGBA(8) => picture(
            width,
            height,
            samples.as_chunks().0.iter().map(|&[red, green, blue, _]| [red, green, blue]),
        ),
        ColorType::CMYK(8) => {
            let inverted = |inks: &[u8; 4]| from_cmyk(inks.map(|ink| 255 - ink));
            picture(width, height, samples.as_chunks().0.iter().map(inverted))
        }
        _ => return None,
    })
}

/// The greys of rows that begin at a byte each.
fn unpacked(samples: &[u8], width: u32, bits: u8) -> impl Iterator<Item = [u8; 3]> {
    let (width, per_byte) = (width as usize, usize::from(8 / bits));
    let largest = u8::MAX >> (8 - bits);
    samples.chunks(width.div_ceil(per_byte)).flat_map(move |row| {
        (0..width.min(row.len() * per_byte)).map(move |x| {
            let shift = 8 - bits - (x % per_byte) as u8 * bits;
            [(row[x / per_byte] >> shift & largest) * (255 / largest); 3]
        })
    })
}

/// Grey is clipped, colours lose their lower bytes.
fn of_words((width, height): (u32, u32), colours: ColorType, samples: &[u16]) -> Known {
    let high = |sample: u16| (sample >> 8) as u8;
    Some(match colours {
        ColorType::Gray(16) => picture(width, height, samples.iter().map(|&grey| [grey.min(255) as u8; 3])),
        ColorType::RGB(16) => {
            picture(width, height, samples.as_chunks::<3>().0.iter().map(|pixel| pixel.map(high)))
        }
        ColorType::RGBA(16) => {
            let opaque = |&[red, green, blue, _]: &[u16; 4]| [red, green, blue].map(high);
            picture(width, height, samples.as_chunks().0.iter().map(opaque))
        }
        _ => return None,
    })
}

fn error(error: TiffError) -> Error {
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Error::Truncated,
        TiffError::UnsupportedError(error) => Error::unread(format!("is a TIFF of a rare kind ({error})")),
        other => Error::damaged(other),
    }
}
