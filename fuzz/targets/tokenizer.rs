//! Any bytes as tokenizer.json or spiece.model: token ids or an error.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use models::{Config, Folder, Tokenizer};

fuzz_target!(
    // libFuzzer would stop at a panic that is turned into an error; others it stops at all the same.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |bytes: &[u8]| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = if bytes.trim_ascii_start().starts_with(b"{") { "tokenizer.json" } else { "spiece.model" };
        fs::write(folder.path().join(name), bytes).expect("it can be written");
        let Ok(folder) = Folder::new(folder.path().to_str().expect("its name is UTF-8")) else { return };
        if let Ok(tokenizer) = Tokenizer::load(&folder, &Config::default()) {
            let _ = tokenizer.encode(&["Zürich, ½ cup", "北京 ﬁne", "well-known", ""]);
        }
    }
);
