//! An image tower alone: vectors of images, and no more.
#![allow(missing_docs)]

use std::{fs, path::Path};

use models::{
    Dtype, EmbedOptions, Embedder, Embeddings, ImageEmbedder, ImageEmbeddings, Vectors, embed, embed_vectors,
};
use safetensors::{SafeTensors, serialize_to_file};
use serde_json::Value;
use tempfile::TempDir;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The image tower of a committed checkpoint, with names that begin with `prefix`.
fn tower(case: &str, prefix: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(GOLDEN).join(case);
    for entry in fs::read_dir(&source).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains("processor") {
            fs::copy(&file, folder.path().join(name)).unwrap();
        }
    }
    let config: Value = serde_json::from_slice(&fs::read(source.join("config.json")).unwrap()).unwrap();
    let mut config = config["vision_config"].clone();
    let class = if case == "naflex" { "Siglip2VisionModel" } else { "SiglipVisionModel" };
    config["architectures"] = Value::from([class]);
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let bytes = fs::read(source.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.tensors().into_iter().filter_map(|(name, tensor)| {
        name.strip_prefix("vision_model.").map(|name| (format!("{prefix}{name}"), tensor))
    });
    serialize_to_file(tensors, None, &folder.path().join("model.safetensors")).unwrap();
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

#[test]
fn vectors_are_those_of_the_whole_model() {
    for case in ["siglip", "naflex"] {
        let (data, outputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (class, picture) in [("a", "rgb.png"), ("a", "rgb_tall.png"), ("b", "colour.jpg")] {
            fs::create_dir_all(data.path().join(class)).unwrap();
            fs::copy(format!("{GOLDEN}/images/{picture}"), data.path().join(class).join(picture)).unwrap();
        }
        let whole =
            EmbedOptions::new(format!("{GOLDEN}/{case}"), data.path(), outputs.path().join("whole.npz"));
        let whole = embed(&whole, &mut |_| {}).unwrap();
        for prefix in ["", "vision_model."] {
            let folder = tower(case, prefix);
            let out = outputs.path().join("images.npz");
            let options = EmbedOptions::new(path(&folder), data.path(), &out);
            let Vectors::Images(alone) = embed_vectors(&options, &mut |_| {}).unwrap() else {
                panic!("{case}: texts of an image tower")
            };
            // Where in memory the weights lie moves the last bits.
            let difference = (&alone.image - &whole.image).iter().fold(0.0_f32, |all, x| all.max(x.abs()));
            assert!(difference < 1e-6, "{case} {prefix}: {difference:e}");
            let expected = ImageEmbeddings {
                image: alone.image.clone(),
                classes: whole.classes.clone(),
                splits: whole.splits.clone(),
                skipped: Vec::new(),
                left_out: whole.left_out.clone(),
            };
            assert_eq!(alone, expected, "{case} {prefix}");
            let error = Embeddings::read(&out).unwrap_err().to_string();
            assert!(error.contains("`text`") && error.contains("images alone"), "{error}");
            let mut npz = files::npz::NpzReader::open(&out).unwrap();
            assert_eq!(npz.array("image").unwrap().shape, [3, whole.image.ncols()]);
            assert_eq!(npz.array("ordered_labels").unwrap().strings().unwrap(), ["a", "a", "b"]);

            let template = EmbedOptions { templates: vec!["a {}".to_owned()], ..options.clone() };
            let error = embed_vectors(&template, &mut |_| {}).unwrap_err().to_string();
            assert!(error.contains("template") && error.contains("without texts"), "{error}");
            // Who asks for both is told.
            let error = embed(&options, &mut |_| {}).unwrap_err().to_string();
            assert!(error.contains("image tower alone"), "{error}");
        }
    }
}

#[test]
fn other_models_are_no_image_towers() {
    let error = |folder: &str| ImageEmbedder::load(folder, Dtype::F32).unwrap_err().to_string();
    assert!(error(&format!("{GOLDEN}/siglip")).contains("not an image tower alone"));
    assert!(error(&format!("{GOLDEN}/open_clip")).contains("not an image tower alone"));
    let folder = tower("siglip", "");
    let file = folder.path().join("config.json");
    let config = fs::read_to_string(&file).unwrap();
    for (from, to, words) in [
        ("\"hidden_size\":24", "\"hidden_size\":0", "`hidden_size` is 0"),
        ("\"num_attention_heads\":2", "\"num_attention_heads\":5", "`num_attention_heads` is 5"),
        ("\"image_size\":30", "\"image_size\":300000", "`image_size` is 300000"),
        ("\"image_size\":30", "\"image_size\":60", "`size` is 30 x 30"),
        ("\"patch_size\":14", "\"patch_size\":14,\"vision_use_head\":false", "`vision_use_head`"),
        ("\"hidden_size\":24", "\"hidden_size\":\"wide\"", "`hidden_size`"),
    ] {
        assert!(config.contains(from), "no {from} in {config}");
        let changed = config.replace("\"vision_use_head\":true", "").replace(",,", ",").replace(",}", "}");
        fs::write(&file, changed.replace(from, to)).unwrap();
        let message = error(path(&folder));
        assert!(message.contains(words), "{to}: {message}");
    }
    fs::write(&file, config.replace("SiglipVisionModel", "SiglipForImageClassification")).unwrap();
    let error = Embedder::load(path(&folder), Dtype::F32).unwrap_err().to_string();
    assert!(error.contains("classifier") || error.contains("image tower alone"), "{error}");
}
