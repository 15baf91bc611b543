//! Cloning a build directory in a moment, without letting the clone change the original.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use anyhow::{Context, Result};

use crate::files;

/// Smaller files are quicker copied than worth a thought.
const LARGE: u64 = 64 * 1024;

/// What is built in a clone: its artefacts are overwritten there.
const OWN_CRATES: [&str; 3] = ["siglip_core", "ctx", "locked"];

/// Makes `to` a clone of `from`, both folders. What is there already, as in a clone that was used, is
/// kept where it is the same and replaced or removed where it is not.
///
/// Large artefacts of the registry's crates, which cargo never rewrites in place, are hard-linked; all
/// else is truly copied, with its modification time, by which cargo tells what is fresh.
///
/// # Errors
/// If a file cannot be read or written.
pub fn clone_tree(from: &Path, to: &Path) -> Result<()> {
    clone_folder(from, to).with_context(|| format!("cannot clone {} to {}", from.display(), to.display()))
}

fn clone_folder(from: &Path, to: &Path) -> Result<()> {
    if !fs::symlink_metadata(to).is_ok_and(|found| found.is_dir()) {
        files::remove(to)?;
        fs::create_dir(to)?;
    }
    let mut names = HashSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            clone_folder(&source, &target)?;
        } else {
            clone_file(&source, &target)?;
        }
        names.insert(entry.file_name());
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

fn clone_file(source: &Path, target: &Path) -> Result<()> {
    let original = fs::metadata(source)?;
    let is_shared = is_shared(source, original.len());
    let found = fs::symlink_metadata(target).ok();
    if found.is_some_and(|found| is_clone(&original, &found, is_shared)) {
        return Ok(());
    }
    files::remove(target)?;
    let linked = is_shared && fs::hard_link(source, target).is_ok();
    if !linked {
        fs::copy(source, target)?;
        File::options().write(true).open(target)?.set_modified(original.modified()?)?;
    }
    Ok(())
}

/// Whether nothing has to be done. A copy that was written to has another time of modification.
fn is_clone(original: &Metadata, found: &Metadata, is_shared: bool) -> bool {
    let one_file = (original.dev(), original.ino()) == (found.dev(), found.ino());
    let same = found.is_file()
        && original.len() == found.len()
        && (original.mtime(), original.mtime_nsec()) == (found.mtime(), found.mtime_nsec());
    same && one_file == is_shared
}

