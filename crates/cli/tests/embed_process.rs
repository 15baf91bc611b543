//! `siglip embed` as a process of its own: killed and run again, and in bfloat16.
#![allow(missing_docs)]

mod process;

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use models::{EmbedOptions, Embeddings, embed};
use process::{siglip, with_limit};

const CLASSES: usize = 20;
const IMAGES_OF_A_CLASS: usize = 15;
const BATCH: usize = 8;

/// Small pictures in folders of `classes` classes.
fn class_folders(root: &Path, classes: usize) {
    for class in 0..classes {
        let folder = root.join(format!("class {class:02}"));
        fs::create_dir_all(&folder).unwrap();
        for k in 0..IMAGES_OF_A_CLASS {
            let level = |x: u32| (x as usize * (class + 3) + 16 * k) as u8;
            let picture =
                image::RgbImage::from_fn(33, 27, |x, y| image::Rgb([level(x), level(y), level(x + y)]));
            picture.save(folder.join(format!("{k:02}.png"))).unwrap();
        }
    }
}

/// A small checkpoint, `siglip` or `siglip2`.
fn checkpoint(name: &str) -> String {
    testing::root().join("crates/models/tests/golden").join(name).display().to_string()
}

fn embed_with(model: &str, images: &Path, out: &Path) -> Command {
    let mut siglip = siglip();
    siglip.args(["embed", "--model", model, "--batch", &BATCH.to_string()]);
    siglip.arg("--images").arg(images).arg("--out").arg(out);
    siglip
}

#[track_caller]
fn succeeded(output: Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn shards_of_any_number_are_merged_to_the_bytes_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    class_folders(&images, 4);
    fs::write(images.join("class 02/03.png"), "no picture").unwrap();
    let at = |name: &str| folder.path().join(name);
    let merge = |out: &Path| siglip().arg("merge").arg(out).output().unwrap();
    for model in ["siglip", "naflex"].map(checkpoint) {
        let embed = |out: &Path, more: &[&str]| {
            let mut command = embed_with(&model, &images, out);
            command.args(["--skip-broken", "--template", "a {}", "--template", "the {}."]).args(more);
            command.output().unwrap()
        };
        let whole = embed(&at("whole.npz"), &[]);
        succeeded(whole.clone());
        for of in [2, 5, 11] {
            let out = at("out.npz");
            for k in (0..of).rev() {
                if k == 0 {
                    let missing = merge(&out);
                    let said = String::from_utf8_lossy(&missing.stderr);
                    assert!(!missing.status.success() && said.contains(&format!("0/{of}")), "{said}");
                }
                succeeded(embed(&out, &["--shard", &format!("{k}/{of}")]));
            }
            // A part whose end a killed process has torn is not taken for whole.
            let part = at(&format!("out.npz.1-of-{of}.batches"));
            let bytes = fs::read(&part).unwrap();
            if of < 11 {
                fs::write(&part, &bytes[..bytes.len() - 5]).unwrap();
                let missing = merge(&out);
                let said = String::from_utf8_lossy(&missing.stderr);
                assert!(said.contains("1 of ") && said.contains(&format!("1/{of}")), "{said}");
                succeeded(embed(&out, &["--shard", &format!("1/{of}")]));
                assert_eq!(fs::read(&part).unwrap(), bytes);
            }
            let merged = merge(&out);
            assert_eq!(merged.stdout, whole.stdout);
            assert!(fs::read(&out).unwrap() == fs::read(at("whole.npz")).unwrap(), "{of} shards");
            fs::remove_file(&out).unwrap();
            for k in 0..of {
                fs::remove_file(at(&format!("out.npz.{k}-of-{of}.batches"))).unwrap();
            }
        }
        // A picture that has changed since is embedded anew.
        let out = at("out.npz");
        (0..2).for_each(|k| succeeded(embed(&out, &["--shard", &format!("{k}/2")])));
        fs::copy(images.join("class 00/00.png"), images.join("class 00/01.png")).unwrap();
        let said = String::from_utf8_lossy(&merge(&out).stderr).into_owned();
        assert!(said.contains("run shards 0/2 again"), "{said}");
        (0..2).for_each(|k| fs::remove_file(at(&format!("out.npz.{k}-of-2.batches"))).unwrap());
    }
}

