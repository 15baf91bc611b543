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

/// A TIFF in Motorola's order, whose directory has these entries: tag, kind, count, and its value in
/// four bytes.
fn tiff(entries: &[(u16, u16, u32, [u8; 4])], pixels: &[u8]) -> Vec<u8> {
    let mut file = b"MM\0\x2a\0\0\0\x08".to_vec();
    file.extend((entries.len() as u16).to_be_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([tag.to_be_bytes(), kind.to_be_bytes()].concat());
        file.extend([count.to_be_bytes(), *value].concat());
    }
    file.extend([0; 4]);
    file.extend(pixels);
    file
}

#[test]
fn a_tiff_whose_counts_overflow_is_an_error() {
    let long = |tag: u16, value: u32| (tag, 4, 1, value.to_be_bytes());
    let short = |tag: u16, value: u8| (tag, 3, 1, [0, value, 0, 0]);
    let bits = (258, 3, 2, [0, 8, 0, 8]);
    let common = [long(256, u32::MAX), long(257, u32::MAX), bits, short(259, 1), short(262, 1)];
    let planes = [short(277, 2), short(284, 2)];
    let strips = [long(273, 8), long(278, 1), long(279, 1)];
    let tiles = [short(322, 1), short(323, 1), long(324, 8), long(325, 1)];
    for parts in [&strips[..], &tiles] {
        let mut entries = [&common[..], &planes, parts].concat();
        entries.sort_unstable();
        assert!(pictures::decode(&tiff(&entries, &[0])).is_err());
    }
}

/// The indices of a palette are what they are, in whichever kind of number the file says so.
#[test]
fn a_palette_is_one_in_any_kind_of_number() {
    let picture = |photometric: (u16, [u8; 4])| {
        let entries = 9;
        let after = 8 + 2 + 12 * entries + 4;
        let at = |more: u32| (after + more).to_be_bytes();
        let long = |tag: u16, value: [u8; 4]| (tag, 4, 1, value);
        let short = |tag: u16, value: u8| (tag, 3, 1, [0, value, 0, 0]);
        let mut pixels = vec![1, 2];
        for colour in [[0, 200, 10], [0, 100, 20], [0, 50, 30]] {
            let mut part = [0; 256];
            part[..3].copy_from_slice(&colour);
            pixels.extend(part.into_iter().flat_map(|level: u8| [level, level]));
        }
        let file = tiff(
            &[
                short(256, 2),
                short(257, 1),
                short(258, 8),
                short(259, 1),
                (262, photometric.0, 1, photometric.1),
                long(273, at(0)),
                short(277, 1),
                long(279, 2u32.to_be_bytes()),
                (320, 3, 768, at(2)),
            ],
            &pixels,
        );
        pictures::decode(&file).map(|picture| picture.into_raw())
    };
    let expected = vec![200, 100, 50, 10, 20, 30];
    assert_eq!(picture((3, [0, 3, 0, 0])).unwrap(), expected, "SHORT");
    assert_eq!(picture((4, [0, 0, 0, 3])).unwrap(), expected, "LONG");
    assert_eq!(picture((1, [3, 0, 0, 0])).unwrap(), expected, "BYTE");
}
