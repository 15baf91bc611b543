//! Killed at random moments, again and again, a command that is run once more ends with the same
//! bytes. `SIGLIP_KILLS` says how many times each command is killed.
#![cfg(unix)]
#![allow(missing_docs)]

mod process;

use std::{
    collections::BTreeMap,
    env, fs,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Instant,
};

use process::{siglip, with_limit};
use serde_json::Value;

fn kills() -> usize {
    env::var("SIGLIP_KILLS").map_or(4, |count| count.parse().unwrap())
}

/// From 0 to 1.
fn random() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

/// The files below a folder; seconds, which differ from run to run, are not compared.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            if path.extension().is_some_and(|ending| ending == "json") {
                let mut value: Value = serde_json::from_slice(&bytes).unwrap();
                value["seconds"] = Value::Null;
                value["summary"]["seconds"] = Value::Null;
                bytes = serde_json::to_vec(&value).unwrap();
            }
            files.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
        }
    }
    files
}

/// `command` makes the command that writes into a folder.
fn campaign(name: &str, command: impl Fn(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    fs::create_dir(&whole).unwrap();
    let start = Instant::now();
    let output = command(&whole).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let (duration, expected) = (start.elapsed(), contents(&whole));
    assert!(!expected.is_empty());

    let mut left = kills();
    for round in 0.. {
        let place = folder.path().join(format!("killed{round}"));
        fs::create_dir(&place).unwrap();
        // Several times in the same place, by SIGKILL or where a file has grown so far.
        let mut moments = Vec::new();
        for _ in 0..left.min(3) {
            if random() < 0.5 {
                let moment = duration.mul_f64(random());
                let mut child = command(&place).spawn().unwrap();
                sleep(moment);
                child.kill().unwrap();
                child.wait().unwrap();
                moments.push(format!("after {moment:?}"));
            } else {
                let longest = expected.values().map(Vec::len).max().unwrap_or(0);
                let blocks = (longest as f64 * random()) as usize / 512;
                // By the signal, or as an error like that of a full disk.
                let trap = if random() < 0.5 { "trap '' XFSZ; " } else { "" };
                with_limit(&command(&place), &format!("{trap}ulimit -f {blocks}")).output().unwrap();
                moments.push(format!("{trap}at {blocks} blocks"));
            }
        }
        left -= moments.len();
        let output = command(&place).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}, killed {moments:?}: {said}");
        let found = contents(&place);
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{name}, killed {moments:?}");
        assert!(found == expected, "{name}, killed {moments:?}: other bytes");
        fs::remove_dir_all(&place).unwrap();
        if left == 0 {
            return;
        }
    }
}

/// A description beside the tests' folders.
fn description(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn train() {
    let file = description(r#"{"pairs": 50, "dim": 5, "epochs": 5000}"#);
    campaign("train", |place| {
        let mut siglip = siglip();
        siglip.arg("train").arg(file.path()).arg("--out").arg(place.join("out.npz"));
        siglip
    });
}

#[test]
fn sweep() {
    let text =
        r#"{"base": {"pairs": 40, "dim": 5, "epochs": 2000}, "grid": {"seed": [1, 2, 3, 4, 5, 6, 7, 8]}}"#;
    let file = description(text);
    campaign("sweep", |place| {
        let mut siglip = siglip();
        siglip.arg("sweep").arg(file.path()).arg("--out").arg(place);
        siglip
    });
}

#[test]
fn embed() {
    let golden = testing::root().join("crates/models/tests/golden");
    let images = tempfile::tempdir().unwrap();
    for class in 0..6 {
        for picture in fs::read_dir(golden.join("images")).unwrap() {
            let picture = picture.unwrap().path();
            let folder = images.path().join(format!("class {class}"));
            fs::create_dir_all(&folder).unwrap();
            fs::copy(&picture, folder.join(picture.file_name().unwrap())).unwrap();
        }
    }
    campaign("embed", |place| {
        let mut siglip = siglip();
        siglip.args(["embed", "--batch", "4", "--model"]).arg(golden.join("siglip"));
        siglip.arg("--images").arg(images.path()).arg("--out").arg(place.join("out.npz"));
        siglip
    });
}

#[test]
fn train_towers() {
    let sizes =
        r#"{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}"#;
    let text = format!(
        r#"{{"steps": 12, "warmup_steps": 2, "augmented_steps": 6, "batch": 20, "checkpoint_every": 3,
            "vision_config": {sizes}, "text_config": {sizes}}}"#
    );
    let file = description(&text);
    campaign("train-towers", |place| {
        let mut siglip = siglip();
        siglip.arg("train-towers").arg(file.path()).arg("--out").arg(place);
        siglip
    });
}
