//! Slots: the build directories in which kernels run, copies of the warm one.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::Kernel;
use crate::{files, project::Project};

/// How many set-up makes: seldom are more notebooks opened at the same time. A kernel that finds no free
/// one makes the next, in the seconds that copying takes.
const READY: usize = 2;

/// A slot that is taken.
#[derive(Debug)]
pub struct Slot {
    /// The copy of the warm directory.
    pub folder: PathBuf,
    /// Keeps others out until no process has this file open any more, however they end.
    pub lock: File,
}

impl Slot {
    /// The slot with this number, if it is free.
    ///
    /// # Errors
    /// If its lock cannot be made.
    pub fn free(project: &Project, kernel: Kernel, number: usize) -> Result<Option<Self>> {
        let folder = kernel.folder(project).join(format!("slot-{number}"));
        fs::create_dir_all(kernel.folder(project))?;
        let lock = File::create(folder.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { folder, lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock a kernel's slot"),
        }
    }

    /// The first slot that is free, as if no kernel had run there. The caller holds a lock of the warm
    /// directory.
    ///
    /// # Errors
    /// If the warm directory cannot be copied.
    pub(super) fn take(project: &Project, kernel: Kernel) -> Result<Self> {
        let mut number = 1;
        loop {
            if let Some(slot) = Self::free(project, kernel, number)? {
                mend(&kernel.warm(project), &slot.folder)?;
                return Ok(slot);
            }
            number += 1;
        }
    }
}

/// Makes the first slots, so that the next kernels have little to copy.
pub(super) fn make(project: &Project, kernel: Kernel) -> Result<()> {
    let slots: Vec<_> = (0..READY).map(|_| Slot::take(project, kernel)).collect();
    slots.into_iter().try_for_each(|slot| slot.map(drop))
}

/// Makes the folder `to` a copy of the folder `from`, as far as that is safe by hard links, and with the times of modification by which cargo tells
/// what is fresh. What is the same already is not touched.
///
/// # Errors
/// If a file cannot be read or written.
pub(super) fn mend(from: &Path, to: &Path) -> Result<()> {
    mend_folder(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

fn mend_folder(from: &Path, to: &Path) -> Result<()> {
    if !fs::symlink_metadata(to).is_ok_and(|found| found.is_dir()) {
        files::remove(to)?;
        fs::create_dir(to)?;
    }
    let mut strangers = HashSet::new();
    for entry in fs::read_dir(to)? {
        strangers.insert(entry?.file_name());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            mend_folder(&source, &target)?;
        } else {
            mend_file(&source, &target)?;
        }
        strangers.remove(&entry.file_name());
    }
    strangers.iter().try_for_each(|name| files::remove(&to.join(name)))
}

fn mend_file(from: &Path, to: &Path) -> Result<()> {
    let original = fs::metadata(from)?;
    let modified = |metadata: &Metadata| metadata.modified().ok();
    let is_same = |found: Metadata| {
        found.is_file() && found.len() == original.len() && modified(&found) == modified(&original)
    };
    if fs::symlink_metadata(to).is_ok_and(is_same) {
        return Ok(());
    }
    files::remove(to)?;
    if is_artefact(from) && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(original.modified()?)?;
    Ok(())
}

/// Whether a file is of those that compilers write anew under another name and then rename, which so
/// cannot change another file that was linked to the same: nearly all of a build directory's size.
fn is_artefact(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("build-script")
        || name.starts_with("build_script")
        || [".rlib", ".rmeta", ".a", ".so", ".dylib"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::MetadataExt,
        time::{Duration, SystemTime},
    };

    use super::*;

    fn project(root: &Path) -> Project {
        let project = Project::at(root.to_owned());
        files::write(&Kernel::Full.warm(&project).join("stamp"), "warm").unwrap();
        project
    }

    #[test]
    fn a_kernel_takes_the_first_free_slot_as_if_it_were_new() {
        let root = tempfile::tempdir().unwrap();
        let project = project(root.path());
        let take = || Slot::take(&project, Kernel::Full).unwrap();
        let slots = [take(), take(), take()];
        let folders = [1, 2, 3].map(|number| Kernel::Full.folder(&project).join(format!("slot-{number}")));
        assert_eq!(slots.each_ref().map(|slot| slot.folder.clone()), folders);
        let [first, second, _third] = slots;
        fs::write(second.folder.join("stamp"), "used").unwrap();
        drop(second);
        let again = take();
        assert_eq!(again.folder, folders[1]);
        assert_eq!(fs::read_to_string(again.folder.join("stamp")).unwrap(), "warm");
        drop(first);
        assert_eq!(take().folder, folders[0]);
    }

    #[test]
    fn set_up_makes_slots_and_leaves_those_in_use_alone() {
        let root = tempfile::tempdir().unwrap();
        let project = project(root.path());
        let used = Slot::take(&project, Kernel::Full).unwrap();
        fs::write(used.folder.join("stamp"), "used").unwrap();
        make(&project, Kernel::Full).unwrap();
        assert_eq!(fs::read_to_string(used.folder.join("stamp")).unwrap(), "used");
        assert!(used.folder.with_file_name("slot-2").join("stamp").exists());
    }

    #[test]
    fn a_slot_becomes_equal_to_its_original_and_what_is_the_same_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (warm, slot) = (folder.path().join("warm"), folder.path().join("slot"));
        let original = [("deps/libtch-1.rlib", "tch"), ("stamp", "one"), ("ctx/src", "a file")];
        let long_ago = SystemTime::now() - Duration::from_secs(5 * 3600);
        for (name, content) in original {
            files::write(&warm.join(name), content).unwrap();
            File::options().write(true).open(warm.join(name)).unwrap().set_modified(long_ago).unwrap();
        }
        mend(&warm, &slot).unwrap();
        let inode = |name: &str| fs::metadata(slot.join(name)).unwrap().ino();
        let kept = inode("stamp");
        files::write(&slot.join("deps/libtch-1.rlib"), "new").unwrap();
        fs::remove_file(slot.join("ctx/src")).unwrap();
        files::write(&slot.join("ctx/src/lib.rs"), "").unwrap();
        files::write(&slot.join("ctx/target/libctx.so"), "").unwrap();
        mend(&warm, &slot).unwrap();
        let below = |root: &Path| {
            let paths = files::below(root).unwrap();
            paths.iter().map(|path| path.strip_prefix(root).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(below(&slot), below(&warm));
        for (name, content) in original {
            assert_eq!(fs::read_to_string(slot.join(name)).unwrap(), content);
            assert_eq!(fs::read_to_string(warm.join(name)).unwrap(), content);
            assert_eq!(fs::metadata(slot.join(name)).unwrap().modified().unwrap(), long_ago);
        }
        assert_eq!(inode("stamp"), kept);
        assert_eq!(inode("deps/libtch-1.rlib"), fs::metadata(warm.join("deps/libtch-1.rlib")).unwrap().ino());
        assert!(!slot.join("ctx/target").exists());
    }
}
