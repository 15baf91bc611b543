//! Any bytes as a safetensors file: tensors or an error.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use models::{Checkpoint, Config, Folder, ImageEmbedder};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("its name is UTF-8");
    // The smallest sizes that there can be, so that a tower could be found.
    let sizes = r#"{"model_type": "siglip_vision_model", "hidden_size": 1, "intermediate_size": 1,
        "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 1, "patch_size": 1}"#;
    fs::write(folder.path().join("config.json"), sizes).expect("it can be written");
    fs::write(folder.path().join("preprocessor_config.json"), "{}").expect("it can be written");
    fs::write(folder.path().join("model.safetensors"), bytes).expect("it can be written");
    let _ = Folder::new(path).and_then(|folder| Checkpoint::open(&folder));
    let _ = ImageEmbedder::load(path, Default::default());
    let _ = Config::read(&folder.path().join("config.json"));
});
