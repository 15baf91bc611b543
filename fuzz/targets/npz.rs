//! Any bytes as an npz file, and as one array in such a file: arrays or an error.
#![no_main]

use std::fs;

use files::npz::NpzReader;
use libfuzzer_sys::fuzz_target;

/// The names of those that a file of embeddings has.
const NAMES: [&str; 4] = ["image", "text", "splits", "ordered_labels"];

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), bytes).expect("it can be written");
    let Ok(mut npz) = NpzReader::open(file.path()) else { return };
    for name in NAMES {
        for read in 0..4 {
            let Ok(Some(array)) = npz.find(name) else { continue };
            match read {
                0 => drop(array.floats()),
                1 => drop(array.doubles()),
                2 => drop(array.indices()),
                _ => drop(array.strings()),
            }
        }
    }
});
