//! Files that are whole or not there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Reason};
use crate::unfinished::{self, Unfinished};

/// Writes `path` through a temporary file beside it, which takes its place only when
/// `write` has succeeded. Creates the folder if it is missing.
///
/// A link is followed, and stays; a file that is there keeps its mode and, where that is allowed,
/// its owner, and a new one has what the umask leaves. What is no plain file, such as a pipe or a
/// device, is written to.
///
/// # Errors
/// [`Error`] names `path`, which is then as it was before.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> Result<(), Reason>) -> Result<(), Error> {
    let write = || match Place::of(path)? {
        Place::Device(device) => {
            let mut file = tempfile::tempfile()?;
            write(&mut file)?;
            file.rewind()?;
            let mut device = OpenOptions::new().write(true).open(device)?;
            io::copy(&mut file, &mut device)?;
            Ok(device.flush()?)
        }
        Place::File(file) => {
            let folder = folder_of(&file);
            fs::create_dir_all(folder)?;
            let mut unfinished = Unfinished::in_folder(folder)?;
            write(unfinished.file())?;
            keep_mode(&file, unfinished.file())?;
            Ok(unfinished.persist(&file)?)
        }
    };
    write().map_err(|reason: Reason| Error::new(path, reason))
}

/// Writes indented JSON, as [`write_whole`].
///
/// # Errors
/// [`Error`] names `path`, which is then as it was before.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    write_whole(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        Ok(file.write_all(b"\n")?)
    })
}

/// Tries whether [`write_whole`] could write `path`, before the work is done that it will hold. What
/// a killed process has left unfinished beside it is removed.
///
/// # Errors
/// [`Error`] names `path`, where nothing has changed but that its folder is there.
pub fn check_place(path: &Path) -> Result<(), Error> {
    let check = || match Place::of(path)? {
        Place::Device(_) => Ok(()), // opening a pipe would wait for its reader
        Place::File(file) => Ok(try_folder(folder_of(&file))?),
    };
    check().map_err(|reason: Reason| Error::new(path, reason))
}

/// As [`check_place`], for files that will be written into `folder`.
///
/// # Errors
/// [`Error`] names `folder`.
pub fn check_folder(folder: &Path) -> Result<(), Error> {
    try_folder(folder).map_err(|error| Error::new(folder, error))
}

/// As [`check_place`], in a folder that processes on other machines write to: since no lock tells which
/// of them live, nothing is removed.
///
/// # Errors
/// As [`check_place`].
pub fn check_shared_place(path: &Path) -> Result<(), Error> {
    let check = || match Place::of(path)? {
        Place::Device(_) => {
            Err("is no plain file, expected the name of one, beside which shards write".into())
        }
        Place::File(file) => {
            let folder = folder_of(&file);
            fs::create_dir_all(folder)?;
            Ok(try_writing(folder)?)
        }
    };
    check().map_err(|reason: Reason| Error::new(path, reason))
}

/// As [`check_folder`], of a folder that processes on other machines write to: since no lock tells
/// which of them live, nothing is removed.
///
/// # Errors
/// [`Error`] names `folder`.
pub fn check_shared_folder(folder: &Path) -> Result<(), Error> {
    let check = fs::create_dir_all(folder).and_then(|()| try_writing(folder));
    check.map_err(|error| Error::new(folder, error))
}

/// Keeps other processes out of `folder`, which is created, as long as the lock lives. File systems
/// without locks keep nobody out.
///
/// # Errors
/// [`Error`] names `folder`, if another process has locked it.
pub fn lock_folder(folder: &Path) -> Result<File, Error> {
    let open = || {
        fs::create_dir_all(folder)?;
        File::open(folder)
    };
    let lock = open().map_err(|error| Error::new(folder, error))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::new(folder, "another process is writing here")),
        _ => Ok(lock),
    }
}

fn try_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    unfinished::remove_left(folder);
    try_writing(folder)
}

fn try_writing(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(b"?")
}

/// What a path leads to.
enum Place {
    /// A plain file, there or not.
    File(PathBuf),
    /// A pipe, a device, or another thing that stays what it is.
    Device(PathBuf),
}

impl Place {
    fn of(path: &Path) -> Result<Self, Reason> {
        if path.file_name().is_none() {
            return Err("is not the name of a file".into());
        }
        let file = follow(path)?;
        match fs::metadata(&file) {
            Ok(metadata) if metadata.is_dir() => Err("is a folder, expected the name of a file".into()),
            Ok(metadata) if metadata.is_file() => {
                // Replacing it would get round its protection.
                OpenOptions::new().write(true).open(&file)?;
                Ok(Self::File(file))
            }
            Ok(_) => Ok(Self::Device(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(file)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where links lead, be something there or not.
fn follow(path: &Path) -> Result<PathBuf, Reason> {
    /// As many as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            // Those of /proc name what has no path, such as a pipe.
            Ok(target) if folder_of(&path).join(&target).exists() || !path.exists() => {
                path = folder_of(&path).join(target);
            }
            _ => return Ok(path),
        }
    }
    Err("is a link to itself".into())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives `new` the mode and the owner of the file that it will replace, if there is one.
fn keep_mode(old: &Path, new: &File) -> io::Result<()> {
    let Ok(metadata) = fs::metadata(old) else { return Ok(()) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let _ = fchown(new, Some(metadata.uid()), Some(metadata.gid()));
    }
    new.set_permissions(metadata.permissions())
}
