//! One array: numpy's `.npy` format, of numbers and of strings.

use std::io::{Read, Write};

/// One array as numpy saves it, whatever the order of its bytes and elements there.
pub struct Npy {
    kind: Kind,
    /// Bytes of an element.
    size: usize,
    /// Its axes; none for a single number.
    pub shape: Vec<usize>,
    /// The elements, little endian and in C order; their number and size are those of the header.
    data: Vec<u8>,
}

/// What the elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
    /// Of characters with four bytes each.
    Unicode,
    Bytes,
}

impl Npy {
    /// Reads an array; an error says why it cannot be. Nothing larger is allocated than
    /// what `reader` really gives.
    pub(crate) fn read(mut reader: impl Read) -> Result<Self, String> {
        let Header { dtype, shape, fortran } = read_header(&mut reader)?;
        let (kind, size, big_endian) = element(&dtype)?;
        let bytes = shape
            .iter()
            .try_fold(size, |product, &n| product.checked_mul(n))
            .ok_or("has an impossible shape")?;
        let mut data = Vec::new();
        let io = |error: std::io::Error| format!("cannot be read: {error}");
        reader.by_ref().take(bytes as u64).read_to_end(&mut data).map_err(io)?;
        if data.len() < bytes {
            return Err(format!("is truncated: {} of {bytes} bytes are there", data.len()));
        }
        // The archive compares its checksum at the end.
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(io)?;
        let unit = if kind == Kind::Unicode { 4 } else { size };
        if big_endian && unit > 1 {
            data.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        if fortran && shape.len() > 1 && bytes > 0 {
            data = in_c_order(&data, &shape, size);
        }
        Ok(Self { kind, size, shape, data })
    }

    /// The elements as float32, of any type of numbers.
    pub fn floats(&self) -> Result<Vec<f32>, String> {
        match (self.kind, self.size) {
            (Kind::Float, 4) => Ok(self.elements(f32::from_le_bytes)),
            _ => Ok(self.doubles()?.into_iter().map(|number| number as f32).collect()),
        }
    }

    /// The elements as float64, of any type of numbers.
    pub fn doubles(&self) -> Result<Vec<f64>, String> {
        match (self.kind, self.size) {
            (Kind::Float, 2) => Ok(self.elements(|bytes| f64::from(half(bytes)))),
            (Kind::Float, 4) => Ok(self.elements(|bytes| f64::from(f32::from_le_bytes(bytes)))),
            (Kind::Float, 8) => Ok(self.elements(f64::from_le_bytes)),
            (Kind::Float, 16) => Ok(self.elements(extended)),
            _ => Ok(self.integers("numbers")?.into_iter().map(|number| number as f64).collect()),
        }
    }

    /// The elements as indices, of any type of whole numbers.
    pub fn indices(&self) -> Result<Vec<usize>, String> {
        let index = |value| usize::try_from(value).map_err(|_| format!("has {value}, expected an index"));
        self.integers("whole numbers")?.into_iter().map(index).collect()
    }

    /// The elements as strings: text of numpy's fixed widths, or whole numbers in decimal.
    pub fn strings(&self) -> Result<Vec<String>, String> {
        if !matches!(self.kind, Kind::Unicode | Kind::Bytes) {
            let numbers = self.integers("text or whole numbers")?;
            return Ok(numbers.iter().map(ToString::to_string).collect());
        }
        let count = self.shape.iter().product();
        if self.size == 0 {
            return Ok(vec![String::new(); count]);
        }
        let character = |&code: &[u8; 4]| char::from_u32(u32::from_le_bytes(code));
        let string = |bytes: &[u8]| match self.kind {
            Kind::Bytes => String::from_utf8(bytes.to_vec()).ok(),
            _ => bytes.as_chunks().0.iter().map(character).collect(),
        };
        (self.data.chunks_exact(self.size))
            .map(|bytes| {
                Ok(string(bytes).ok_or("has text that is not Unicode")?.trim_end_matches('\0').to_owned())
            })
            .collect()
    }

    /// The elements, if they are whole numbers; an error says what was `expected`.
    fn integers(&self, expected: &str) -> Result<Vec<i128>, String> {
        // Little endian, so that the last bit is the sign's.
        let number = |bytes: &[u8]| {
            let unsigned = bytes.iter().rev().fold(0, |number: i128, &byte| number << 8 | i128::from(byte));
            let half = 1 << (8 * self.size - 1);
            if self.kind == Kind::Signed && unsigned >= half { unsigned - 2 * half } else { unsigned }
        };
        match self.kind {
            Kind::Signed | Kind::Unsigned | Kind::Bool => {
                Ok(self.data.chunks_exact(self.size).map(number).collect())
            }
            other => Err(format!("is of type {other:?} ({} bytes), expected {expected}", self.size)),
        }
    }

    fn elements<const SIZE: usize, T>(&self, convert: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
        self.data.as_chunks().0.iter().map(|&bytes| convert(bytes)).collect()
    }
}

/// Kind and size of the elements of a type such as `<f4`, and whether their bytes are big endian.
fn element(dtype: &str) -> Result<(Kind, usize, bool), String> {
    let unknown = || format!("is of type {dtype}, expected numbers or text");
    let mut rest = dtype;
    let order = rest.chars().next().filter(|order| "<>=|".contains(*order));
    if order.is_some() {
        rest = &rest[1..];
    }
    let (kind, digits) = rest.split_at_checked(1).ok_or_else(unknown)?;
    let width: usize = if matches!(kind, "?" | "O") { 1 } else { digits.parse().map_err(|_| unknown())? };
    let (kind, size) = match (kind, width) {
        ("O", _) => return Err(PICKLED.to_owned()),
        ("f", 2 | 4 | 8 | 16) => (Kind::Float, width),
        ("i", 1 | 2 | 4 | 8) => (Kind::Signed, width),
        ("u", 1 | 2 | 4 | 8) => (Kind::Unsigned, width),
        ("b", 1) | ("?", _) => (Kind::Bool, 1),
        ("U", _) => (Kind::Unicode, width.checked_mul(4).ok_or_else(unknown)?),
        ("S" | "a", _) => (Kind::Bytes, width),
        _ => return Err(unknown()),
    };
    Ok((kind, size, order == Some('>') && kind != Kind::Bytes))
}

const PICKLED: &str = "is an array of Python objects, which only Python can read: save it with \
                       `np.array(labels, dtype=str)`";

/// Elements whose first axis varies fastest, as if the last one did.
fn in_c_order(data: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = size;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut ordered = Vec::with_capacity(data.len());
    let mut index = vec![0; shape.len()];
    while ordered.len() < data.len() {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        ordered.extend_from_slice(&data[at..at + size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}

/// Reads what comes before the elements.
pub(super) fn read_header(mut reader: impl Read) -> Result<Header, String> {
    let io = |error: std::io::Error| format!("cannot be read: {error}");
    let mut start = [0; 10];
    reader.read_exact(&mut start).map_err(io)?;
    let length = match start {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high] => u64::from(u16::from_le_bytes([low, high])),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, low, high] => {
            let mut rest = [0; 2];
            reader.read_exact(&mut rest).map_err(io)?;
            u64::from(u32::from_le_bytes([low, high, rest[0], rest[1]]))
        }
        _ => return Err("is not a numpy array".to_owned()),
    };
    let mut header = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut header).map_err(io)?;
    Header::parse(&String::from_utf8_lossy(&header))
}

/// What a header such as `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` says: Python's
/// notation of a dictionary, as all versions of numpy, and others, write it.
pub(super) struct Header {
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) fortran: bool,
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let place = ["'", "\""].iter().find_map(|quote| text.split_once(&format!("{quote}{key}{quote}")));
            let rest = place.and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
            rest.map(str::trim_start).ok_or(format!("has no `{key}` in its header"))
        };
        let descr = value("descr")?;
        let descr =
            descr.strip_prefix(['u', 'b']).filter(|rest| rest.starts_with(['\'', '"'])).unwrap_or(descr);
        let quote = descr.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
        let quote = quote.ok_or("is an array of records, expected numbers or text")?;
        let dtype = descr[1..].split(quote).next().unwrap_or_default().to_owned();
        let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let length = |n: &str| n.trim().trim_end_matches('L').parse().ok();
        let shape: Option<Vec<usize>> = shape
            .and_then(|(list, _)| list.split(',').filter(|n| !n.trim().is_empty()).map(length).collect());
        let fortran = match value("fortran_order")? {
            order if order.starts_with("True") => true,
            order if order.starts_with("False") => false,
            _ => return Err("has no `fortran_order` in its header".to_owned()),
        };
        Ok(Self { dtype, shape: shape.ok_or("has no shape in its header")?, fortran })
    }
}

