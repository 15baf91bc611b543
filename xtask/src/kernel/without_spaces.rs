//! A build directory's path as evcxr bears it: between its two processes it says which library is to be
//! loaded in a line whose words are separated by spaces.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::files;

/// The folder itself, or a link to it in the user's cache or, if that has a space too, in the system's
/// folder of temporary files. Nobody else uses the folder while its slot is taken.
///
/// # Errors
/// If there is no place for a link without a space, or it cannot be made.
pub(super) fn path(folder: &Path, cache: Option<PathBuf>) -> Result<PathBuf> {
    if !has_space(folder) {
        return Ok(folder.to_owned());
    }
    let places = cache.into_iter().chain([env::temp_dir(), "/tmp".into()]);
    let Some(place) = places.into_iter().find(|place| !has_space(place)) else {
        bail!("the kernel needs a path without a space, for a link to {}", folder.display());
    };
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    let link = place.join(format!("slot-{:016x}", hasher.finish()));
    if fs::read_link(&link).is_ok_and(|found| found == folder) {
        return Ok(link);
    }
    files::remove(&link)?;
    fs::create_dir_all(&place)?;
    symlink(folder, &link).with_context(|| format!("cannot make the link {}", link.display()))?;
    Ok(link)
}

fn has_space(path: &Path) -> bool {
    path.to_string_lossy().contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_space_is_reached_by_a_link_without() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("my runs/slot-1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("stamp"), "warm").unwrap();
        let cache = || Some(root.path().join("cache"));
        let link = path(&folder, cache()).unwrap();
        assert!(!has_space(&link) && link.starts_with(root.path().join("cache")));
        assert_eq!(fs::read_to_string(link.join("stamp")).unwrap(), "warm");
        assert_eq!(path(&folder, cache()).unwrap(), link);
        assert_ne!(path(&root.path().join("my runs/slot-2"), cache()).unwrap(), link);
        let elsewhere = path(&folder, Some(root.path().join("a cache"))).unwrap();
        assert!(!has_space(&elsewhere) && elsewhere.join("stamp").exists());
        fs::remove_file(elsewhere).unwrap();
        let plain = root.path().join("plain");
        assert_eq!(path(&plain, cache()).unwrap(), plain);
    }
}
