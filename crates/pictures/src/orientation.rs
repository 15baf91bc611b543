//! Which way up a picture is, wherever Pillow's `Image.getexif` finds it.

pub(crate) use image::metadata::Orientation;

/// `Orientation` of the Exif standard.
const TAG: u64 = 0x0112;

/// From Exif data, or else from XMP; upright if neither says. Exif data that are none hide XMP.
pub(crate) fn find(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    let exif = exif.map(without_prefix).filter(|exif| !exif.is_empty());
    let number = match exif.map(|exif| (exif, is_big_endian(exif))) {
        Some((_, None)) => None,
        Some((exif, Some(big_endian))) => in_exif(exif, big_endian).or_else(|| xmp.and_then(in_xmp)),
        None => xmp.and_then(in_xmp),
    };
    number.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

fn without_prefix(mut exif: &[u8]) -> &[u8] {
    while let Some(rest) = exif.strip_prefix(b"Exif\0\0") {
        exif = rest;
    }
    exif
}

fn is_big_endian(exif: &[u8]) -> Option<bool> {
    match exif.get(..4)? {
        [b'M', b'M', 0, 42] | [b'M', b'M', 42, 0] => Some(true),
        [b'I', b'I', 42, 0] | [b'I', b'I', 0, 42] => Some(false),
        _ => None,
    }
}

/// The number in Exif's first directory, which has the form of a TIFF's.
fn in_exif(exif: &[u8], big_endian: bool) -> Option<u8> {
    let read = |from: usize, length: usize| {
        let bytes = exif.get(from..from.checked_add(length)?)?;
        let append = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if big_endian { bytes.iter().fold(0, append) } else { bytes.iter().rev().fold(0, append) })
    };
    let directory = read(4, 4)? as usize;
    let entries = 0..read(directory, 2)? as usize;
    let last = entries
        .map_while(|k| Some(directory + 2 + 12 * k).filter(|entry| entry + 12 <= exif.len()))
        .filter(|&entry| read(entry, 2) == Some(TAG))
        .last()?;
    // The first of the values, which lie elsewhere if they are longer than four bytes.
    let width = match read(last + 2, 2)? {
        6 => 1,
        3 | 8 => 2,
        4 | 9 | 13 => 4,
        _ => return None, // text, bytes and fractions are no number to Pillow
    };
    let value = match read(last + 4, 4)? {
        0 => return None,
        count if count * width <= 4 => last + 8,
        _ => read(last + 8, 4)? as usize,
    };
    u8::try_from(read(value, width as usize)?).ok()
}

/// The number in XMP, as the attribute or the element `tiff:Orientation`.
fn in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(k, _)| {
        match &xmp[k + NAME.len()..] {
            [b'=', b'"', digit @ b'0'..=b'9', ..] | [b'>', digit @ b'0'..=b'9', ..] => Some(digit - b'0'),
            _ => None,
        }
    })
}
