//! Files that are whole or not there, and stamps that say what they were made from.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Writes `content` to a temporary file in the same folder and renames it over `path`.
///
/// # Errors
/// If the folder cannot be made or written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace(path, |temporary| fs::write(temporary, content))
}

/// Copies a file, its permissions included, so that `to` is never seen half-written.
///
/// # Errors
/// If `from` cannot be read or the folder of `to` cannot be written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    replace(to, |temporary| fs::copy(from, temporary).map(drop))
}

fn replace(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let name = path.file_name().context("a file has a name")?.to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let made = fs::create_dir_all(folder)
        .and_then(|()| make(&temporary))
        .and_then(|()| fs::rename(&temporary, path));
    if made.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    made.with_context(|| format!("cannot write {}", path.display()))
}

/// Removes a folder or a file, and is content if there is none.
///
/// # Errors
/// If it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    let removed =
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// All files below `folder`, also by links, sorted by path. A folder that is not there has none.
///
/// # Errors
/// If a folder cannot be read.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// What a thing was made from, as text that is compared and kept in a file beside it.
///
/// A thing is made first and stamped last, so an interruption leaves it without a stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(String);

impl Stamp {
    /// The stamp of a thing that was made from `parts`.
    pub fn of<T: Hash>(parts: T) -> Self {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        Self(format!("{:016x}\n", hasher.finish()))
    }

    /// Whether `path` holds this stamp.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        fs::read_to_string(path).is_ok_and(|found| found == self.0)
    }

    /// What tells it from others, as part of a file's name.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.trim_end()
    }

    /// Puts the stamp to `path`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, path: &Path) -> Result<()> {
        write(path, &self.0)
    }
}
