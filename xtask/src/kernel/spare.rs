//! Clones of the warm directory that wait for the next kernels: some file systems take seconds to make
//! thousands of files, above all where as many were just removed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{clone_tree, warm};
use crate::{files, project::Project};

/// As many as are seldom more than the notebooks that are opened at the same time.
const COUNT: usize = 2;

fn places(project: &Project) -> impl Iterator<Item = PathBuf> {
    let kernels = project.kernels();
    (1..=COUNT).map(move |number| kernels.join(format!("spare-{number}")))
}

/// Makes those that are missing. The caller holds [`warm::lock`], as for all of these.
///
/// # Errors
/// If the warm directory cannot be cloned.
pub(super) fn make(project: &Project) -> Result<()> {
    places(project).try_for_each(|place| clone_tree(&warm::folder(project), &place))
}

/// Makes `folder` a clone of the warm directory.
///
/// # Errors
/// If it cannot be cloned.
pub(super) fn take(project: &Project, folder: &Path) -> Result<()> {
    if let Some(spare) = places(project).find(|place| place.exists()) {
        fs::rename(&spare, folder).with_context(|| format!("cannot take {}", spare.display()))?;
    }
    clone_tree(&warm::folder(project), folder)
}

/// Keeps `folder`, a clone that was used, for the next kernel, or removes it if there are enough. What
/// was changed in it is mended when it is taken.
///
/// # Errors
/// If it can neither be kept nor be removed.
pub(super) fn give(project: &Project, folder: &Path) -> Result<()> {
    match places(project).find(|place| !place.exists()) {
        Some(place) if fs::rename(folder, &place).is_ok() => Ok(()),
        _ => files::remove(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_leaves_is_taken_by_the_next_as_if_it_were_new() {
        let root = tempfile::tempdir().unwrap();
        let project = Project::at(root.path().to_owned());
        let kernel = |name: &str| project.kernels().join(name);
        files::write(&warm::folder(&project).join("stamp"), "warm").unwrap();
        make(&project).unwrap();
        for name in ["1", "2", "3"] {
            take(&project, &kernel(name)).unwrap();
            assert_eq!(fs::read_to_string(kernel(name).join("stamp")).unwrap(), "warm");
        }
        assert!(places(&project).all(|place| !place.exists()));
        for name in ["1", "2", "3"] {
            fs::write(kernel(name).join("stamp"), name).unwrap();
            give(&project, &kernel(name)).unwrap();
            assert!(!kernel(name).exists());
        }
        assert!(places(&project).all(|place| place.exists()));
        take(&project, &kernel("4")).unwrap();
        assert_eq!(fs::read_to_string(kernel("4").join("stamp")).unwrap(), "warm");
    }
}
