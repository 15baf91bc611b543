//! The images below a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::found::{Found, Place, is_system_folder};
use crate::error::{Error, Result};

/// Lists `root`. Links are followed, but not round in circles.
pub(super) fn list(root: &Path, prefix: &str, found: &mut Found) -> Result<()> {
    let real = fs::canonicalize(root).map_err(|error| Error::file(root, error))?;
    let mut folders = vec![Folder { path: root.to_owned(), real, name: prefix.to_owned(), class: None }];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(error) if folder.class.is_none() => return Err(Error::file(&folder.path, error)),
            Err(error) => {
                found.broken(folder.name, folder.class.as_deref(), error.to_string());
                continue;
            }
        };
        for entry in entries {
            let path = entry.map_err(|error| Error::file(&folder.path, error))?.path();
            if let Some(below) = folder.entry(&path, found) {
                folders.push(below);
            }
        }
    }
    Ok(())
}

/// A folder to be listed.
struct Folder {
    path: PathBuf,
    /// The same, without links on the way.
    real: PathBuf,
    /// Below the root, with a `/` at its end.
    name: String,
    /// Its own name, if it is not the root.
    class: Option<String>,
}

impl Folder {
    /// Takes note of one entry; a folder is returned.
    fn entry(&self, path: &Path, found: &mut Found) -> Option<Folder> {
        let base = path.file_name().unwrap_or_default();
        let unicode = base.to_str();
        let base = base.to_string_lossy().into_owned();
        let name = format!("{}{base}", self.name);
        let metadata = fs::metadata(path);
        if metadata.as_ref().is_ok_and(fs::Metadata::is_dir) {
            let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
            let real = if is_link { fs::canonicalize(path).ok()? } else { self.real.join(&base) };
            if is_system_folder(&base) || is_link && self.real.starts_with(&real) {
                found.passed_by.push(name);
                return None;
            }
            found.folders.push(name.clone());
            return Some(Folder { path: path.to_owned(), real, name: name + "/", class: Some(base) });
        }
        let place = match metadata {
            _ if unicode.is_none() || self.name.contains(char::REPLACEMENT_CHARACTER) => {
                Err("has a name that is not UTF-8: rename it, or its folder".to_owned())
            }
            Ok(metadata) if metadata.is_file() => Ok(Place {
                file: Arc::from(path),
                offset: 0,
                length: metadata.len(),
                modified: metadata.modified().ok(),
            }),
            Ok(_) => Err("is a pipe or a device, expected a file".to_owned()),
            Err(error) if fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()) => {
                Err(format!("is a link that leads nowhere ({error}): is its data still elsewhere?"))
            }
            Err(error) => Err(error.to_string()),
        };
        found.file(name, self.class.as_deref(), place);
        None
    }
}
