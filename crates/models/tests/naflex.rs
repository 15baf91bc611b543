//! A model of variable resolution: batches of all proportions, bfloat16, what its files may say.
#![allow(missing_docs)]

use std::fs;

use image::RgbImage;
use models::{Dtype, EmbedOptions, Embedder, Embeddings, Grid, Siglip, embed};
use ndarray::{Array2, Axis, concatenate};
use tch::Tensor;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn load(dtype: Dtype) -> Embedder {
    Embedder::load(&format!("{GOLDEN}/naflex"), dtype).unwrap()
}

/// Square, three to one, one to five, tiny, large, a line.
fn pictures() -> Vec<RgbImage> {
    [(64, 64), (90, 30), (20, 100), (1, 1), (3, 2), (900, 1300), (700, 1)]
        .map(|(width, height)| {
            RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * 7 + y) as u8, (x ^ y) as u8, (y * 5) as u8])
            })
        })
        .into()
}

/// Largest absolute difference.
fn distance(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    (a - b).iter().fold(0.0, |largest, x| x.abs().max(largest))
}

#[test]
fn an_image_is_embedded_alike_in_any_company() {
    let pictures = pictures();
    // Integers depend on all that shares their scale, so that each picture has one of its own.
    for (dtype, bar) in [(Dtype::F32, 2e-6), (Dtype::Bf16, 2e-2), (Dtype::Int8, 1e-9)] {
        let embedder = load(dtype);
        let together = embedder.images(&pictures).unwrap();
        let alone: Vec<_> = pictures.chunks(1).map(|picture| embedder.images(picture).unwrap()).collect();
        let views: Vec<_> = alone.iter().map(|row| row.view()).collect();
        let difference = distance(&together, &concatenate(Axis(0), &views).unwrap());
        assert!(difference < bar, "{dtype:?}: {difference:e}");
        let whole = load(Dtype::F32).images(&pictures).unwrap();
        for (k, (a, b)) in together.rows().into_iter().zip(whole.rows()).enumerate() {
            assert!(a.dot(&b) > 0.999, "{dtype:?}: cosine of picture {k} is {}", a.dot(&b));
        }
    }
}

#[test]
fn a_data_set_is_embedded_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    for (class, picture) in ["wide", "tall", "square"].iter().zip(["rgb_wide", "rgb_tall", "rgb_small"]) {
        fs::create_dir(folder.path().join(class)).unwrap();
        let file = format!("{picture}.png");
        fs::copy(format!("{GOLDEN}/images/{file}"), folder.path().join(class).join(file)).unwrap();
    }
    fs::write(folder.path().join("wide/broken.png"), "no picture").unwrap();
    let run = |batch: usize| {
        let out = folder.path().join(format!("{batch}.npz"));
        let options = EmbedOptions::new(format!("{GOLDEN}/naflex"), folder.path(), &out);
        let embeddings = embed(&EmbedOptions { batch, skip_broken: true, ..options }, &mut |_| {}).unwrap();
        assert_eq!(Embeddings::read(&out).unwrap().image, embeddings.image);
        embeddings
    };
    let (one, sixteen) = (run(1), run(16));
    assert_eq!(one.classes, ["square", "tall", "wide"]);
    assert_eq!(one.skipped, ["wide/broken.png"]);
    assert!(distance(&one.image, &sixteen.image) < 2e-6);
}

#[test]
fn impossible_patches_are_errors() {
    let Siglip { vision, .. } = load(Dtype::F32).model;
    let zeros = |patches: i64| Tensor::zeros([patches, 48], (tch::Kind::Float, tch::Device::Cpu));
    let grid = |rows, columns| Grid { rows, columns };
    assert!(vision.forward_patches(&zeros(6), &[grid(2, 3)]).is_ok());
    for grids in [&[grid(2, 2)][..], &[grid(2, 3), grid(0, 1)], &[]] {
        let error = vision.forward_patches(&zeros(6), grids).unwrap_err().to_string();
        assert!(error.contains("patches: got [6, 48]"), "{error}");
    }
    let image = Tensor::zeros([1, 3, 16, 16], (tch::Kind::Float, tch::Device::Cpu));
    assert!(vision.forward(&image).unwrap_err().to_string().contains("resolution is variable"));
}

#[test]
fn descriptions_that_do_not_fit_are_refused() {
    for (file, from, to, words) in [
        ("preprocessor_config.json", "\"patch_size\": 4", "\"patch_size\": 5", ["patch_size", "5"]),
        (
            "preprocessor_config.json",
            "\"max_num_patches\": 20",
            "\"max_num_patches\": 0",
            ["max_num_patches", "0"],
        ),
        (
            "preprocessor_config.json",
            "\"max_num_patches\": 20",
            "\"max_num_patches\": 9999999999",
            ["max_num_patches", "9999999999"],
        ),
        ("config.json", "\"num_patches\": 16", "\"num_patches\": 25", ["position_embedding", "[25, 32]"]),
        ("config.json", "\"num_patches\": 16", "\"num_patches\": 15", ["num_patches", "square"]),
        (
            "config.json",
            "\"model_type\": \"siglip2\"",
            "\"model_type\": \"siglip\"",
            ["patch_embedding", "[32, 48]"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(format!("{GOLDEN}/naflex")).unwrap() {
            let source = entry.unwrap().path();
            fs::copy(&source, folder.path().join(source.file_name().unwrap())).unwrap();
        }
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let model = folder.path().to_str().unwrap();
        let error = Embedder::load(model, Dtype::F32).map(|_| ()).map_err(|error| error.to_string());
        let loaded = error.as_ref().is_err_and(|error| words.iter().all(|word| error.contains(word)));
        assert!(loaded, "{to}: {error:?}");
    }
}
