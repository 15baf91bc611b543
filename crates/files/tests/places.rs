//! Where files are written: links, modes, pipes and devices stay what they are, nothing unfinished
//! stays. All of it in folders of the tests' own.
#![cfg(unix)]
#![allow(missing_docs)]

use std::{
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use files::{check_folder, check_place, write_whole};

fn write(path: &Path, text: &str) -> Result<(), files::Error> {
    write_whole(path, |file| Ok(file.write_all(text.as_bytes())?))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn make(program: &str, arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg(path).args(arguments).status().is_ok_and(|status| status.success())
}

#[test]
fn links_and_modes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    for (link, target) in [("there", "sub/old"), ("gone", "sub/new"), ("chain", "there"), ("loop", "loop")] {
        symlink(target, at(link)).unwrap();
    }
    write(&at("sub/old"), "old").unwrap();
    for (link, file) in [("there", "sub/old"), ("gone", "sub/new"), ("chain", "sub/old")] {
        check_place(&at(link)).unwrap();
        write(&at(link), link).unwrap();
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(at(file)).unwrap(), link);
    }
    assert!(check_place(&at("loop")).unwrap_err().to_string().contains("link to itself"));
    for bits in [0o600, 0o640, 0o755, 0o666] {
        fs::set_permissions(at("sub/old"), Permissions::from_mode(bits)).unwrap();
        write(&at("sub/old"), "again").unwrap();
        assert_eq!(mode(&at("sub/old")), bits);
    }
    // The umask is the process's: what a plain file gets here, another one gets too.
    File::create(at("plain")).unwrap();
    write(&at("fresh"), "").unwrap();
    assert_eq!(mode(&at("fresh")), mode(&at("plain")));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4 + 1 + 2);
}

#[test]
fn pipes_and_devices_are_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(make("mkfifo", &[], &pipe));
    check_place(&pipe).unwrap();
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    write(&pipe, "through").unwrap();
    assert_eq!(reader.join().unwrap(), "through");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    // Nodes of its own: only root makes them, and where devices are allowed.
    let (null, full) = (folder.path().join("null"), folder.path().join("full"));
    if make("mknod", &["c", "1", "3"], &null) && File::options().write(true).open(&null).is_ok() {
        check_place(&null).unwrap();
        write(&null, "away").unwrap();
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device());
        assert!(make("mknod", &["c", "1", "7"], &full));
        let error = write(&full, "too much").unwrap_err().to_string();
        assert!(error.contains("No space left") && fs::metadata(&full).unwrap().file_type().is_char_device());
    }
}

#[test]
fn a_place_is_tried_without_leaving_anything() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    check_place(&at("new/file")).unwrap();
    check_folder(&at("other")).unwrap();
    assert_eq!(fs::read_dir(at("new")).unwrap().count(), 0);
    fs::create_dir(at("taken")).unwrap();
    assert!(check_place(&at("taken")).unwrap_err().to_string().contains("is a folder"));
    fs::write(at("file"), "").unwrap();
    assert!(check_place(&at("file/below")).is_err() && check_folder(&at("file")).is_err());
    assert!(check_place(Path::new("/proc/no/such")).is_err() && check_place(Path::new("..")).is_err());
}

#[test]
fn what_killed_processes_have_left_is_removed_and_what_others_write_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at(".unfinished-left"), "half").unwrap();
    fs::write(at(".other"), "not ours").unwrap();
    let written = at(".unfinished-locked");
    let locked = File::create(&written).unwrap();
    locked.lock().unwrap();
    check_place(&at("out")).unwrap();
    assert!(!at(".unfinished-left").exists() && at(".other").exists() && written.exists());
    drop(locked);
    // A process that another test is just starting has the lock too, until it is another program.
    let deadline = Instant::now() + Duration::from_secs(60);
    while written.exists() {
        assert!(Instant::now() < deadline, "what is no longer locked is not removed");
        check_folder(folder.path()).unwrap();
    }

    let failed = write_whole(&at("out"), |file| {
        file.write_all(b"half")?;
        Err("no more".into())
    });
    assert!(failed.unwrap_err().to_string().contains("no more"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
