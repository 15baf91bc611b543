//! Windows' and OS/2's bitmaps, also without the header of a file (DIB). No crate reads all of them as Pillow does, which is what counts here;
//! this follows the rules of its `BmpImagePlugin`.

use image::RgbImage;

use crate::error::Error;
use crate::orientation::Orientation;
use crate::pixels::{check_size, picture};

/// Bytes of the file's own header.
const START: usize = 14;

pub(crate) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Error> {
    if !bytes.starts_with(b"BM") {
        // A header that does not say where the pixels begin: after the palette.
        return decode(&[&b"BM"[..], &[0; START - 2], bytes].concat());
    }
    let header = Header::read(bytes)?;
    check_size(header.width, header.height)?;
    let Header { width, height, bits, .. } = header;
    let (columns, rows) = (width as usize, height as usize);
    let data = bytes.get(header.data..).ok_or(Error::Truncated)?;
    let palette = Palette::read(bytes, &header);
    let pixels: Vec<[u8; 3]> = match header.compression {
        RUNS_OF_BYTES | RUNS_OF_HALVES => {
            let indices = unrolled(bytes, &header)?;
            indices.into_iter().map(|index| palette.colour(index)).collect()
        }
        _ => {
            let stride = (columns * usize::from(bits)).div_ceil(32) * 4;
            let used = (columns * usize::from(bits)).div_ceil(8);
            if data.len() < stride * (rows - 1) + used {
                return Err(Error::Truncated);
            }
            let colour = header.colour()?;
            let row = |y: usize| {
                let row = &data[y * stride..y * stride + used];
                (0..columns).map(|x| match bits {
                    1 | 4 | 8 => palette.colour(packed(row, x, bits)),
                    _ => colour(&row[x * usize::from(bits / 8)..]),
                })
            };
            (0..rows).flat_map(row).collect()
        }
    };
    // Most begin with the last row.
    let flip = |y: usize| if header.top_down { y } else { rows - 1 - y };
    let upright = (0..rows).flat_map(|y| pixels[flip(y) * columns..][..columns].iter().copied());
    Ok((picture(width, height, upright)?, Orientation::NoTransforms))
}

/// Values of `compression`.
const RUNS_OF_BYTES: u32 = 1;
const RUNS_OF_HALVES: u32 = 2;
const MASKS: u32 = 3;

/// Reads the colour that a pixel's bytes, and what follows them, begin with.
type Colour = fn(&[u8]) -> [u8; 3];

struct Header {
    width: u32,
    height: u32,
    top_down: bool,
    bits: u16,
    compression: u32,
    /// Of red, green, blue and alpha, if `compression` is of masks.
    masks: [u32; 4],
    /// Colours of the palette, and bytes of each.
    colours: usize,
    padding: usize,
    /// Where the palette and the pixels begin.
    palette: usize,
    data: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let word = |at: usize| Ok(u16::from_le_bytes(chunk(bytes, at)?));
        let long = |at: usize| Ok::<_, Error>(u32::from_le_bytes(chunk(bytes, at)?));
        let size = long(START)? as usize;
        let mut header = match size {
            12 => Self {
                width: u32::from(word(18)?),
                height: u32::from(word(20)?),
                top_down: false,
                bits: word(24)?,
                compression: 0,
                masks: [0; 4],
                colours: 0,
                padding: 3,
                palette: START + size,
                data: 0,
            },
            40 | 52 | 56 | 64 | 108 | 124 => {
                let (height, compression) = (long(22)?, long(30)?);
                let top_down = height >> 24 == 0xFF;
                let masks = match (compression, size) {
                    (MASKS, 40 | 52) => [long(54)?, long(58)?, long(62)?, 0],
                    (MASKS, _) => [long(54)?, long(58)?, long(62)?, long(66)?],
                    _ => [0; 4],
                };
                Self {
                    width: long(18)?,
                    height: if top_down { height.wrapping_neg() } else { height },
                    top_down,
                    bits: word(28)?,
                    compression,
                    masks,
                    colours: long(46)? as usize,
                    padding: 4,
                    palette: START + size + if (compression, size) == (MASKS, 40) { 12 } else { 0 },
                    data: 0,
                }
            }
            _ => return Err(Error::unread(format!("is a BMP with a header of {size} bytes"))),
        };
        match (header.bits, header.compression) {
            (1 | 4 | 8 | 16 | 24 | 32, 0) | (16 | 24 | 32, MASKS) => {}
            (1 | 4 | 8, RUNS_OF_BYTES | RUNS_OF_HALVES) => {}
            (bits, method) => {
                return Err(Error::unread(format!("is a BMP of {bits} bits, packed by {method}")));
            }
        }
        if header.colours == 0 {
            header.colours = 1 << header.bits.min(16);
        }
        let offset = long(10)? as usize;
        header.data = match offset {
            0 => header.palette + if header.bits <= 8 { header.padding * header.colours } else { 0 },
            // Some forget their palette.
            _ if offset == START + size && header.bits <= 8 => offset + header.padding * header.colours,
            _ => offset,
        };
        if header.bits <= 8 && header.colours > 256 {
            return Err(Error::damaged(format!(
                "its palette has {} colours, expected at most 256",
                header.colours
            )));
        }
        Ok(header)
    }

    /// How the colour of a pixel of more than 8 bits is read.
    fn colour(&self) -> Result<Colour, Error> {
        let five: Colour = |pixel| scaled(pixel, [(10, 31), (5, 31), (0, 31)]);
        let blue_first: Colour = |pixel| [pixel[2], pixel[1], pixel[0]];
        Ok(match (self.bits, self.compression, self.masks) {
            (1 | 4 | 8, ..) => blue_first, // of its palette
            (16, 0, _) | (16, _, [0x7C00, 0x3E0, 0x1F, _]) => five,
            (16, _, [0xF800, 0x7E0, 0x1F, _]) => |pixel| scaled(pixel, [(11, 31), (5, 63), (0, 31)]),
            (24 | 32, 0, _) | (24, _, [0xFF_0000, 0xFF00, 0xFF, _]) => blue_first,
            (32, _, [0xFF_0000, 0xFF00, 0xFF, 0 | 0xFF00_0000] | [0, 0, 0, 0]) => blue_first,
            (32, _, [0xFF00_0000, 0xFF_0000, 0xFF00, 0 | 0xFF]) => |pixel| [pixel[3], pixel[2], pixel[1]],
            (32, _, [0xFF00_0000, 0xFF00, 0xFF, 0 | 0xFF_0000]) => |pixel| [pixel[3], pixel[1], pixel[0]],
            (32, _, [0xFF, 0xFF00, 0xFF_0000, 0xFF00_0000]) => |pixel| [pixel[0], pixel[1], pixel[2]],
            (bits, _, masks) => {
                return Err(Error::unread(format!("is a BMP of {bits} bits with the masks {masks:X?}")));
            }
        })
    }
}

