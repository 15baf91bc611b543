//! The final numbers of runs whose vectors are not kept, as lines of JSON.
//!
//! Each process appends to a file of its own: nobody waits for a lock, which file systems of clusters
//! often do not have, and what a killed process has written stays good, but for a last line without
//! its end. A run is there once one of the files has its line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::Summary;

/// The first line of a file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Heading {
    /// What the runs are numbered by: a hash of plan and numerics.
    sweep: String,
}

/// Every other line: the number of a run, and what came of it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    run: usize,
    #[serde(flatten)]
    end: End,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum End {
    /// With these numbers.
    Summary(Summary),
    /// Its loss diverged, as it would again.
    Failed(String),
}

/// Where the lines of a sweep are, in eight bytes a run.
pub(super) struct Summaries {
    files: Vec<PathBuf>,
    /// File and place of each run's line, as [`Place`] packs them.
    places: Vec<Place>,
    /// The file that was read last.
    open: Mutex<Option<(usize, File)>>,
}

/// A file's number in 16 bits, and a place in it in 48; 0 if there is no line.
#[derive(Clone, Copy, PartialEq)]
struct Place(u64);

impl Place {
    const NONE: Self = Self(0);
    const MAX_FILES: usize = 1 << 16;

    /// Every line comes after a heading, so `at` is not 0.
    fn new(file: usize, at: u64) -> Self {
        Self((file as u64) << 48 | at)
    }

    fn file(self) -> usize {
        (self.0 >> 48) as usize
    }

    fn at(self) -> u64 {
        self.0 & ((1 << 48) - 1)
    }
}

impl Summaries {
    /// What `folder` has of the sweep with this hash and so many runs; a line that is not whole is not
    /// there.
    ///
    /// # Errors
    /// [`crate::Error::File`] if the folder or a file cannot be read, or the files are too many.
    pub(super) fn read(folder: &Path, sweep: &str, runs: usize) -> Result<Self> {
        let named = |error: std::io::Error| files::Error::new(folder, error);
        let mut files = Vec::new();
        match fs::read_dir(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            entries => {
                for entry in entries.map_err(named)? {
                    files.push(entry.map_err(named)?.path());
                }
            }
        }
        files.retain(|path| path.extension().is_some_and(|end| end == EXTENSION));
        files.sort();
        if files.len() > Place::MAX_FILES {
            let reason = format!(
                "has {} files of summaries, expected at most {}: put their lines after one heading into one file",
                files.len(),
                Place::MAX_FILES
            );
            return Err(files::Error::new(folder, reason).into());
        }
        let mut places = Vec::new();
        for (number, file) in files.iter().enumerate() {
            for_each_line(file, sweep, &mut |run, end, at| {
                if run < runs {
                    places.resize(runs, Place::NONE);
                    // Another machine may have trained what failed on one, whichever file is read first.
                    if matches!(end, End::Summary(_)) || places[run] == Place::NONE {
                        places[run] = Place::new(number, at);
                    }
                }
            })
            .map_err(|error| files::Error::new(file.as_path(), error))?;
        }
        Ok(Self { files, places, open: Mutex::new(None) })
    }

    /// How run `number` ended, if it is there.
    pub(super) fn get(&self, number: usize) -> Option<End> {
        let place = *self.places.get(number).filter(|&&place| place != Place::NONE)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *open {
            Some((file, reader)) if *file == place.file() => reader,
            open => &mut open.insert((place.file(), File::open(&self.files[place.file()]).ok()?)).1,
        };
        file.seek(SeekFrom::Start(place.at())).ok()?;
        let mut line = Vec::new();
        BufReader::with_capacity(1024, file.take(MAX_LINE)).read_until(b'\n', &mut line).ok()?;
        let line: Line = serde_json::from_slice(&line).ok()?;
        (line.run == number).then_some(line.end)
    }
}

const EXTENSION: &str = "jsonl";
/// A line has some 250 bytes; what is longer is none.
const MAX_LINE: u64 = 1 << 16;

/// The number of each whole line of a file with this heading, and where the line begins.
fn for_each_line(path: &Path, sweep: &str, found: &mut dyn FnMut(usize, &End, u64)) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut next = || {
        let mut line = Vec::new();
        let length = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        Ok::<_, std::io::Error>(line.ends_with(b"\n").then_some((line, length as u64)))
    };
    let Some((heading, mut at)) = next()? else { return Ok(()) };
    if serde_json::from_slice::<Heading>(&heading).is_ok_and(|heading| heading.sweep == sweep) {
        while let Some((line, length)) = next()? {
            if let Ok(Line { run, end }) = serde_json::from_slice(&line) {
                found(run, &end, at);
            }
            at += length;
        }
    }
    Ok(())
}

