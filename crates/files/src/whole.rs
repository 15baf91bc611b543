//! Files that are whole or not there.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Reason};

/// Writes `path` through a temporary file beside it, which takes its place only when
/// `write` has succeeded. Creates the folder if it is missing.
///
/// # Errors
/// [`Error`] names `path`, which is then as it was before.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> Result<(), Reason>) -> Result<(), Error> {
    try_write(path, write).map_err(|reason| Error::new(path, reason))
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

fn try_write(path: &Path, write: impl FnOnce(&mut File) -> Result<(), Reason>) -> Result<(), Reason> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(folder)?;
    write(file.as_file_mut())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt; // a temporary file is its owner's alone
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}
