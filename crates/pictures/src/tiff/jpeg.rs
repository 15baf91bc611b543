//! Pixels that are packed as JPEGs, one a strip or tile.

use ::tiff::{ColorType, decoder::ChunkType, tags::Tag};

use super::{
    reader::{Reader, error},
    rewritten::parts,
    tags::{BLACK_IS_0, RGB},
};
use crate::error::Error;
use crate::jpeg;
use crate::pixels::check_size;

/// Values of `Tag::PhotometricInterpretation`.
const CMYK: u16 = 5;
const YCBCR: u16 = 6;

/// The bytes of all pixels, those of a pixel together.
pub(super) fn samples(
    bytes: &[u8],
    reader: &mut Reader,
    photometric: u16,
) -> Result<(ColorType, Vec<u8>), Error> {
    let (colours, channels, transform) = match photometric {
        BLACK_IS_0 => (ColorType::Gray(8), 1, 0),
        RGB => (ColorType::RGB(8), 3, 0),
        YCBCR => (ColorType::RGB(8), 3, 1),
        CMYK => (ColorType::CMYK(8), 4, 0),
        other => {
            return Err(Error::unread(format!("is a TIFF compressed as JPEG, with colours of kind {other}")));
        }
    };
    let tables = reader.find_tag(Tag::JPEGTables).map_err(error)?;
    let tables = tables.map(|tables| tables.into_u8_vec()).transpose().map_err(error)?.unwrap_or_default();
    let (width, height) = reader.dimensions().map_err(error)?;
    let (width, height) = (width as usize, height as usize);
    let (part_width, part_height) = reader.chunk_dimensions();
    let (part_width, part_height) = (part_width as usize, part_height as usize);
    let (across, is_tile) = (width.div_ceil(part_width), reader.get_chunk_type() == ChunkType::Tile);
    let parts = parts(reader)?;
    if parts.len() < across * height.div_ceil(part_height) {
        return Err(Error::damaged(format!("has {} parts, and needs more", parts.len())));
    }
    let mut samples = vec![0; width * height * channels];
    for (k, (at, length)) in parts.into_iter().enumerate() {
        let (left, top) = (k % across * part_width, k / across * part_height);
        if top >= height {
            break;
        }
        let part = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(Error::Truncated)?;
        let (columns, rows) = (part_width.min(width - left), part_height.min(height - top));
        let needed = if is_tile { part_height } else { rows };
        let part_columns = if is_tile { part_width } else { columns };
        // Before its pixels are decoded, which could be very many for each of very many parts.
        let check = |width: u32, height: u32| {
            check_size(width, height)?;
            let fits = width as usize == part_columns && (needed..=part_height).contains(&(height as usize));
            let found = format!("a part of it has {width} x {height} pixels");
            let expected = || Error::damaged(format!("{found}, expected {part_columns} x {needed}"));
            if fits { Ok(()) } else { Err(expected()) }
        };
        let part = jpeg::samples(&whole(&tables, part, transform), check)?;
        if part.channels != channels {
            let found = part.channels;
            return Err(Error::damaged(format!("a part of it has {found} channels, expected {channels}")));
        }
        for y in 0..rows {
            let row = &part.samples[y * part_columns * channels..][..columns * channels];
            samples[((top + y) * width + left) * channels..][..columns * channels].copy_from_slice(row);
        }
    }
    Ok((colours, samples))
}

/// A JPEG of the tables of all parts and of one part, with a marker that says whether its colours are
/// transformed: TIFF says it, and the part's own markers do not count.
fn whole(tables: &[u8], part: &[u8], transform: u8) -> Vec<u8> {
    const START: [u8; 2] = [0xFF, 0xD8];
    const END: [u8; 2] = [0xFF, 0xD9];
    const ADOBE: &[u8; 15] = b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0";
    let tables = tables.strip_prefix(&START).unwrap_or(tables);
    let tables = tables.strip_suffix(&END).unwrap_or(tables);
    let mut rest = part.strip_prefix(&START).unwrap_or(part);
    let mut jpeg = [&START, &ADOBE[..], &[transform], tables].concat();
    while let [0xFF, kind @ (0xC0..=0xCF | 0xDB..=0xEF | 0xFE), high, low, ..] = rest
        && *kind != 0xDA
    {
        let length = 2 + usize::from(u16::from_be_bytes([*high, *low]));
        let (segment, after) = rest.split_at(length.min(rest.len()));
        if !matches!(kind, 0xE0..=0xEF) {
            jpeg.extend_from_slice(segment);
        }
        rest = after;
    }
    jpeg.extend_from_slice(rest);
    jpeg
}
