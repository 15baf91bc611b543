//! JSON files from outside.

use std::{fs::File, io::Read, path::Path};

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// No configuration file is this long; tokenizers have their own reader.
const MAX_BYTES: u64 = 16 << 20;

/// Reads `file`, an object, naming it and the key in an error.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = read_limited(file, MAX_BYTES)?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    if !text.trim_ascii_start().starts_with(b"{") {
        // serde would take an array for an object without keys.
        return Err(Error::file(file, "is not a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        Error::config(file, error.path().to_string(), format!("cannot be used: {}", error.inner()))
    })?;
    deserializer.end().map_err(|error| Error::file(file, error))?;
    Ok(value)
}

/// Reads a whole file that must not be longer than `limit` bytes.
pub(crate) fn read_limited(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| File::open(file)?.take(limit + 1).read_to_end(bytes);
    read(&mut bytes).map_err(|error| Error::file(file, error))?;
    if bytes.len() as u64 > limit {
        return Err(Error::file(file, format!("longer than the {limit} bytes that such a file may have")));
    }
    Ok(bytes)
}