fn chunk<const SIZE: usize>(bytes: &[u8], at: usize) -> Result<[u8; SIZE], Error> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Error::Truncated)
}

/// Red, green and blue, each from a place of 16 bits, with its largest value.
fn scaled(pixel: &[u8], places: [(u32, u32); 3]) -> [u8; 3] {
    let value = u32::from(u16::from_le_bytes([pixel[0], pixel[1]]));
    places.map(|(shift, largest)| ((value >> shift & largest) * 255 / largest) as u8)
}

/// The number of pixel `x` in a row of several pixels a byte.
fn packed(row: &[u8], x: usize, bits: u16) -> u8 {
    let per_byte = 8 / usize::from(bits);
    let shift = 8 - usize::from(bits) * (x % per_byte + 1);
    row[x / per_byte] >> shift & (u8::MAX >> (8 - bits))
}

struct Palette<'a> {
    bytes: &'a [u8],
    padding: usize,
    /// Whether every colour is the grey of its number.
    grey: bool,
}

impl<'a> Palette<'a> {
    fn read(bytes: &'a [u8], header: &Header) -> Self {
        let Header { palette, padding, colours, .. } = *header;
        let end = bytes.len().min(palette + padding * colours);
        let bytes = bytes.get(palette..end).unwrap_or_default();
        let grey = bytes.chunks_exact(padding).zip(0..=255).all(|(colour, level)| colour[..3] == [level; 3]);
        Self { bytes, padding, grey }
    }

    /// Colours that it lacks are black, or, among greys, grey.
    fn colour(&self, index: u8) -> [u8; 3] {
        match self.bytes.chunks_exact(self.padding).nth(usize::from(index)) {
            Some(colour) => [colour[2], colour[1], colour[0]],
            None if self.grey => [index; 3],
            None => [0; 3],
        }
    }
}

/// The numbers of all pixels, of which runs, and rows that end early, are written short.
fn unrolled(bytes: &[u8], header: &Header) -> Result<Vec<u8>, Error> {
    let (width, height) = (header.width as usize, header.height as usize);
    let halves = header.compression == RUNS_OF_HALVES;
    let (mut indices, mut at, mut x) = (Vec::new(), header.data, 0);
    while indices.len() < width * height {
        let Ok([count, code]) = chunk::<2>(bytes, at) else { break };
        at += 2;
        match (count, code) {
            (0, 0) => {
                indices.resize(indices.len().next_multiple_of(width), 0);
                x = 0;
            }
            (0, 1) => break,
            (0, 2) => {
                let Ok([right, up]) = chunk::<2>(bytes, at) else { break };
                at += 2;
                indices.resize(indices.len() + usize::from(right) + usize::from(up) * width, 0);
                x = indices.len() % width;
            }
            (0, length) => {
                let count = usize::from(if halves { length / 2 } else { length });
                let literal = bytes.get(at..).unwrap_or_default();
                let literal = &literal[..literal.len().min(count)];
                at += count;
                if halves {
                    indices.extend(literal.iter().flat_map(|byte| [byte >> 4, byte & 15]));
                } else {
                    indices.extend(literal);
                }
                if literal.len() < count {
                    break;
                }
                x += usize::from(length);
                at = at.next_multiple_of(2);
            }
            (count, code) => {
                let count = usize::from(count).min(width.saturating_sub(x));
                let pair = if halves { [code >> 4, code & 15] } else { [code, code] };
                indices.extend((0..count).map(|k| pair[k % 2]));
                x += count;
            }
        }
    }
    indices.truncate(width * height);
    if indices.len() < width * height { Err(Error::Truncated) } else { Ok(indices) }
}
