//! Temporary files that do not stay: not after an error, nor after a signal that the program
//! catches, and after one that it cannot catch until the next run into the same folder.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// What the names begin with.
const PREFIX: &str = ".unfinished-";

/// The files of this process.
static OPEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn open() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is being written, locked as long as somebody writes it.
pub(crate) struct Unfinished(NamedTempFile);

impl Unfinished {
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt; // what the umask leaves of it
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut open = open(); // a file that exists is known, whenever the signal comes
        loop {
            let file = builder.tempfile_in(folder)?;
            let _ = file.as_file().lock(); // a file system without locks removes nothing, either
            // Before it was locked somebody may have taken it for one that was left.
            if file.path().exists() {
                open.insert(file.path().to_owned());
                return Ok(Self(file));
            }
        }
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Gives the file its name.
    pub(crate) fn persist(self, path: &Path) -> io::Result<()> {
        let mut open = open();
        open.remove(self.0.path());
        Ok(self.0.persist(path).map(drop)?)
    }
}

/// Ends the process with `code` after a signal, and removes what it has not finished. Whoever is about to
/// finish a file waits for the end: it does not miss the file, and report that as an error of its own.
pub fn exit_without_unfinished(code: i32) -> ! {
    let open = open();
    for file in open.iter() {
        let _ = fs::remove_file(file);
    }
    std::process::exit(code) // `open` is still locked
}

/// Removes what processes have left that are no more. Nothing depends on it.
pub(crate) fn remove_left(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default();
        let is_left = || File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_left() {
            let _ = fs::remove_file(&path);
        }
    }
}
