//! Folders and archives as people have them: nothing stops a run that need not, nothing hangs it,
//! and nothing vanishes without a word.
#![allow(missing_docs)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::Command,
};

use models::{Dataset, Texts};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

const PICTURE: &[u8] = include_bytes!("golden/images/rgb_small.png");

fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, PICTURE).unwrap();
    }
    folder
}

fn open(path: &Path) -> Dataset {
    Dataset::open(path, Texts::Folders).unwrap()
}

/// Name, class, and whether it can be read.
fn listed(dataset: &Dataset) -> Vec<(&str, &str, bool)> {
    dataset.items.iter().map(|item| (item.name.as_str(), item.label.as_str(), item.read().is_ok())).collect()
}

fn refused(path: &Path, texts: Texts, words: &[&str]) {
    let error = Dataset::open(path, texts).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

fn broken<'a>(dataset: &'a Dataset, words: &[&str]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for item in &dataset.items {
        if let Err(error) = item.read() {
            let error = error.to_string();
            assert!(words.iter().any(|word| error.contains(word)), "none of {words:?} in: {error}");
            names.push(item.name.as_str());
        }
    }
    names
}

#[test]
fn all_that_is_left_out_is_counted_by_its_ending() {
    let data = folder(&[
        "cat/a.jpg",
        "cat/b.webp",
        "cat/c.jfif",
        "cat/d.JPE",
        "cat/notes.txt",
        "cat/e.avif",
        "cat/f.AVIF",
        "cat/Thumbs",
        "cat/._a.jpg",
        "dog/a.avif",
        "dog/deeper/b.heic",
        "bird/sky/a.gif",
    ]); // what they hold does not matter here
    fs::create_dir(data.path().join("fish")).unwrap();
    let dataset = open(data.path());
    let names: Vec<_> = listed(&dataset).into_iter().map(|(name, class, _)| (name, class)).collect();
    let expected = [
        ("bird/sky/a.gif", "sky"),
        ("cat/a.jpg", "cat"),
        ("cat/b.webp", "cat"),
        ("cat/c.jfif", "cat"),
        ("cat/d.JPE", "cat"),
    ];
    assert_eq!(names, expected);
    let counts = [(".avif", 3), (".heic", 1), (".txt", 1), ("hidden", 1), ("without an ending", 1)];
    let counts: BTreeMap<String, usize> = counts.map(|(ending, count)| (ending.to_owned(), count)).into();
    assert_eq!(dataset.left_out.endings, counts);
    assert_eq!(dataset.left_out.empty, ["dog", "fish"]);
    let sentence = dataset.left_out.to_string();
    assert!(sentence.contains("3 .avif") && sentence.contains("Without images: dog, fish"), "{sentence}");
    let nothing = folder(&["cat/a.heic", "dog/b.mp4"]);
    refused(nothing.path(), Texts::Folders, &["no image", "1 .heic", "1 .mp4", "cat, dog"]);
}

#[test]
fn hidden_and_system_folders_are_no_classes() {
    let data = folder(&[
        "cat/a.jpg",
        ".ipynb_checkpoints/a.jpg",
        ".thumbnails/b.jpg",
        "@eaDir/a.jpg/SYNO.jpg",
        "__MACOSX/cat/._a.jpg",
        "$RECYCLE.BIN/c.jpg",
        "cat/.git/annex/x.jpg",
        "System Volume Information/d.png",
        "cat/@eadir/x.png",
    ]);
    let dataset = open(data.path());
    assert_eq!(listed(&dataset), [("cat/a.jpg", "cat", true)]);
    let passed_by = [
        "$RECYCLE.BIN",
        ".ipynb_checkpoints",
        ".thumbnails",
        "@eaDir",
        "System Volume Information",
        "__MACOSX",
        "cat/.git",
        "cat/@eadir",
    ];
    assert_eq!(dataset.left_out.passed_by, passed_by);
    // The folder itself may be a hidden one.
    assert_eq!(open(&data.path().join("cat/.git")).items.len(), 1);

    let file = data.path().join("all.tar");
    let mut tar = Builder::new(fs::File::create(&file).unwrap());
    tar.append_dir_all(".", data.path().join("cat")).unwrap();
    tar.append_path_with_name(data.path().join("cat/a.jpg"), "dog/a.jpg").unwrap();
    tar.finish().unwrap();
    let labels = data.path().join("labels.txt");
    fs::write(&labels, "one\ntwo\n").unwrap();
    let dataset = Dataset::open(&file, Texts::Lines(&labels)).unwrap();
    assert_eq!(listed(&dataset), [("a.jpg", "one", true), ("dog/a.jpg", "two", true)]);
    assert_eq!(dataset.left_out.passed_by, [".git", "@eadir"]);
}

