//! Memory is taken for what a file has, not for what it claims. Found by fuzzing.
#![allow(missing_docs)]

use std::{
    fs,
    sync::{Mutex, PoisonError},
};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by a test that measures.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Bytes that decoding a picture takes at most.
fn peak(picture: &[u8]) -> usize {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let _ = pictures::decode(picture);
    MEMORY.peak_usage() - before
}

#[test]
fn claims_take_no_memory() {
    const CLAIM: u32 = 1 << 29;
    for (name, chunk) in
        [("exif.webp", "EXIF"), ("xmp.webp", "XMP "), ("exif_and_xmp.png", "eXIf"), ("xmp.png", "iTXt")]
    {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut picture = fs::read(path).unwrap();
        let at = picture.windows(4).position(|bytes| bytes == chunk.as_bytes()).unwrap();
        // PNG's lengths stand before the name of their chunk, WebP's behind it.
        if name.ends_with("png") {
            picture[at - 4..at].copy_from_slice(&CLAIM.to_be_bytes());
        } else {
            picture[at + 4..at + 8].copy_from_slice(&CLAIM.to_le_bytes());
        }
        let peak = peak(&picture);
        assert!(peak < CLAIM as usize / 8, "{name} takes {peak} bytes");
    }
}

/// A TIFF of very many planes, of each of which it has next to nothing.
#[test]
fn planes_that_are_no_colours_take_no_memory() {
    const PLANES: u32 = 60_000;
    const SIDE: u32 = 9_000;
    let (places, lengths) = (8, 8 + 4 * PLANES);
    // Tag, type, count and value: sides, bits, packing, kind, places, planes, lengths, and that they are planes.
    let entries = [
        [256, 4, 1, SIDE],
        [257, 4, 1, SIDE],
        [258, 3, 1, 8],
        [259, 3, 1, 8],
        [262, 3, 1, 1],
        [273, 4, PLANES, places],
        [277, 3, 1, PLANES],
        [279, 4, PLANES, lengths],
        [284, 3, 1, 2],
    ];
    let mut picture = [b"II", &42_u16.to_le_bytes()[..], &(8 + 8 * PLANES).to_le_bytes()].concat();
    for value in [8, 1] {
        picture.extend((0..PLANES).flat_map(|_| u32::to_le_bytes(value)));
    }
    picture.extend((entries.len() as u16).to_le_bytes());
    for [tag, kind, count, value] in entries {
        picture.extend([tag as u16, kind as u16].into_iter().flat_map(u16::to_le_bytes));
        picture.extend([count, value].into_iter().flat_map(u32::to_le_bytes));
    }
    picture.extend([0; 4]);
    assert!(pictures::decode(&picture).is_err());
    let peak = peak(&picture);
    assert!(peak < 64 << 20, "{peak} bytes");
}
