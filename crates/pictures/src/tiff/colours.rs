//! From a file's numbers to RGB, as Pillow converts them.

use ::tiff::{ColorType, decoder::DecodingResult, tags::ByteOrder};
use image::RgbImage;

use super::tags::{Tags, WHITE_IS_0};
use crate::error::Error;
use crate::pixels::{from_cmyk, picture};

pub(super) fn of_samples(
    size: (u32, u32),
    colours: ColorType,
    samples: DecodingResult,
    tags: &Tags,
) -> Result<RgbImage, Error> {
    let upward = tags.photometric != WHITE_IS_0;
    let clipped = |number: i64| number.clamp(0, 255) as u8;
    let grey = |greys: Vec<u8>| of_bytes(size, ColorType::Gray(8), greys);
    match (samples, colours) {
        (DecodingResult::U8(samples), ColorType::RGBA(8)) if tags.multiplied() => {
            of_bytes(size, ColorType::RGB(8), divided(samples.as_chunks().0.iter().copied()))
        }
        (DecodingResult::U16(samples), ColorType::RGBA(16)) if tags.multiplied() => {
            let high = samples.as_chunks().0.iter().map(|pixel| pixel.map(high));
            of_bytes(size, ColorType::RGB(8), divided(high))
        }
        (DecodingResult::U8(samples), _) => of_bytes(size, colours, samples),
        (DecodingResult::U16(samples), _) if upward => of_words(size, colours, &samples),
        // Pillow takes the bits of signed bytes as they are, and clips all else.
        (DecodingResult::I8(samples), ColorType::Gray(8)) if upward => {
            grey(samples.into_iter().map(i8::cast_unsigned).collect())
        }
        (DecodingResult::I16(samples), ColorType::Gray(16)) if upward => {
            grey(samples.into_iter().map(|sample| clipped(sample.into())).collect())
        }
        (DecodingResult::I32(samples), ColorType::Gray(32)) if upward => {
            grey(samples.into_iter().map(|sample| clipped(sample.into())).collect())
        }
        (DecodingResult::U32(samples), ColorType::Gray(32))
            if upward && tags.order == ByteOrder::LittleEndian =>
        {
            grey(samples.into_iter().map(|sample| clipped(sample.cast_signed().into())).collect())
        }
        (DecodingResult::F32(samples), ColorType::Gray(32)) if upward => {
            grey(samples.into_iter().map(|sample| sample as u8).collect()) // which clips too
        }
        _ => Err(unread(colours)),
    }
}

/// The colours that alpha has been multiplied into.
fn divided(pixels: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    let whole = |[red, green, blue, alpha]: [u8; 4]| match alpha {
        0 => [0; 3],
        _ => [red, green, blue].map(|part| (255 * u32::from(part) / u32::from(alpha)).min(255) as u8),
    };
    pixels.flat_map(whole).collect()
}

pub(super) fn of_bytes(
    (width, height): (u32, u32),
    colours: ColorType,
    samples: Vec<u8>,
) -> Result<RgbImage, Error> {
    match colours {
        ColorType::Gray(bits @ (1 | 2 | 4)) => {
            let scale = 255 / (u8::MAX >> (8 - bits));
            picture(width, height, unpacked(&samples, width, bits).map(|grey| [grey * scale; 3]))
        }
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
        _ => Err(unread(colours)),
    }
}

/// Colours by their number in a palette, whose reds stand before its greens and blues.
pub(super) fn of_indices(
    (width, height): (u32, u32),
    kind: ColorType,
    indices: DecodingResult,
    palette: &[u16],
) -> Result<RgbImage, Error> {
    let DecodingResult::U8(indices) = indices else { return Err(unread(kind)) };
    let indices: Vec<u8> = match kind {
        ColorType::Gray(bits @ (1 | 2 | 4)) => unpacked(&indices, width, bits).collect(),
        ColorType::Gray(8) => indices,
        ColorType::Multiband { bit_depth: 8, num_samples: 2 } => indices.into_iter().step_by(2).collect(),
        _ => return Err(unread(kind)),
    };
    let size = palette.len() / 3;
    let colour = |index: u8| {
        let index = usize::from(index);
        (index < size).then(|| [index, index + size, index + 2 * size].map(|place| high(palette[place])))
    };
    let pixels: Option<Vec<_>> = indices.into_iter().map(colour).collect();
    let pixels = pixels.ok_or_else(|| Error::damaged(format!("its palette has {size} colours alone")))?;
    picture(width, height, pixels)
}

/// The numbers of rows that begin at a byte each.
fn unpacked(samples: &[u8], width: u32, bits: u8) -> impl Iterator<Item = u8> {
    let (width, per_byte) = (width as usize, usize::from(8 / bits));
    let largest = u8::MAX >> (8 - bits);
    samples.chunks(width.div_ceil(per_byte)).flat_map(move |row| {
        (0..width.min(row.len() * per_byte)).map(move |x| {
            let shift = 8 - bits - (x % per_byte) as u8 * bits;
            row[x / per_byte] >> shift & largest
        })
    })
}

fn high(sample: u16) -> u8 {
    (sample >> 8) as u8
}

/// Grey is clipped, colours lose their lower bytes.
fn of_words(size: (u32, u32), colours: ColorType, samples: &[u16]) -> Result<RgbImage, Error> {
    match colours {
        ColorType::Gray(16) => {
            of_bytes(size, ColorType::Gray(8), samples.iter().map(|&grey| grey.min(255) as u8).collect())
        }
        ColorType::RGB(16) => of_bytes(size, ColorType::RGB(8), samples.iter().copied().map(high).collect()),
        ColorType::RGBA(16) => {
            of_bytes(size, ColorType::RGBA(8), samples.iter().copied().map(high).collect())
        }
        ColorType::CMYK(16) => {
            of_bytes(size, ColorType::CMYK(8), samples.iter().copied().map(high).collect())
        }
        _ => Err(unread(colours)),
    }
}

pub(super) fn unread(colours: ColorType) -> Error {
    Error::unread(format!("is a TIFF of {colours:?}"))
}