#[test]
fn entries_that_cannot_be_read_are_broken_images_and_others_do_not_matter() {
    let data = folder(&["cat/a.jpg", "dog/b.jpg"]);
    let at = |name: &str| data.path().join(name);
    symlink("../../.git/annex/objects/AA/KEY.jpg", at("cat/annexed.jpg")).unwrap();
    symlink("nowhere", at("cat/other")).unwrap();
    let latin = |name: &[u8]| at("cat").join(OsStr::from_bytes(name));
    fs::write(latin(b"r\xe9sum\xe9.txt"), "text").unwrap();
    fs::write(latin(b"caf\xe9.jpg"), PICTURE).unwrap();
    fs::create_dir(at("").join(OsStr::from_bytes(b"f\xe9lin"))).unwrap();
    fs::write(at("").join(OsStr::from_bytes(b"f\xe9lin")).join("x.jpg"), PICTURE).unwrap();
    for pipe in ["dog/pipe.jpg", "dog/pipe.txt"] {
        assert!(Command::new("mkfifo").arg(at(pipe)).status().unwrap().success());
    }
    symlink("..", at("cat/parent")).unwrap();
    symlink(".", at("dog/self")).unwrap();
    symlink("../cat", at("dog/cats")).unwrap();
    symlink("ring2.jpg", at("dog/ring1.jpg")).unwrap();
    symlink("ring1.jpg", at("dog/ring2.jpg")).unwrap();
    let dataset = open(data.path());
    let broken = broken(&dataset, &["leads nowhere", "not UTF-8", "pipe"]);
    let expected = [
        "cat/annexed.jpg",
        "cat/caf\u{fffd}.jpg",
        "dog/cats/annexed.jpg",
        "dog/cats/caf\u{fffd}.jpg",
        "dog/pipe.jpg",
        "dog/ring1.jpg",
        "dog/ring2.jpg",
        "f\u{fffd}lin/x.jpg",
    ];
    assert_eq!(broken, expected);
    let whole: Vec<_> = listed(&dataset).into_iter().filter(|(_, _, whole)| *whole).collect();
    assert_eq!(
        whole,
        [("cat/a.jpg", "cat", true), ("dog/b.jpg", "dog", true), ("dog/cats/a.jpg", "cats", true)]
    );
    assert_eq!(dataset.left_out.passed_by, ["cat/parent", "dog/cats/parent", "dog/self"]);
}

