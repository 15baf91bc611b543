//! Any bytes as a tar archive: pictures or an error.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use models::{Dataset, Texts};

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::Builder::new().suffix(".tar").tempfile().expect("a temporary file");
    fs::write(file.path(), bytes).expect("it can be written");
    for texts in [Texts::Folders, Texts::Captions("txt"), Texts::Captions("caption")] {
        if let Ok(dataset) = Dataset::open(file.path(), texts) {
            dataset.items.iter().for_each(|item| drop(item.read()));
        }
    }
});
