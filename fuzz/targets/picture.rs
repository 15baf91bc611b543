//! Any bytes as a picture: pixels or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // libFuzzer would stop at a panic that `decode` turns into an error; others it stops at all the same.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |bytes: &[u8]| {
        if let Ok(picture) = pictures::decode(bytes) {
            assert!(picture.width() > 0 && picture.height() > 0);
        }
    }
);
