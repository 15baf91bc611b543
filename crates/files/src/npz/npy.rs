//! One array: numpy's `.npy` format, of numbers and of strings.

use std::io::{Read, Write};

/// One array as numpy saves it: a header, and the elements in C order.
pub struct Npy {
    /// Such as `<f4`.
    dtype: String,
    /// Its axes; none for a single number.
    pub shape: Vec<usize>,
    /// The elements; their number and size are those of the header.
    data: Vec<u8>,
}

impl Npy {
    /// Reads an array; an error says why it cannot be. Nothing larger is allocated than
    /// what `reader` really gives.
    pub(crate) fn read(mut reader: impl Read) -> Result<Self, String> {
        let io = |error: std::io::Error| format!("cannot be read: {error}");
        let mut start = [0; 10];
        reader.read_exact(&mut start).map_err(io)?;
        let length = match start {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high] => {
                u64::from(u16::from_le_bytes([low, high]))
            }
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, low, high] => {
                let mut rest = [0; 2];
                reader.read_exact(&mut rest).map_err(io)?;
                u64::from(u32::from_le_bytes([low, high, rest[0], rest[1]]))
            }
            _ => return Err("is not a numpy array".to_owned()),
        };
        let mut header = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut header).map_err(io)?;
        let (dtype, shape) = parse_header(&String::from_utf8_lossy(&header))?;
        let size = element_size(&dtype)?;
        let bytes = shape
            .iter()
            .try_fold(size, |product, &n| product.checked_mul(n))
            .ok_or("has an impossible shape")?;
        let mut data = Vec::new();
        reader.take(bytes as u64).read_to_end(&mut data).map_err(io)?;
        if data.len() < bytes {
            return Err(format!("is truncated: {} of {bytes} bytes are there", data.len()));
        }
        Ok(Self { dtype, shape, data })
    }

    /// The elements as float32, of any floating-point type.
    pub fn floats(&self) -> Result<Vec<f32>, String> {
        match self.dtype.as_str() {
            "<f4" => Ok(self.elements(f32::from_le_bytes)),
            "<f8" => Ok(self.elements(|bytes| f64::from_le_bytes(bytes) as f32)),
            "<f2" => Ok(self.elements(half)),
            other => Err(format!("is of type {other}, expected float32")),
        }
    }

    /// The elements as float64.
    pub fn doubles(&self) -> Result<Vec<f64>, String> {
        match self.dtype.as_str() {
            "<f8" => Ok(self.elements(f64::from_le_bytes)),
            other => Err(format!("is of type {other}, expected float64")),
        }
    }

    /// The elements as indices, of any integer type.
    pub fn indices(&self) -> Result<Vec<usize>, String> {
        let index =
            |value: i64| usize::try_from(value).map_err(|_| format!("has {value}, expected an index"));
        match self.dtype.as_str() {
            "<i8" | "<u8" => self.elements(i64::from_le_bytes).into_iter().map(index).collect(),
            "<i4" => {
                self.elements(|bytes| i64::from(i32::from_le_bytes(bytes))).into_iter().map(index).collect()
            }
            "<u4" => {
                self.elements(|bytes| i64::from(u32::from_le_bytes(bytes))).into_iter().map(index).collect()
            }
            other => Err(format!("is of type {other}, expected int64")),
        }
    }

    /// The elements as strings, of numpy's fixed-width Unicode or byte type.
    pub fn strings(&self) -> Result<Vec<String>, String> {
        let count = self.shape.iter().product();
        let width = self.data.len().checked_div(count).unwrap_or(0);
        if width == 0 {
            return Ok(vec![String::new(); count]);
        }
        let string = |bytes: &[u8]| match self.dtype.as_bytes()[1] {
            b'S' => String::from_utf8(bytes.to_vec()).ok(),
            _ => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&code| char::from_u32(u32::from_le_bytes(code)))
                .collect(),
        };
        (self.data.chunks_exact(width))
            .map(|bytes| {
                Ok(string(bytes).ok_or("has text that is not Unicode")?.trim_end_matches('\0').to_owned())
            })
            .collect()
    }

    fn elements<const SIZE: usize, T>(&self, convert: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
        self.data.as_chunks().0.iter().map(|&bytes| convert(bytes)).collect()
    }
}

/// Bytes of an element of the types that are read.
fn element_size(dtype: &str) -> Result<usize, String> {
    let unknown = || format!("is of type {dtype}, expected numbers or strings in little-endian order");
    let (kind, digits) = dtype.split_at_checked(2).ok_or_else(unknown)?;
    let width: usize = digits.parse().map_err(|_| unknown())?;
    match kind {
        "<U" => width.checked_mul(4).ok_or_else(unknown),
        "|S" | "<f" | "<i" | "<u" => Ok(width),
        _ => Err(unknown()),
    }
}

/// Type and shape of a header such as
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
fn parse_header(header: &str) -> Result<(String, Vec<usize>), String> {
    let value = |key: &str| {
        let (_, rest) =
            header.split_once(&format!("'{key}':")).ok_or(format!("has no `{key}` in its header"))?;
        Ok::<&str, String>(rest.trim_start())
    };
    let dtype = value("descr")?.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
    let dtype = dtype.ok_or("is an array of records, expected numbers or strings")?;
    if dtype.starts_with("|O") {
        return Err("is an array of Python objects, which only Python can read: save it with \
                    `np.array(labels, dtype=str)`"
            .to_owned());
    }
    let shape = value("shape")?.strip_prefix('(').and_then(|rest| rest.split(')').next());
    let shape: Option<Vec<usize>> = shape
        .map(|list| list.split(',').map(str::trim).filter(|n| !n.is_empty()))
        .and_then(|numbers| numbers.map(|n| n.parse().ok()).collect());
    let shape = shape.ok_or("has no shape in its header")?;
    if value("fortran_order")?.starts_with("True") && shape.len() > 1 {
        return Err("is in Fortran order: save it with `np.ascontiguousarray(array)`".to_owned());
    }
    Ok((dtype.to_owned(), shape))
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
