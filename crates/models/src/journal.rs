//! The finished batches of a run that is not finished, in a file beside its output.
//!
//! A record is the JSON that identifies a batch, its embeddings, and a checksum. What is
//! found whole when the file is opened counts as finished; a torn end is cut off.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::error::{Error, Result};

/// An open journal, locked against other runs.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    finished: HashMap<String, Vec<f32>>,
}

/// No identification of a batch is this long.
const MAX_KEY: u32 = 1 << 28;

impl Journal {
    /// Opens the journal at `path`, or begins one. `header` says what all its batches
    /// have in common.
    ///
    /// # Errors
    /// If it was begun with another header, or another run has it open.
    pub(crate) fn open(path: PathBuf, header: &Value) -> Result<Self> {
        let io = |error: std::io::Error| Error::file(&path, error);
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::file(&path, "is in the way: the finished batches go there"));
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::file(&path, "another run is writing to it"));
            }
            Err(TryLockError::Error(_)) => {} // a file system without locks
        }
        let mut finished = HashMap::new();
        let mut end = 0;
        let mut begun = false;
        while let Some((key, values, length)) = read_record(&mut file).map_err(io)? {
            if begun {
                finished.insert(key, values);
            } else {
                check_header(&path, &key, header)?;
                begun = true;
            }
            end += length;
        }
        if !begun {
            refuse_foreign(&path, &mut file, header)?;
        }
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::Start(end)).map_err(io)?;
        let mut journal = Self { path, file, finished };
        if !begun {
            journal.write_record(&header.to_string(), &[])?;
        }
        Ok(journal)
    }

    /// What the journal at `path` was begun with, and its finished batches. Its run is over: nothing is
    /// written.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub(crate) fn read(path: &Path) -> Result<(Value, HashMap<String, Vec<f32>>)> {
        let io = |error: std::io::Error| Error::file(path, error);
        let mut file = File::open(path).map_err(io)?;
        let none = || Error::file(path, "does not hold the finished batches of a shard");
        let (header, _, _) = read_record(&mut file).map_err(io)?.ok_or_else(none)?;
        let header = serde_json::from_str(&header).map_err(|_| none())?;
        let mut finished = HashMap::new();
        while let Some((key, values, _)) = read_record(&mut file).map_err(io)? {
            finished.insert(key, values);
        }
        Ok((header, finished))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the `count` numbers of the batch that `key` identifies, if they are there.
    pub(crate) fn take(&mut self, key: &Value, count: usize) -> Option<Vec<f32>> {
        self.finished.remove(&key.to_string()).filter(|values| values.len() == count)
    }

    /// Adds a finished batch.
    pub(crate) fn append(&mut self, key: &Value, values: &[f32]) -> Result<()> {
        self.write_record(&key.to_string(), values)
    }

    /// Deletes the journal: its run is complete.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|error| Error::file(&self.path, error))
    }

    fn write_record(&mut self, key: &str, values: &[f32]) -> Result<()> {
        self.file.write_all(&record(key, values)).map_err(|error| Error::file(&self.path, error))
    }
}

fn record(key: &str, values: &[f32]) -> Vec<u8> {
    let mut record = Vec::with_capacity(12 + key.len() + 4 * values.len());
    record.extend((key.len() as u32).to_le_bytes());
    record.extend((values.len() as u32).to_le_bytes());
    record.extend(key.as_bytes());
    record.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    record.extend(crc32fast::hash(&record).to_le_bytes());
    record
}

/// A file that no record begins is empty, or torn within its first one, or somebody else's.
fn refuse_foreign(path: &Path, file: &mut File, header: &Value) -> Result<()> {
    let first = record(&header.to_string(), &[]);
    let mut found = Vec::new();
    let limit = first.len() as u64 + 1;
    let mut read = || {
        file.seek(SeekFrom::Start(0))?;
        file.take(limit).read_to_end(&mut found)
    };
    read().map_err(|error| Error::file(path, error))?;
    if first.starts_with(&found) {
        return Ok(());
    }
    Err(Error::file(
        path,
        "does not hold the finished batches of a run: move it away, or write to another place",
    ))
}

