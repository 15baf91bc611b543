//! TIFF: its first page, of the kinds of which Pillow's pixels are those that the file holds.

mod colours;
mod jpeg;
mod reader;
mod rewritten;
mod tags;

use std::borrow::Cow;
use std::panic::catch_unwind;

use ::tiff::{ColorType, decoder::DecodingResult, tags::Tag};
use image::RgbImage;

use crate::error::Error;
use crate::orientation::{self, Orientation};
use crate::pixels::check_size;

use colours::{of_bytes, of_indices, of_samples, unread};
use reader::{Reader, error, numbers, open};
use tags::{ALPHA, BLACK_IS_0, JPEG, PALETTE, Tags, WITHOUT_MEANING};

/// XMP, for which `tiff` has no name.
const XMP: Tag = Tag::Unknown(700);

/// `tiff` multiplies counts of a file before it looks whether they can be, which stops a program that
/// checks for overflow.
pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    catch_unwind(|| read(bytes)).unwrap_or_else(|_| Err(Error::damaged("its sizes are out of bounds")))
}

fn read(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    let mut reader = open(bytes)?;
    let (width, height) = reader.dimensions().map_err(error)?;
    check_size(width, height)?;
    let tags = Tags::read(&mut reader);
    tags.refuse_rare()?;
    let upright = upright(&mut reader);
    let mut file = Cow::Borrowed(bytes);
    if tags.reversed {
        file = rewritten::with_bits_reversed(&file, &mut reader)?.into();
    }
    let size = (width, height);
    let picture = if tags.compression == JPEG {
        let (colours, samples) = jpeg::samples(&file, &mut reader, tags.photometric)?;
        of_bytes(size, colours, samples)?
    } else {
        let palette = numbers(&mut reader, Tag::ColorMap);
        if tags.photometric == PALETTE {
            file = rewritten::with_value(&file, Tag::PhotometricInterpretation, BLACK_IS_0)?.into();
        }
        if tags.extra == [WITHOUT_MEANING] {
            // Leaving it out, `tiff` loses its place in the tiles at the border.
            file = rewritten::with_value(&file, Tag::ExtraSamples, ALPHA)?.into();
        }
        let (colours, samples) = pixels(&mut open(&file)?, &tags)?;
        if tags.photometric == PALETTE {
            of_indices(size, colours, samples, &palette)?
        } else {
            of_samples(size, colours, samples, &tags)?
        }
    };
    Ok((picture, upright))
}

fn upright(reader: &mut Reader) -> Orientation {
    let upright = match numbers(reader, Tag::Orientation)[..] {
        [] => None,
        [number, ..] => u8::try_from(number).ok().and_then(Orientation::from_exif),
    };
    let xmp = reader.get_tag_u8_vec(XMP).ok();
    upright.unwrap_or_else(|| orientation::find(None, xmp.as_deref()))
}

/// The numbers of all pixels, those of a pixel together.
fn pixels(reader: &mut Reader, tags: &Tags) -> Result<(ColorType, DecodingResult), Error> {
    let colours = reader.colortype().map_err(error)?;
    if !tags.planar || colours.num_samples() == 1 {
        return Ok((colours, reader.read_image().map_err(error)?));
    }
    // As many as a kind that is known has; there could be 65,535.
    if colours.num_samples() > 4 {
        return Err(unread(colours));
    }
    let samples = match tags.bits {
        8 => DecodingResult::U8(interleaved(reader, colours, |part| match part {
            DecodingResult::U8(part) => Some(part),
            _ => None,
        })?),
        16 => DecodingResult::U16(interleaved(reader, colours, |part| match part {
            DecodingResult::U16(part) => Some(part),
            _ => None,
        })?),
        _ => return Err(unread(colours)),
    };
    Ok((colours, samples))
}

/// The numbers of separate planes, pixel by pixel.
fn interleaved<T: Copy + Default>(
    reader: &mut Reader,
    colours: ColorType,
    of_kind: impl Fn(DecodingResult) -> Option<Vec<T>>,
) -> Result<Vec<T>, Error> {
    let channels = usize::from(colours.num_samples());
    let (width, height) = reader.dimensions().map_err(error)?;
    let (part_width, part_height) = reader.chunk_dimensions();
    let (across, down) = (width.div_ceil(part_width), height.div_ceil(part_height));
    let mut samples = vec![T::default(); width as usize * height as usize * channels];
    for (channel, k) in (0..channels).flat_map(|channel| (0..across * down).map(move |k| (channel, k))) {
        let part = reader.read_chunk(channel as u32 * across * down + k).map_err(error)?;
        let part = of_kind(part).ok_or_else(|| unread(colours))?;
        let (left, top) = (k % across * part_width, k / across * part_height);
        let (columns, rows) = (part_width.min(width - left), part_height.min(height - top));
        for (y, row) in (top..top + rows).zip(part.chunks(columns as usize)) {
            let pixels = &mut samples[(y as usize * width as usize + left as usize) * channels..];
            let places = pixels.chunks_mut(channels).zip(row);
            places.for_each(|(pixel, &sample)| pixel[channel] = sample);
        }
    }
    Ok(samples)
}
