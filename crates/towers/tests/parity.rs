//! The committed checkpoints in the transformers library, where its environment is:
//! `.venv-parity` in the root, or the interpreter that `PARITY_PYTHON` names.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use models::{Dtype, Embedder, emoji, preprocess};
use tch::{Kind, Tensor};
use testing::TRANSFORMERS;

const COUNT: usize = 40;

#[test]
fn transformers_loads_the_committed_checkpoints_and_agrees() {
    let test = "transformers_loads_the_committed_checkpoints_and_agrees";
    let Some(python) = testing::python(test, &TRANSFORMERS) else { return };
    for name in ["emoji-absolute", "emoji-relative"] {
        check(&python, &testing::root().join("data/checkpoints").join(name));
    }
}

fn check(python: &Path, checkpoint: &Path) {
    let emoji = emoji::load().unwrap();
    let drawings = &emoji.held_out()[..COUNT];
    let mut texts = emoji.names();
    texts.extend(
        ["Cat FACE!", "a zebra's face", "", "one two three four five six seven eight nine"]
            .map(str::to_owned),
    );
    let expected = reference(python, checkpoint, drawings, &texts);

    let embedder = Embedder::load(checkpoint.to_str().unwrap(), Dtype::F32).unwrap();
    let ids = embedder.tokenizer.encode(&texts).unwrap();
    for (k, text) in texts.iter().enumerate() {
        let row = |ids: &Tensor| Vec::<i64>::try_from(ids.get(k as i64)).unwrap();
        assert_eq!(row(&ids), row(&expected["input_ids"]), "{text:?}");
    }
    let values: Vec<f32> =
        drawings.iter().flat_map(|drawing| preprocess(drawing, &embedder.preprocessor).values).collect();
    let pixels = Tensor::from_slice(&values).view([COUNT as i64, 3, 32, 32]);
    assert_eq!(distance(&pixels, &expected["pixel_values"]), 0.0);
    let (text, image) =
        (embedder.model.embed_texts(&ids).unwrap(), embedder.model.embed_images(&pixels).unwrap());
    // A few times the noise between float32 and float64 in transformers itself.
    for (what, got) in [("text_embeds", &text), ("image_embeds", &image)] {
        let difference = distance(got, &expected[what]);
        assert!(difference < 5e-6, "{}: {what} differ by {difference:e}", checkpoint.display());
    }
    let (t, b_rel) = (embedder.model.temperature(), embedder.model.relative_bias());
    let logits = (image.matmul(&text.tr()) - b_rel) * t;
    let difference = distance(&logits, &expected["logits_per_image"]);
    assert!(difference < 5e-6 * t, "{}: logits differ by {difference:e}", checkpoint.display());
}

fn reference(
    python: &Path,
    checkpoint: &Path,
    drawings: &[image::RgbImage],
    texts: &[String],
) -> HashMap<String, Tensor> {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for (k, drawing) in drawings.iter().enumerate() {
        drawing.save(images.join(format!("{k:03}.png"))).unwrap();
    }
    let out = folder.path().join("expected.safetensors");
    let mut script = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/towers.py"))
        .args([checkpoint, &images, &out])
        .env("HF_HUB_OFFLINE", "1")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(&serde_json::to_vec(texts).unwrap()).unwrap();
    assert!(script.wait().unwrap().success(), "transformers could not use {}", checkpoint.display());
    Tensor::read_safetensors(out).unwrap().into_iter().collect()
}

/// Largest absolute difference.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).to_kind(Kind::Double).abs().max().double_value(&[])
}