/// Intel's 80-bit number, which numpy fills up to 16 bytes.
fn extended(bytes: [u8; 16]) -> f64 {
    let number = u128::from_le_bytes(bytes);
    let (fraction, exponent) = (number as u64, (number >> 64) as i32 & 0x7fff);
    let magnitude = match exponent {
        0x7fff if fraction << 1 == 0 => f64::INFINITY,
        0x7fff => f64::NAN,
        // In two steps: the first alone might leave the range.
        _ => {
            fraction as f64
                * 2f64.powi((exponent - 16383) / 2)
                * 2f64.powi(exponent - 16383 - (exponent - 16383) / 2 - 63)
        }
    };
    if number >> 79 & 1 == 0 { magnitude } else { -magnitude }
}

/// IEEE's 16-bit number.
fn half(bytes: [u8; 2]) -> f32 {
    let bits = u16::from_le_bytes(bytes);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

/// Writes the header of an array; its elements have to follow.
pub(crate) fn write_header(mut writer: impl Write, dtype: &str, shape: &[usize]) -> std::io::Result<()> {
    let shape: String = shape.iter().map(|n| format!("{n},")).collect();
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({shape}), }}");
    // The elements begin at a multiple of 64, after 10 bytes and a line feed.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    writer.write_all(b"\x93NUMPY\x01\x00")?;
    writer.write_all(&(length as u16).to_le_bytes())?;
    writeln!(writer, "{header:<width$}", width = length - 1)
}

/// Writes `strings` as numpy's fixed-width Unicode.
pub(crate) fn write_strings<'a>(
    mut writer: impl Write,
    strings: impl Iterator<Item = &'a str> + Clone,
) -> std::io::Result<()> {
    let width = strings.clone().map(|string| string.chars().count()).max().unwrap_or(0).max(1);
    write_header(&mut writer, &format!("<U{width}"), &[strings.clone().count()])?;
    for string in strings {
        let padding = std::iter::repeat('\0');
        for c in string.chars().chain(padding).take(width) {
            writer.write_all(&u32::from(c).to_le_bytes())?;
        }
    }
    Ok(())
}
