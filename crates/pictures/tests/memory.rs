//! Memory is taken for what a file has, not for what it claims. Found by fuzzing.
#![allow(missing_docs)]

use std::fs;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that decoding a picture takes at most.
fn peak(picture: &[u8]) -> usize {
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
