//! Any text as each of the files that describe a checkpoint: a value or an error.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use models::{Config, Folder, Preprocessor, VisionConfig};

fuzz_target!(|bytes: &[u8]| {
    for name in ["config.json", "preprocessor_config.json", "processor_config.json", "open_clip_config.json"]
    {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(name), bytes).expect("it can be written");
        let Ok(opened) = Folder::new(folder.path().to_str().expect("its name is UTF-8")) else { continue };
        let _ = Config::load(&opened);
        if name == "config.json" {
            let _ = VisionConfig::read_alone(&folder.path().join(name));
        }
        for config in
            [VisionConfig::default(), VisionConfig { num_patches: Some(256), ..VisionConfig::default() }]
        {
            let _ = Preprocessor::load(&opened, &config);
        }
    }
});