/// The next record and its length in bytes; none if the file ends or is torn here.
fn read_record(file: &mut File) -> std::io::Result<Option<(String, Vec<f32>, u64)>> {
    let mut record = Vec::new();
    file.take(8).read_to_end(&mut record)?;
    let Some((key, count)) = record
        .first_chunk::<8>()
        .map(|lengths| u64::from_le_bytes(*lengths))
        .map(|lengths| (lengths as u32, lengths >> 32))
    else {
        return Ok(None);
    };
    if key > MAX_KEY {
        return Ok(None);
    }
    let length = 8 + u64::from(key) + 4 * count + 4;
    file.take(length - 8).read_to_end(&mut record)?;
    if record.len() as u64 != length {
        return Ok(None);
    }
    let (content, checksum) = record.split_at(record.len() - 4);
    if crc32fast::hash(content).to_le_bytes() != checksum {
        return Ok(None);
    }
    let (key, values) = content[8..].split_at(key as usize);
    let values = values.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(String::from_utf8(key.to_vec()).ok().map(|key| (key, values, length)))
}

fn check_header(path: &Path, found: &str, expected: &Value) -> Result<()> {
    let found: Value = serde_json::from_str(found).unwrap_or_default();
    if found == *expected {
        return Ok(());
    }
    let differs = |(key, value): (&String, &Value)| {
        let was = &found[key.as_str()];
        (was != value).then(|| format!("its `{key}` was {was}, now {value}"))
    };
    let reason = expected.as_object().and_then(|keys| keys.iter().find_map(differs));
    let reason = reason.unwrap_or_else(|| "its description is another".to_owned());
    Err(Error::Resume { file: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finished_batches_survive_a_torn_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npz.partial");
        let header = json!({"dtype": "f32", "batch": 2});
        let mut journal = Journal::open(path.clone(), &header).unwrap();
        assert!(Journal::open(path.clone(), &header).unwrap_err().to_string().contains("another run"));
        journal.append(&json!(["a", "b"]), &[1.0, 2.0]).unwrap();
        let whole = fs::metadata(&path).unwrap().len();
        journal.append(&json!(["c"]), &[3.0]).unwrap();
        drop(journal);
        let length = fs::metadata(&path).unwrap().len();
        for torn in whole..length {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(torn).unwrap();
            let mut journal = Journal::open(path.clone(), &header).unwrap();
            assert_eq!(journal.take(&json!(["a", "b"]), 2), Some(vec![1.0, 2.0]));
            assert_eq!(journal.take(&json!(["c"]), 1), None);
            journal.append(&json!(["c"]), &[3.0]).unwrap();
        }
        let mut journal = Journal::open(path, &header).unwrap();
        assert_eq!(journal.take(&json!(["c"]), 1), Some(vec![3.0]));
    }

    #[test]
    fn what_is_no_journal_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npz.partial");
        let header = json!({"dtype": "f32", "batch": 2});
        for foreign in [&b"somebody's half of a download"[..], b"x", &[0; 100]] {
            fs::write(&path, foreign).unwrap();
            let error = Journal::open(path.clone(), &header).unwrap_err().to_string();
            assert!(error.contains("move it away"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), foreign);
        }
        // A first record that a crash has torn is one's own.
        let first = record(&header.to_string(), &[]);
        for length in 0..=first.len() {
            fs::write(&path, &first[..length]).unwrap();
            Journal::open(path.clone(), &header).unwrap();
            assert_eq!(fs::read(&path).unwrap(), first);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Journal::open(path, &header).unwrap_err().to_string().contains("in the way"));
    }

    #[test]
    fn another_run_is_refused_by_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npz.partial");
        Journal::open(path.clone(), &json!({"dtype": "f32", "batch": 2})).unwrap();
        let error =
            Journal::open(path.clone(), &json!({"dtype": "f32", "batch": 4})).unwrap_err().to_string();
        assert!(error.contains("`batch` was 2, now 4"), "{error}");
        assert_eq!(read_record(&mut File::open(path).unwrap()).unwrap().unwrap().1, Vec::<f32>::new());
    }
}