#[test]
fn a_killed_run_is_taken_up_after_its_last_batch_and_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (images, model) = (folder.path().join("images"), checkpoint("siglip"));
    let out = |name: &str| folder.path().join(name);
    class_folders(&images, CLASSES);
    succeeded(embed_with(&model, &images, &out("whole.npz")).output().unwrap());

    // The side file may grow to half of what it would be: there the kernel kills the process, in
    // the middle of a record.
    let total = CLASSES * IMAGES_OF_A_CLASS;
    let width = Embeddings::read(&out("whole.npz")).unwrap().image.ncols();
    let blocks = 4 * width * total / 2 / 512;
    let killed = embed_with(&model, &images, &out("killed.npz"));
    let status = with_limit(&killed, &format!("ulimit -f {blocks}")).output().unwrap().status;
    assert!(status.signal().is_some() && !out("killed.npz").exists(), "{status}");
    let partial = out("killed.npz.partial");
    assert_eq!(fs::metadata(&partial).unwrap().len(), 512 * blocks as u64);

    let mut resumed = 0;
    let options = EmbedOptions { batch: BATCH, ..EmbedOptions::new(model, &images, out("killed.npz")) };
    let mut last = 0;
    embed(&options, &mut |progress| {
        if progress.stage == "images" {
            (resumed, last) = (progress.resumed, progress.done);
        }
    })
    .unwrap();
    assert!(resumed > total / 8 && resumed < total, "{resumed} of {total} images were resumed");
    assert_eq!(last, total);
    let bytes = |name: &str| fs::read(out(name)).unwrap();
    assert!(bytes("killed.npz") == bytes("whole.npz"), "the resumed run wrote other bytes");
    assert!(!partial.exists());
}

/// A bfloat16 has 8 significant bits: each result is off by up to 0.2 %. Over the two dozen
/// results that a number passes through here these errors add up like a random walk, to 1 % of an
/// embedding; the cosine falls by half the square of that. The bar is 20 times as much, and far
/// from what a wrong layer gives.
#[test]
fn bfloat16_agrees_with_float32_with_and_without_its_instructions() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    class_folders(&images, 2);
    for model in ["siglip", "siglip2"].map(checkpoint) {
        let embed = |out: PathBuf, dtype: &str, variables: &[(&str, &str)]| {
            let mut command = embed_with(&model, &images, &out);
            succeeded(command.args(["--dtype", dtype]).envs(variables.iter().copied()).output().unwrap());
            Embeddings::read(&out).unwrap()
        };
        let expected = embed(folder.path().join("f32.npz"), "f32", &[]);
        // What ATen, oneDNN and MKL compute with, as on other processors.
        let avx2 = [
            ("ATEN_CPU_CAPABILITY", "avx2"),
            ("ONEDNN_MAX_CPU_ISA", "AVX2"),
            ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
        ];
        let oldest = [
            ("ATEN_CPU_CAPABILITY", "default"),
            ("ONEDNN_MAX_CPU_ISA", "SSE41"),
            ("MKL_ENABLE_INSTRUCTIONS", "SSE4_2"),
        ];
        for variables in [&[][..], &avx2, &oldest] {
            let half = embed(folder.path().join("bf16.npz"), "bf16", variables);
            assert_ne!(half.image, expected.image, "{model}: it did not compute in bfloat16");
            for (what, a, b) in
                [("image", &half.image, &expected.image), ("text", &half.class_text, &expected.class_text)]
            {
                let cosines = (a * b).sum_axis(ndarray::Axis(1));
                let least = cosines.iter().copied().fold(f32::INFINITY, f32::min);
                assert!(least > 0.999, "{model}, {what}, {variables:?}: cosine {least}");
            }
        }
    }
}
