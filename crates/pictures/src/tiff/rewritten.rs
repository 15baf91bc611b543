//! Files as `tiff` can read them: what it does not know it is told otherwise.

use ::tiff::tags::Tag;

use super::reader::{Reader, error};
use crate::error::Error;

/// The file with another value of a tag that has one, in its first directory.
pub(super) fn with_value(bytes: &[u8], tag: Tag, value: u16) -> Result<Vec<u8>, Error> {
    let big_endian = bytes.starts_with(b"MM");
    let large = bytes.get(if big_endian { 3 } else { 2 }) == Some(&43); // BigTIFF
    let number = |at: usize, size: usize| {
        let part = at.checked_add(size).and_then(|end| bytes.get(at..end)).ok_or(Error::Truncated)?;
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        let number = if big_endian { part.iter().fold(0, add) } else { part.iter().rev().fold(0, add) };
        usize::try_from(number).map_err(|_| Error::Truncated)
    };
    // Where the directory's place stands, bytes of a count of entries, of an entry, and before its value.
    let (place, count, entry, before) = if large { (8, 8, 20, 12) } else { (4, 2, 12, 8) };
    let directory = number(place, if large { 8 } else { 4 })?;
    let mut rewritten = bytes.to_vec();
    for k in 0..number(directory, count)? {
        let at = k.checked_mul(entry).and_then(|at| at.checked_add(directory)?.checked_add(count));
        let at = at.ok_or(Error::Truncated)?;
        if number(at, 2)? == usize::from(tag.to_u16()) {
            let size = match number(at + 2, 2)? {
                1 => 1,  // BYTE
                3 => 2,  // SHORT
                4 => 4,  // LONG
                16 => 8, // LONG8
                kind => return Err(Error::damaged(format!("{tag:?} has numbers of kind {kind}"))),
            };
            let mut digits = [0; 8];
            digits[..2].copy_from_slice(&value.to_le_bytes());
            let digits = &mut digits[..size];
            if big_endian {
                digits.reverse();
            }
            let place = rewritten.get_mut(at + before..at + before + size);
            place.ok_or(Error::Truncated)?.copy_from_slice(digits);
        }
    }
    Ok(rewritten)
}

/// The file with the bits of its pixels' bytes in the usual order.
pub(super) fn with_bits_reversed(bytes: &[u8], reader: &mut Reader) -> Result<Vec<u8>, Error> {
    let mut parts = parts(reader)?;
    parts.sort_unstable();
    let mut rewritten = bytes.to_vec();
    let mut end = 0;
    for (at, length) in parts {
        let part = at.checked_add(length).and_then(|end| rewritten.get_mut(at..end));
        let part = part.ok_or(Error::Truncated)?;
        if at < end {
            return Err(Error::damaged("parts of its pixels overlap"));
        }
        end = at + length;
        part.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
    }
    Ok(rewritten)
}

/// Where the strips or tiles are, and how long.
pub(super) fn parts(reader: &mut Reader) -> Result<Vec<(usize, usize)>, Error> {
    let mut numbers = |strips, tiles| -> Result<Vec<u64>, Error> {
        let found = reader.find_tag_unsigned_vec(strips).map_err(error)?;
        let found = if found.is_none() { reader.find_tag_unsigned_vec(tiles).map_err(error)? } else { found };
        Ok(found.unwrap_or_default())
    };
    let places = numbers(Tag::StripOffsets, Tag::TileOffsets)?;
    let lengths = numbers(Tag::StripByteCounts, Tag::TileByteCounts)?;
    let pairs = places.into_iter().zip(lengths);
    let pairs = pairs.map(|(at, length)| Some((usize::try_from(at).ok()?, usize::try_from(length).ok()?)));
    pairs.collect::<Option<_>>().ok_or(Error::Truncated)
}