/// The file of this process, made when its first run is finished.
pub(super) struct Appending {
    folder: PathBuf,
    /// What the file's name begins with.
    name: String,
    sweep: String,
    file: Mutex<Option<(PathBuf, File)>>,
}

impl Appending {
    pub(super) fn new(folder: PathBuf, name: String, sweep: String) -> Self {
        Self { folder, name, sweep, file: Mutex::new(None) }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`crate::Error::File`] if it cannot be written. What was written of it has then no end, so that
    /// the next one begins a new file.
    pub(super) fn save(&self, run: usize, end: End) -> Result<()> {
        let mut place = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() {
            *place = Some(self.create()?);
        }
        let (path, file) = place.as_mut().expect("it has just been made");
        let written = write_line(file, &Line { run, end });
        let error = written.err().map(|error| files::Error::new(path.as_path(), error));
        match error {
            None => Ok(()),
            Some(error) => {
                *place = None;
                Err(error.into())
            }
        }
    }

    /// A new file under the first name that nobody has.
    fn create(&self) -> Result<(PathBuf, File)> {
        let mut number = 0;
        loop {
            let path = self.folder.join(format!("{}.{number}.{EXTENSION}", self.name));
            match File::create_new(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                created => {
                    let heading = Heading { sweep: self.sweep.clone() };
                    let written = created.and_then(|mut file| {
                        write_line(&mut file, &heading)?;
                        Ok(file)
                    });
                    let file = written.map_err(|error| files::Error::new(path.as_path(), error))?;
                    return Ok((path, file));
                }
            }
        }
    }
}

/// In one call, so that two processes with one file would not mix their lines, either.
fn write_line(file: &mut File, line: &impl Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(loss: f64) -> End {
        let (temperature, bias, relative_bias, margin) = (1.0 / 3.0, 2e-300, 0.1 + 0.2, -0.0);
        let (optimal_relative_bias, delta, engine, seconds) = (5.0, None, "fused", 0.25);
        End::Summary(Summary {
            loss,
            temperature,
            bias,
            relative_bias,
            margin,
            optimal_relative_bias,
            delta,
            engine,
            seconds,
            best_margin: None,
        })
    }

    #[test]
    fn lines_come_back_to_the_bit_and_a_torn_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let append =
            |sweep: &str| Appending::new(folder.path().to_owned(), "0-of-2".to_owned(), sweep.to_owned());
        let first = append("a");
        for run in [4, 0, 2] {
            first.save(run, end(run as f64 / 7.0)).unwrap();
        }
        append("a").save(6, End::Failed("NaN".to_owned())).unwrap(); // another process
        append("b").save(8, end(8.0)).unwrap(); // another sweep
        let read = || Summaries::read(folder.path(), "a", 10).unwrap();
        let is_there = |read: &Summaries| (0..10).filter(|&run| read.get(run).is_some()).collect::<Vec<_>>();
        assert_eq!(is_there(&read()), [0, 2, 4, 6]);
        assert_eq!(read().get(2), Some(end(2.0 / 7.0)));
        assert_eq!((read().get(6), read().get(8)), (Some(End::Failed("NaN".to_owned())), None));

        let path = folder.path().join("0-of-2.0.jsonl");
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let read = read();
            let lines = whole[..length].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(is_there(&read).len(), 1 + lines.saturating_sub(1));
            assert!(is_there(&read).iter().all(|&run| read.get(run).is_some()));
        }
    }

    #[test]
    fn a_run_that_failed_somewhere_and_succeeded_elsewhere_has_succeeded() {
        for names in [["0-of-1", "0-of-4"], ["0-of-4", "0-of-1"]] {
            let folder = tempfile::tempdir().unwrap();
            for (name, end) in names.into_iter().zip([end(1.0), End::Failed("NaN".to_owned())]) {
                let append = Appending::new(folder.path().to_owned(), name.to_owned(), "a".to_owned());
                append.save(3, end).unwrap();
            }
            assert_eq!(Summaries::read(folder.path(), "a", 10).unwrap().get(3), Some(end(1.0)));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_runs() {
        let read = Summaries::read(Path::new("/nowhere/at/all"), "a", 10).unwrap();
        assert!(read.get(3).is_none());
    }
}
