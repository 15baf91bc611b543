//! What a folder that `reference.py` wrote is held to.
#![allow(missing_docs)]

use std::{collections::HashMap, fs, path::Path};

use models::{Checkpoint, Config, Embeddings, Folder, Preprocessor, Siglip, Tokenizer, decode, preprocess};
use ndarray::Array2;
use tch::{Kind, Tensor};

/// Compares every case in `root`; the bars are a few times the reference's own noise
/// between its float32 and float64, or eager and fused attention.
pub(crate) fn check(root: &Path) {
    let texts: Vec<String> = serde_json::from_slice(&fs::read(root.join("texts.json")).unwrap()).unwrap();
    let mut cases = 0;
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("config.json").is_file() {
            check_case(&folder, &texts, &root.join("images"));
            cases += 1;
        }
    }
    check_numpy(root);
    assert!(cases >= 2, "{} holds no checkpoints", root.display());
}

fn check_numpy(root: &Path) {
    let embeddings = Embeddings::read(&root.join("numpy.npz")).unwrap();
    assert_eq!((embeddings.classes, embeddings.splits), (vec!["Zürich".into(), "北京".into()], vec![0, 2]));
    assert_eq!(embeddings.image, Array2::from_shape_fn((3, 4), |(i, j)| f32::from(u8::from(i == j))));
    assert_eq!(
        embeddings.class_text,
        Array2::from_shape_fn((2, 4), |(i, j)| f32::from(u8::from(i + 1 == j)))
    );
    let error = Embeddings::read(&root.join("objects.npz")).unwrap_err().to_string();
    assert!(error.contains("ordered_labels") && error.contains("dtype=str"), "{error}");
}

fn check_case(path: &Path, texts: &[String], images: &Path) {
    let name = path.display();
    let folder = Folder::new(path.to_str().unwrap()).unwrap();
    let config = Config::read(&path.join("config.json")).unwrap();
    let model = Siglip::read(&Checkpoint::open(&folder).unwrap(), &config, Kind::Float).unwrap();
    let expected: HashMap<String, Tensor> =
        Tensor::read_safetensors(path.join("expected.safetensors")).unwrap().into_iter().collect();

    let ids = Tokenizer::load(&folder, &config.text_config).unwrap().encode(texts).unwrap();
    for (k, text) in texts.iter().enumerate() {
        let row = |ids: &Tensor| Vec::<i64>::try_from(ids.get(k as i64)).unwrap();
        assert_eq!(row(&ids), row(&expected["input_ids"]), "{name}: ids of {text:?}");
    }
    let difference = distance(&model.embed_texts(&ids).unwrap(), &expected["text_embeds"]);
    assert!(difference < 2e-5, "{name}: text embeddings differ by {difference:e}");
    let difference =
        distance(&model.embed_images(&expected["pixel_values"]).unwrap(), &expected["image_embeds"]);
    assert!(difference < 2e-6, "{name}: image embeddings differ by {difference:e}");

    let preprocessor = Preprocessor::load(&folder, &config).unwrap();
    let mut files: Vec<_> = fs::read_dir(images).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let side = i64::from(preprocessor.image_size);
    for (k, file) in files.iter().enumerate() {
        let file_name = file.file_name().unwrap().to_string_lossy();
        let image = decode(&fs::read(file).unwrap(), &file_name).unwrap();
        let pixels = Tensor::from_slice(&preprocess(&image, &preprocessor)).view([1, 3, side, side]);
        let expected_pixels = expected["pixel_values"].get(k as i64).unsqueeze(0);
        let levels = distance(&pixels, &expected_pixels) * 127.5;
        assert!(levels == 0.0, "{name}: {file_name} differs by {levels} levels");
        let expected_embedding = expected["image_embeds"].get(k as i64).unsqueeze(0);
        let difference = distance(&model.embed_images(&pixels).unwrap(), &expected_embedding);
        assert!(difference < 2e-6, "{name}: {file_name}: embeddings differ by {difference:e}");
    }
}

/// Largest absolute difference.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}