/// Writes an archive of members: name, kind, link, contents.
fn archive(path: &Path, members: &[(&str, EntryType, &str, &[u8])]) {
    let mut bytes = Vec::new();
    for (name, kind, link, contents) in members {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(*contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize((bytes.len() + 1024).next_multiple_of(10240), 0);
    fs::write(path, bytes).unwrap();
}

const FILE: EntryType = EntryType::Regular;

fn archives() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    (folder, move |name: &str| root.join(name))
}

#[test]
fn members_are_read_as_tar_reads_them() {
    let (_folder, at) = archives();
    archive(
        &at("a.tar"),
        &[
            ("./", EntryType::Directory, "", b""),
            ("cat//a.png", FILE, "", PICTURE),
            ("./dog/././b.png", FILE, "", PICTURE),
            ("dog/contiguous.png", EntryType::Continuous, "", PICTURE),
            ("dog/old.png", EntryType::new(0), "", PICTURE),
            ("dog/hard.png", EntryType::Link, "cat/a.png", b""),
            ("dog/before.png", EntryType::Link, "./dog/later.png", b""),
            ("dog/soft.png", EntryType::Symlink, "../cat//a.png", b""),
            ("dog/chain.png", EntryType::Link, "dog/soft.png", b""),
            ("dog/later.png", FILE, "", PICTURE),
            ("empty/", EntryType::Directory, "", b""),
        ],
    );
    let dataset = open(&at("a.tar"));
    let names = ["b", "before", "chain", "contiguous", "hard", "later", "old", "soft"];
    let dogs = names.map(|name| format!("dog/{name}.png"));
    let mut expected = vec![("cat/a.png", "cat", true)];
    expected.extend(dogs.iter().map(|name| (name.as_str(), "dog", true)));
    assert_eq!(listed(&dataset), expected);
    assert!(dataset.items.iter().all(|item| item.read().unwrap() == PICTURE));
    assert_eq!(dataset.left_out.empty, ["empty"]);

    archive(
        &at("broken.tar"),
        &[
            ("cat/a.png", FILE, "", PICTURE),
            ("cat/gone.png", EntryType::Link, "cat/none.png", b""),
            ("cat/out.png", EntryType::Symlink, "../../etc/x.png", b""),
            ("cat/ring1.png", EntryType::Link, "cat/ring2.png", b""),
            ("cat/ring2.png", EntryType::Link, "cat/ring1.png", b""),
            ("cat/pipe.png", EntryType::Fifo, "", b""),
            ("cat/device.png", EntryType::Char, "", b""),
        ],
    );
    let dataset = open(&at("broken.tar"));
    let broken = broken(&dataset, &["is a link to", "a pipe or a device"]);
    assert_eq!(broken.len(), 6, "{broken:?}");
}

#[test]
fn archives_after_and_within_each_other() {
    let (_folder, at) = archives();
    archive(&at("cat.tar"), &[("cat/a.png", FILE, "", PICTURE)]);
    archive(&at("dog.tar"), &[("dog/b.png", FILE, "", PICTURE), ("c.png", FILE, "", PICTURE)]);
    let read = |name: &str| fs::read(at(name)).unwrap();
    fs::write(at("both.tar"), [read("cat.tar"), vec![0; 4096], read("dog.tar")].concat()).unwrap();
    refused(&at("both.tar"), Texts::Folders, &["c.png", "no class folder"]);
    let labels = at("labels.txt");
    fs::write(&labels, "1\n2\n3").unwrap();
    let dataset = Dataset::open(&at("both.tar"), Texts::Lines(&labels)).unwrap();
    let expected = [("c.png", "1", true), ("cat/a.png", "2", true), ("dog/b.png", "3", true)];
    assert_eq!(listed(&dataset), expected);
    assert!(dataset.items.iter().all(|item| item.read().unwrap() == PICTURE));

    // ImageNet's own form: the classes are archives.
    let (cat, dog) = (read("cat.tar"), read("dog.tar"));
    archive(&at("all.tar"), &[("./n01.tar", FILE, "", &cat), ("sub/n02.tar", FILE, "", &dog)]);
    let dataset = open(&at("all.tar"));
    let expected =
        [("n01/cat/a.png", "cat", true), ("sub/n02/c.png", "n02", true), ("sub/n02/dog/b.png", "dog", true)];
    assert_eq!(listed(&dataset), expected);
    assert!(dataset.items.iter().all(|item| item.read().unwrap() == PICTURE));
    let inner = &cat[..700];
    archive(&at("cut.tar"), &[("n01.tar", FILE, "", inner)]);
    refused(&at("cut.tar"), Texts::Folders, &["truncated"]);

    fs::write(at("noise.tar"), [read("cat.tar"), vec![7; 3000]].concat()).unwrap();
    refused(&at("noise.tar"), Texts::Folders, &["from byte 10240 on", "--ignore-zeros"]);
    for (start, program) in [(&b"\x1f\x8b\x08"[..], "gunzip"), (b"BZh9", "bunzip2"), (b"PK\x03\x04", "unzip")]
    {
        fs::write(at("x.tar.gz"), [start, &[0; 600]].concat()).unwrap();
        refused(&at("x.tar.gz"), Texts::Folders, &["compressed", program]);
        archive(
            &at("within.tar"),
            &[("cat/a.png", FILE, "", PICTURE), ("b.tar", FILE, "", &read("x.tar.gz"))],
        );
        refused(&at("within.tar"), Texts::Folders, &["compressed", program]);
    }
}

#[test]
fn sparse_members_are_refused_by_name() {
    let (_folder, at) = archives();
    let holes = at("cat/holes.png");
    fs::create_dir(at("cat")).unwrap();
    let file = fs::File::create(&holes).unwrap();
    file.set_len(1 << 20).unwrap();
    (&file).write_all(PICTURE).unwrap();
    fs::write(at("cat/a.png"), PICTURE).unwrap();
    for format in ["gnu", "pax"] {
        let tar = at("holes.tar");
        let status = Command::new("tar")
            .args(["--sparse", &format!("--format={format}"), "--create", "--file"])
            .args([&tar, Path::new("--directory"), at("").as_path(), Path::new("cat")])
            .status();
        assert!(status.unwrap().success());
        let dataset = open(&tar);
        assert_eq!(broken(&dataset, &["in parts"]), ["cat/holes.png"], "{format}");
        assert_eq!(dataset.items.len(), 2, "{format}");
    }
}

#[test]
fn shards_of_pictures_and_captions() {
    let (_folder, at) = archives();
    let json = br#"{"caption": " a dog ", "other": "a hound"}"#;
    for (shard, caption) in [("s-00.tar", &b"a cat\n"[..]), ("s-01.tar", b"\xef\xbb\xbfa second cat")] {
        archive(
            &at(shard),
            &[
                ("0001.jpg", FILE, "", PICTURE),
                ("0001.json", FILE, "", json),
                ("0001.txt", FILE, "", caption),
                ("0002.small.jpg", FILE, "", PICTURE),
                ("0002.txt", FILE, "", b"another"),
                ("0002.json", FILE, "", json),
            ],
        );
    }
    let labels = |dataset: &Dataset| dataset.items.iter().map(|item| item.label.clone()).collect::<Vec<_>>();
    let one = open(&at("s-00.tar"));
    assert_eq!(labels(&one), ["a cat", "another"]);
    assert_eq!(one.left_out.endings, BTreeMap::from([(".json".to_owned(), 2)]));
    let all = open(&at("s-{00..01}.tar"));
    let names: Vec<_> = all.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["s-00/0001.jpg", "s-00/0002.small.jpg", "s-01/0001.jpg", "s-01/0002.small.jpg"]);
    assert_eq!(labels(&all), ["a cat", "another", "a second cat", "another"]);
    let captions = |key| Dataset::open(&at("s-00.tar"), Texts::Captions(key)).unwrap();
    assert_eq!(labels(&captions("caption")), ["a dog", "a dog"]);
    assert_eq!(labels(&captions("other")), ["a hound", "a hound"]);
    assert_eq!(broken(&captions("none"), &["no text under `none`"]).len(), 2);
    refused(&at("s-{00..02}.tar"), Texts::Folders, &["s-02.tar"]);

    let data = folder(&["a.png", "b.png"]);
    fs::write(data.path().join("a.txt"), "one").unwrap();
    let dataset = open(data.path());
    assert_eq!(labels(&dataset)[0], "one");
    assert_eq!(broken(&dataset, &["no .txt beside it"]), ["b.png"]);
}

#[test]
fn texts_that_numpy_would_cut_are_refused() {
    let data = folder(&["a.png", "b.png"]);
    let labels = data.path().join("labels");
    fs::write(&labels, "cat\0\ncat\n").unwrap();
    refused(data.path(), Texts::Lines(&labels), &["line 1", "NUL"]);

    let (_folder, at) = archives();
    let tar = at("pax.tar");
    let mut builder = Builder::new(fs::File::create(&tar).unwrap());
    for name in ["cat\0/a.png", "cat/b.png", "cat/c\0.tar"] {
        builder.append_pax_extensions([("path", name.as_bytes())]).unwrap();
        let mut header = Header::new_ustar();
        header.set_size(PICTURE.len() as u64);
        header.set_cksum();
        builder.append(&header, PICTURE).unwrap();
    }
    builder.finish().unwrap();
    let dataset = open(&tar);
    assert_eq!(broken(&dataset, &["NUL"]), ["cat\0/a.png"]);
    assert_eq!(dataset.items.len(), 2);
}
