//! The small towers: training, what is written, and the committed checkpoints.

use std::fs;
use std::path::{Path, PathBuf};

use models::emoji::embed_emoji;
use models::{Config, Folder};
use towers::{TowersConfig, Trained};

/// A training of seconds.
fn tiny(steps: usize, kind: &str) -> TowersConfig {
    let json = format!(
        r#"{{"seed": 3, "steps": {steps}, "warmup_steps": 2, "augmented_steps": 3, "batch": 40, "patch_size": 16,
            "text_length": 6, "checkpoint_every": 4,
            "bias": {{"kind": "{kind}", "init": 1, "trainable": true}},
            "vision_config": {{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}},
            "text_config": {{"hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 3}}}}"#
    );
    TowersConfig::from_json(&json).unwrap()
}

fn train(config: &TowersConfig, folder: &Path) -> Trained {
    towers::train(config, folder, &mut |_| ()).unwrap()
}

#[test]
fn training_lowers_the_loss_that_the_checkpoint_has() {
    for kind in ["absolute", "relative"] {
        let folder = tempfile::tempdir().unwrap();
        let [before, after] = [0, 40].map(|steps| {
            let folder = folder.path().join(steps.to_string());
            train(&tiny(steps, kind), &folder).summary
        });
        // To ignore the pictures and give each name 1 in 1,000 costs 7.9, which takes longer to beat.
        assert!(after.loss < 0.9 * before.loss, "{kind}: {} then {}", before.loss, after.loss);
        let untrained = embed_emoji(folder.path().join("0").to_str().unwrap()).unwrap();
        assert_eq!(towers::summarize(&untrained).unwrap(), before);
        assert!((before.temperature - 10.0).abs() < 1e-5, "{kind}: untrained t is {}", before.temperature);
    }
}

/// libtorch adds up in another order with each number of threads, and a thread that begins beside
/// other work would take that one's.
#[test]
fn what_works_beside_a_training_moves_no_bit() {
    let (config, root) = (tiny(3, "relative"), tempfile::tempdir().unwrap());
    let weights = |name: &str| {
        let folder = root.path().join(name);
        train(&config, &folder);
        fs::read(folder.join("model.safetensors")).unwrap()
    };
    let alone = weights("alone");
    let other_work = threads::Threads::at_most(1);
    let beside = std::thread::scope(|scope| scope.spawn(|| weights("beside")).join().unwrap());
    drop(other_work);
    assert!(alone == beside);
}

#[test]
fn an_interrupted_training_ends_with_the_same_bytes() {
    let config = tiny(10, "relative");
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    // What a kill at step 7 leaves behind: the state of step 4 and no weights.
    let mut copy = |progress: &constellation::train::Progress| {
        if progress.epoch == 7 {
            fs::create_dir(&killed).unwrap();
            for entry in fs::read_dir(&whole).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), killed.join(entry.file_name())).unwrap();
            }
        }
    };
    towers::train(&config, &whole, &mut copy).unwrap();
    assert!(killed.join("state.safetensors").is_file() && !killed.join("model.safetensors").exists());

    let mut steps = Vec::new();
    towers::train(&config, &killed, &mut |progress| steps.push(progress.epoch)).unwrap();
    assert_eq!(steps, [5, 6, 7, 8, 9, 10]);
    for file in ["model.safetensors", "config.json", "tokenizer.json", "training.json"] {
        assert!(fs::read(whole.join(file)).unwrap() == fs::read(killed.join(file)).unwrap(), "{file}");
    }
    assert!(!killed.join("state.safetensors").exists());
}

#[test]
fn a_folder_of_another_training_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    train(&tiny(1, "absolute"), folder.path());
    let weights = fs::read(folder.path().join("model.safetensors")).unwrap();
    assert!(towers::train(&tiny(2, "absolute"), folder.path(), &mut |_| ()).is_err());
    fs::remove_file(folder.path().join("training.json")).unwrap();
    assert!(towers::train(&tiny(1, "absolute"), folder.path(), &mut |_| ()).is_err());
    assert_eq!(fs::read(folder.path().join("model.safetensors")).unwrap(), weights);
}

#[test]
fn a_damaged_state_is_an_error() {
    let config = tiny(10, "absolute");
    for damage in [&b""[..], b"12345678", &[255; 64]] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state.safetensors"), damage).unwrap();
        let error = towers::train(&config, folder.path(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("state.safetensors"), "{error}");
    }
}

/// The folders of the checkpoints that ship with the project, by their names.
fn committed() -> Vec<(String, PathBuf)> {
    let folder = testing::root().join("data/checkpoints");
    let named = |bias: &str, seed: &str| {
        let name = format!("emoji-{bias}{seed}");
        let path = folder.join(&name);
        (name, path)
    };
    let of_seeds = |bias: &'static str| ["", "-seed-2", "-seed-3"].map(|seed| named(bias, seed));
    [of_seeds("absolute"), of_seeds("relative")].concat()
}

#[test]
fn the_committed_checkpoints_are_what_their_summaries_say() {
    for (name, folder) in committed() {
        let stated: Trained =
            serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap();
        let embeddings = embed_emoji(folder.to_str().unwrap()).unwrap();
        let (found, stated) = (towers::summarize(&embeddings).unwrap(), stated.summary);
        assert_eq!((found.violating_pairs, stated.violating_pairs), (0, 0), "{name}");
        assert!(found.margin > 0.0, "{name}: {}", found.margin);
        for (what, found, stated, tolerance) in [
            ("loss", found.loss, stated.loss, 1e-3 * stated.loss),
            ("t", found.temperature, stated.temperature, 1e-3),
            ("b_rel", found.relative_bias, stated.relative_bias, 1e-6),
            ("margin", found.margin, stated.margin, 2e-6), // rounding of float32 similarities
            ("top-1", found.held_out_top_1, stated.held_out_top_1, 0.002),
            ("top-5", found.held_out_top_5, stated.held_out_top_5, 0.002),
        ] {
            assert!((found - stated).abs() <= tolerance, "{name}: {what} {found}, stated {stated}");
        }
    }
}

#[test]
fn the_committed_checkpoints_belong_to_their_descriptions() {
    for (name, folder) in committed() {
        let bytes = fs::metadata(folder.join("model.safetensors")).unwrap().len();
        assert!(bytes <= 3_000_000, "{name}: {bytes}");
        let description = fs::read_to_string(folder.join("training.json")).unwrap();
        let config = TowersConfig::from_json(&description).unwrap();
        // Without steps the same description writes the same files, but for the weights.
        let untrained = tempfile::tempdir().unwrap();
        train(&config.with(&["steps=0"]).unwrap(), untrained.path());
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"] {
            let [ours, theirs] =
                [folder.as_path(), untrained.path()].map(|folder| fs::read(folder.join(file)).unwrap());
            assert!(ours == theirs, "{name}: {file}");
        }
        let sizes =
            Config::read(&Folder::new(folder.to_str().unwrap()).unwrap().require("config.json").unwrap());
        assert_eq!(sizes.unwrap().embedding_size(), config.vision_config.hidden_size, "{name}");
    }
}
