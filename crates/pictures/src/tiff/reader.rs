//! What reads tags, and then pixels.

use std::io::Cursor;

use ::tiff::{
    TiffError,
    decoder::{Decoder, Limits},
    tags::Tag,
};

use crate::error::{Error, MAX_PIXELS};

/// A file, of which its tags and then its pixels are read.
pub(super) type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

pub(super) fn open(bytes: &[u8]) -> Result<Reader<'_>, Error> {
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(error)?;
    let mut limits = Limits::default(); // of tags, too, whose claims are else believed
    limits.decoding_buffer_size = 8 * MAX_PIXELS as usize;
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    Ok(decoder.with_limits(limits))
}

/// The values of a tag, none if it is not there.
pub(super) fn numbers(reader: &mut Reader, tag: Tag) -> Vec<u16> {
    reader.find_tag_unsigned_vec(tag).ok().flatten().unwrap_or_default()
}

pub(super) fn error(error: TiffError) -> Error {
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Error::Truncated,
        TiffError::UnsupportedError(error) => Error::unread(format!("is a TIFF of a rare kind ({error})")),
        other => Error::damaged(other),
    }
}
