//! What a folder that `reference.py` wrote is held to.
#![allow(missing_docs)]

use std::{collections::HashMap, fs, path::Path, slice};

use models::{
    Checkpoint, Config, Dtype, Embeddings, Folder, Grid, ImageEmbedder, Pixels, Preprocessor, Siglip,
    Tokenizer, VisionTower, decode, normalize, preprocess,
};
use ndarray::Array2;
use tch::Tensor;

/// Compares every case in `root`; the bars are a few times the reference's own noise
/// between its float32 and float64, or eager and fused attention.
pub(crate) fn check(root: &Path) {
    let texts: Vec<String> = serde_json::from_slice(&fs::read(root.join("texts.json")).unwrap()).unwrap();
    let mut cases = 0;
    for entry in fs::read_dir(root).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("expected.safetensors").is_file() {
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

/// Compares one checkpoint with what is beside it.
pub(crate) fn check_case(path: &Path, texts: &[String], images: &Path) {
    let name = path.display();
    let folder = Folder::new(path.to_str().unwrap()).unwrap();
    let config = Config::load(&folder).unwrap();
    let model =
        Siglip::read(&Checkpoint::open(&folder).unwrap(), &config, Dtype::F32, tch::Device::Cpu).unwrap();
    let expected: HashMap<String, Tensor> =
        Tensor::read_safetensors(path.join("expected.safetensors")).unwrap().into_iter().collect();

    let ids = Tokenizer::load(&folder, &config).unwrap().encode(texts).unwrap();
    for (k, text) in texts.iter().enumerate() {
        let row = |ids: &Tensor| Vec::<i64>::try_from(ids.get(k as i64)).unwrap();
        assert_eq!(row(&ids), row(&expected["input_ids"]), "{name}: ids of {text:?}");
    }
    let texts_differ = distance(&model.embed_texts(&ids).unwrap(), &expected["text_embeds"]);
    assert!(texts_differ < 2e-5, "{name}: text embeddings differ by {texts_differ:e}");
    let preprocessor = Preprocessor::load(&folder, &config.vision_config).unwrap();
    let mut files: Vec<_> = fs::read_dir(images).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut all, mut largest) = (Vec::new(), 0.0_f64);
    for (k, file) in files.iter().enumerate() {
        let file_name = file.file_name().unwrap().to_string_lossy();
        let image = decode(&fs::read(file).unwrap(), &file_name).unwrap();
        let pixels = preprocess(&image, &preprocessor);
        let mut expected_pixels = expected["pixel_values"].get(k as i64);
        if let Some(grid) = pixels.grid {
            let shape = Vec::<i64>::try_from(expected["spatial_shapes"].get(k as i64)).unwrap();
            assert_eq!([grid.rows, grid.columns].map(i64::from), shape[..], "{name}: {file_name}");
            expected_pixels = expected_pixels.narrow(0, 0, grid.patches()); // without padding
        }
        let levels = distance(&Tensor::from_slice(&pixels.values), &expected_pixels.flatten(0, -1)) * 127.5;
        assert!(levels == 0.0, "{name}: {file_name} differs by {levels} levels");
        let expected_embedding = expected["image_embeds"].get(k as i64).unsqueeze(0);
        let difference =
            distance(&embed(&model.vision, &config, slice::from_ref(&pixels)), &expected_embedding);
        assert!(difference < 2e-6, "{name}: {file_name}: embeddings differ by {difference:e}");
        largest = largest.max(difference);
        all.push(pixels);
    }
    let alone = path.join("vision");
    if alone.is_dir() {
        let tower = ImageEmbedder::load(alone.to_str().unwrap(), Dtype::F32).unwrap().tower;
        let difference = distance(&embed(&tower, &config, &all), &expected["image_embeds"]);
        assert!(difference < 2e-6, "{name}: embeddings of the tower alone differ by {difference:e}");
    }
    // Of variable resolution they have all proportions, and are padded in the reference.
    let difference = distance(&embed(&model.vision, &config, &all), &expected["image_embeds"]);
    assert!(difference < 2e-6, "{name}: embeddings of one batch differ by {difference:e}");
    println!(
        "{name}: texts differ by {texts_differ:.1e}, images by {largest:.1e} one by one and by {difference:.1e} \
         in one batch"
    );
}

/// Embeddings of a batch.
fn embed(tower: &VisionTower, config: &Config, images: &[Pixels]) -> Tensor {
    let values: Vec<Tensor> = images.iter().map(|image| Tensor::from_slice(&image.values)).collect();
    let (values, vision) = (Tensor::cat(&values, 0), &config.vision_config);
    let grids: Vec<Grid> = images.iter().filter_map(|image| image.grid).collect();
    if grids.is_empty() {
        let side = vision.image_size;
        return unit(tower.forward(&values.view([-1, 3, side, side])));
    }
    unit(tower.forward_patches(&values.view([-1, 3 * vision.patch_size.pow(2)]), &grids))
}

fn unit(features: models::Result<Tensor>) -> Tensor {
    normalize(&features.unwrap()).unwrap().detach()
}

/// Largest absolute difference.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}
