//! The geometry of a file in parts, as processes of their own, is that of one pass to the byte.

mod process;

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;

use files::npz::NpzWriter;
use process::siglip;
use serde_json::Value;

/// Unit vectors on a circle.
fn circle(count: usize, turn: f64) -> Vec<f32> {
    let angle = |i: usize| (i as f64 * 2.4 + turn) % std::f64::consts::TAU;
    (0..count).flat_map(|i| [angle(i).cos() as f32, angle(i).sin() as f32]).collect()
}

/// A file as `siglip embed` writes it: three images of each class.
fn embeddings(path: &Path, classes: usize) {
    let file = File::create(path).unwrap();
    let mut npz = NpzWriter::new(&file);
    let shape = [3 * classes, 2];
    let texts = circle(classes, 0.3);
    npz.numbers("image", &shape, circle(3 * classes, 0.0)).unwrap();
    npz.numbers("text", &shape, texts.chunks(2).flat_map(|text| [text; 3].concat())).unwrap();
    npz.numbers("splits", &[classes], (0..classes).map(|class| 3 * class as i64)).unwrap();
    let names: Vec<String> = (0..3 * classes).map(|row| format!("class {}", row / 3)).collect();
    npz.strings("ordered_labels", names.iter().map(String::as_str)).unwrap();
    npz.finish().unwrap();
}

fn geometry(path: &Path, more: &[&str]) -> Output {
    siglip().arg("geometry").arg(path).args(more).output().unwrap()
}

fn merge(out: &Path) -> Output {
    siglip().arg("merge").arg(out).output().unwrap()
}

#[test]
fn parts_of_any_number_are_merged_to_the_bytes_of_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    embeddings(&at("e.npz"), 700);
    let run = at("run.npz");
    fs::write(at("run.json"), r#"{"pairs": 90, "dim": 4, "epochs": 30}"#).unwrap();
    assert!(siglip().arg("train").arg(at("run.json")).arg("--out").arg(&run).status().unwrap().success());

    for file in [at("e.npz"), run] {
        let whole = geometry(&file, &["--similarities", "--relative-bias", "-0.1"]);
        assert!(whole.status.success(), "{whole:?}");
        let plain: Value = serde_json::from_slice(&geometry(&file, &[]).stdout).unwrap();
        let plain = plain.get(0).unwrap_or(&plain);
        let of_similarities: Value = serde_json::from_slice(&whole.stdout).unwrap();
        for key in ["margin", "matching", "non_matching", "image_to_text", "text_to_image"] {
            assert_eq!(plain[key], of_similarities[key], "{key}");
        }
        assert!(of_similarities["constellation"]["violating_pairs"].as_u64().unwrap() > 0);

        let out = at("g.json");
        for of in [1, 2, 5] {
            for k in (0..of).rev() {
                let shard = format!("{k}/{of}");
                let more = ["--similarities", "--relative-bias", "-0.1", "--shard", &shard, "--out"];
                let more = more.into_iter().chain([out.to_str().unwrap()]).collect::<Vec<_>>();
                if of > 1 && k == 0 {
                    let missing = merge(&out);
                    let said = String::from_utf8_lossy(&missing.stderr);
                    assert!(
                        !missing.status.success() && said.contains("1 of") && said.contains("0/"),
                        "{said}"
                    );
                }
                assert!(geometry(&file, &more).status.success());
            }
            if of > 1 {
                assert!(merge(&out).status.success());
                // Repeated, it is the same.
                assert!(merge(&out).status.success());
            }
            assert_eq!(fs::read(&out).unwrap(), whole.stdout, "{of} shards");
            fs::remove_file(&out).unwrap();
            for part in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
                if part.extension().is_some_and(|end| end == "part") {
                    fs::remove_file(part).unwrap();
                }
            }
        }
    }
}

#[test]
fn parts_of_other_vectors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["e.npz", "g.json"].map(|name| folder.path().join(name));
    for (shard, classes) in [("0/2", 5), ("1/2", 6)] {
        embeddings(&file, classes);
        assert!(
            geometry(&file, &["--similarities", "--shard", shard, "--out", out.to_str().unwrap()])
                .status
                .success()
        );
    }
    let refused = merge(&out);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("parts of the same vectors"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_part_that_is_there_and_whole_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["e.npz", "g.json"].map(|name| folder.path().join(name));
    let part = || {
        let parts = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        parts.into_iter().find(|path| path.extension().is_some_and(|end| end == "part")).unwrap()
    };
    let count = |bias: &str| {
        let more =
            ["--similarities", "--shard", "0/2", "--out", out.to_str().unwrap(), "--relative-bias", bias];
        assert!(geometry(&file, &more).status.success());
    };
    embeddings(&file, 5);
    count("0.5");
    let whole = fs::read(part()).unwrap();
    // A file that was written again is another one, as its time tells.
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let age = || File::options().write(true).open(part()).unwrap().set_modified(long_ago).unwrap();
    let is_old = || fs::metadata(part()).unwrap().modified().unwrap() == long_ago;
    age();
    count("0.5");
    assert!(is_old(), "counted again");
    count("0.25");
    assert!(!is_old(), "of another relative bias");
    count("0.5");
    assert_eq!(fs::read(part()).unwrap(), whole);
    age();
    embeddings(&file, 6);
    count("0.5");
    assert!(!is_old() && fs::read(part()).unwrap() != whole, "of other vectors");
    let damaged = fs::read(part()).unwrap();
    fs::write(part(), &damaged[..damaged.len() / 2]).unwrap();
    count("0.5");
    assert_eq!(fs::read(part()).unwrap(), damaged, "damaged");
}
