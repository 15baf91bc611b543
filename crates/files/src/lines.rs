//! Files with a value of JSON in each line.

use std::io::Write;
use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;
use crate::whole::write_whole;

/// The values of a file of JSON lines, in order.
///
/// # Errors
/// [`Error`] names the file if it cannot be read, and the line that holds something else.
pub fn read_json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::new(path, error))?;
    let read = |(k, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| Error::new(path, format!("line {}: {error}", k + 1)))
    };
    text.lines().enumerate().map(read).collect()
}

/// Writes a line of JSON for each value, as [`write_whole`].
///
/// # Errors
/// [`Error`] names `path`, which is then as it was before.
pub fn write_json_lines<T: Serialize>(path: &Path, values: &[T]) -> Result<(), Error> {
    write_whole(path, |file| {
        for value in values {
            serde_json::to_writer(&mut *file, value)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_a_damaged_one_is_named() {
        let path = tempfile::tempdir().unwrap().path().join("values.jsonl");
        write_json_lines(&path, &[1, 2]).unwrap();
        assert_eq!(read_json_lines::<u8>(&path).unwrap(), [1, 2]);
        std::fs::write(&path, "1\n300\n").unwrap();
        let error = read_json_lines::<u8>(&path).unwrap_err().to_string();
        assert!(error.contains("values.jsonl: line 2: ") && error.contains("300"), "{error}");
    }
}