/// Whether original and clone may be one file.
fn is_shared(path: &Path, length: u64) -> bool {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().replace('-', "_");
    let name = part(path.file_name());
    let folder = part(path.parent().and_then(Path::file_name));
    let is_artefact = name.starts_with("build_script_build")
        || [".rlib", ".rmeta", ".a", ".so", ".dylib"].iter().any(|ending| name.ends_with(ending));
    // `libsiglip_core-0123.rlib`, or a build script in `siglip_core-0123/`.
    let is_own = OWN_CRATES.iter().any(|own| {
        let stem =
            |text: &str| text.trim_start_matches("lib").split(['_', '.']).collect::<Vec<_>>().join("_");
        stem(&name).starts_with(own) || stem(&folder).starts_with(own)
    });
    length >= LARGE && is_artefact && !is_own
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn only_large_artefacts_of_other_crates_are_shared() {
        let shared = |path: &str| is_shared(Path::new(path), LARGE);
        assert!(shared("debug/deps/libtch-0123456789abcdef.rlib"));
        assert!(shared("debug/deps/libtch-0123456789abcdef.rmeta"));
        assert!(shared("debug/deps/libserde_derive-0123456789abcdef.so"));
        assert!(shared("debug/build/torch-sys-0123456789abcdef/out/libtch.a"));
        assert!(shared("debug/build/torch-sys-0123456789abcdef/build-script-build"));
        assert!(!shared("debug/deps/libsiglip_core-0123456789abcdef.rlib"));
        assert!(!shared("debug/deps/libctx.so"));
        assert!(!shared("debug/deps/liblocked-0123456789abcdef.rlib"));
        assert!(!shared("debug/build/siglip_core-0123456789abcdef/build-script-build"));
        assert!(!shared("debug/.fingerprint/tch-0123456789abcdef/dep-lib-tch"));
        assert!(!shared("debug/build/torch-sys-0123456789abcdef/output"));
        assert!(!is_shared(Path::new("debug/deps/libtch-0123456789abcdef.rlib"), LARGE - 1));
    }

    #[test]
    fn a_clone_is_equal_and_cannot_change_its_original() {
        let folder = tempfile::tempdir().unwrap();
        let (warm, copy) = (folder.path().join("warm"), folder.path().join("copy"));
        fs::create_dir_all(warm.join("deps")).unwrap();
        let files = [("deps/libtch-1.rlib", LARGE), ("deps/libsiglip_core-1.rlib", LARGE), ("stamp", 9)];
        let long_ago = SystemTime::now() - Duration::from_hours(5);
        for (name, length) in files {
            fs::write(warm.join(name), vec![7; usize::try_from(length).unwrap()]).unwrap();
            File::options().write(true).open(warm.join(name)).unwrap().set_modified(long_ago).unwrap();
        }
        clone_tree(&warm, &copy).unwrap();
        for (name, _) in files {
            let (original, cloned) = (warm.join(name), copy.join(name));
            assert_eq!(fs::read(&original).unwrap(), fs::read(&cloned).unwrap());
            let (original, cloned) = (fs::metadata(original).unwrap(), fs::metadata(cloned).unwrap());
            assert_eq!(original.modified().unwrap(), cloned.modified().unwrap());
            assert_eq!(original.ino() == cloned.ino(), name.contains("tch"));
        }
        fs::write(copy.join("deps/libsiglip_core-1.rlib"), "rebuilt").unwrap();
        assert_eq!(fs::read(warm.join("deps/libsiglip_core-1.rlib")).unwrap(), vec![7; LARGE as usize]);
    }

    #[test]
    fn a_used_clone_becomes_equal_again_and_what_is_the_same_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let (warm, copy) = (folder.path().join("warm"), folder.path().join("copy"));
        let library = vec![7; usize::try_from(LARGE).unwrap()];
        let original: [(&str, &[u8]); 5] = [
            ("deps/libtch-1.rlib", &library),
            ("deps/libsiglip_core-1.rlib", &library),
            ("stamp", b"one"),
            ("ctx/Cargo.toml", b"[package]"),
            ("ctx/src", b"a file, where the clone has a folder"),
        ];
        for (name, content) in original {
            files::write(&warm.join(name), content).unwrap();
        }
        clone_tree(&warm, &copy).unwrap();
        let inode = |name: &str| fs::metadata(copy.join(name)).unwrap().ino();
        let kept = inode("stamp");
        fs::remove_file(copy.join("ctx/src")).unwrap();
        files::write(&copy.join("deps/libtch-1.rlib"), "unlinked and rebuilt").unwrap();
        fs::write(copy.join("ctx/Cargo.toml"), "[package-").unwrap();
        fs::write(copy.join("init.evcxr"), "").unwrap();
        files::write(&copy.join("ctx/src/lib.rs"), "").unwrap();
        files::write(&copy.join("ctx/target/libctx.so"), "").unwrap();
        clone_tree(&warm, &copy).unwrap();
        let below = |root: &Path| {
            let paths = files::below(root).unwrap();
            paths.iter().map(|path| path.strip_prefix(root).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(below(&copy), below(&warm));
        for (name, content) in original {
            assert_eq!(fs::read(copy.join(name)).unwrap(), content, "{name}");
        }
        assert_eq!(inode("deps/libtch-1.rlib"), fs::metadata(warm.join("deps/libtch-1.rlib")).unwrap().ino());
        assert_eq!(inode("stamp"), kept);
        assert!(!copy.join("ctx/target").exists());
    }
}
