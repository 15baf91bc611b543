//! Whatever the bytes, [`pictures::decode`] gives a picture or an error.
#![allow(missing_docs)]

use std::{fs, path::PathBuf};

use pictures::{Error, Format, decode};
use proptest::prelude::*;
use proptest::sample::select;
use testing::damage::{apply, changes};

fn golden() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending != "json"));
    files.sort();
    files
}

proptest! {
    // PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn damaged_pictures(file in select(golden()), changes in changes()) {
        let mut bytes = fs::read(file).unwrap();
        apply(&changes, &mut bytes);
        let _ = decode(&bytes);
    }
}

#[test]
fn what_is_no_picture_is_named() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS"),
        (b"/annex/objects/SHA256E-s9--0.jpg\n", "git-annex"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "HEIC"),
        (b"<!DOCTYPE html><title>404</title>", "no JPEG, PNG"),
    ] {
        let error = decode(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn impossible_sizes() {
    let read = |name: &str| fs::read(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut jpeg = read("inter_420.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    assert_eq!(decode(&jpeg), Err(Error::Size { width: 65500, height: 65500 }));
    let mut png = read("palette4.png");
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decode(&png).is_err());
    let mut gif = read("offset.gif");
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(decode(&gif), Err(Error::Size { width: 65535, height: 65535 }));
}

/// Found by `damaged_pictures`: claims of tags were believed.
#[test]
fn tiffs_with_tags_of_impossible_lengths() {
    let intact = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/big.tif")).unwrap();
    let directory = u64::from_le_bytes(intact[8..16].try_into().unwrap()) as usize;
    let entries = u64::from_le_bytes(intact[directory..directory + 8].try_into().unwrap()) as usize;
    for count in [u64::MAX, u64::MAX / 8, 1 << 60, 1 << 40, 1 << 32] {
        for entry in 0..entries {
            let mut bytes = intact.clone();
            let at = directory + 8 + 20 * entry + 4;
            bytes[at..at + 8].copy_from_slice(&count.to_le_bytes());
            let _ = decode(&bytes);
        }
    }
}

/// Found by `damaged_pictures`: `image-webp` panics where a frame is smaller than its data say.
#[test]
fn animations_with_frames_of_other_sizes() {
    let intact = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/animated_alpha.webp")).unwrap();
    for (at, byte) in [(58, 0), (58, 1), (58, 4), (61, 0), (61, 1)] {
        let mut bytes = intact.clone();
        bytes[at] = byte;
        assert!(decode(&bytes).is_err());
    }
}

#[test]
fn names_of_pictures() {
    for name in ["a.jpg", "x/B.JPEG", "c.jfif", "d.jpe", "e.webp", "f.b.Tiff", ".hidden.png"] {
        assert!(Format::is_named(name), "{name}");
    }
    for name in ["jpg", "a.jpg/b", "a.txt", "a.jpgx", "", "a.avif", "a."] {
        assert!(!Format::is_named(name), "{name}");
    }
}
