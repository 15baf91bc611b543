//! Whatever the bytes of an archive, weights, a tokenizer or a configuration: a result or an error.
//! `PROPTEST_CASES` asks for more.
#![allow(missing_docs)]

use std::{fs, path::Path, sync::LazyLock};

use models::{Checkpoint, Config, Dataset, Embeddings, Folder, Preprocessor, Texts, Tokenizer, VisionConfig};
use proptest::prelude::*;
use tempfile::TempDir;
use testing::damage::{apply, changes};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// An archive with all that one can hold: long names, links, an archive within, captions.
static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let picture = fs::read(format!("{GOLDEN}/images/rgb_small.png")).unwrap();
    let add = |tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    let mut inner = tar::Builder::new(Vec::new());
    add(&mut inner, "c.png", &picture);
    let inner = inner.into_inner().unwrap();
    let mut outer = tar::Builder::new(Vec::new());
    let long = format!("{}/a.png", "long/".repeat(40));
    add(&mut outer, &long, &picture);
    add(&mut outer, "cat/b.png", &picture);
    add(&mut outer, "cat/b.txt", b"a caption");
    add(&mut outer, "n01.tar", &inner);
    outer.append_pax_extensions([("comment", &b"none"[..])]).unwrap();
    add(&mut outer, "cat/d.png", &picture);
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Link);
    link.set_size(0);
    outer.append_link(&mut link, "cat/link.png", "cat/b.png").unwrap();
    outer.into_inner().unwrap()
});

/// A copy of a committed checkpoint without its weights, which are large.
fn small(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(format!("{GOLDEN}/{name}")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|ending| ending != "safetensors") {
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn read_all(path: &Path, texts: Texts) {
    if let Ok(dataset) = Dataset::open(path, texts) {
        for item in &dataset.items {
            let _ = item.read();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn archives(changes in changes()) {
        let mut bytes = ARCHIVE.clone();
        apply(&changes, &mut bytes);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read_all(file.path(), Texts::Folders);
        read_all(file.path(), Texts::Captions("txt"));
    }

    #[test]
    fn weights(changes in changes(), in_header in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let intact = fs::read(format!("{GOLDEN}/siglip/model.safetensors")).unwrap();
        let header = 8 + u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
        let mut bytes = intact[..if in_header { header } else { intact.len() }].to_vec();
        apply(&changes, &mut bytes);
        if in_header {
            bytes.extend_from_slice(&intact[header..]);
        }
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let checkpoint = Folder::new(folder.path().to_str().unwrap()).and_then(|it| Checkpoint::open(&it));
        if let Ok(checkpoint) = checkpoint {
            let _ = checkpoint.tensor("logit_scale", &[1], tch::Kind::Float);
        }
    }

    #[test]
    fn configurations(changes in changes(), which in 0..9usize) {
        let (name, file) = [
            ("siglip", "config.json"), ("siglip", "processor_config.json"), ("siglip", "tokenizer_config.json"),
            ("siglip2", "config.json"), ("siglip2", "preprocessor_config.json"), ("naflex", "config.json"),
            ("naflex", "preprocessor_config.json"), ("open_clip", "open_clip_config.json"), ("open_clip", "tokenizer_config.json"),
        ][which];
        let folder = small(name);
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        apply(&changes, &mut bytes);
        fs::write(&path, bytes).unwrap();
        let Ok(opened) = Folder::new(folder.path().to_str().unwrap()) else { return Ok(()) };
        if name == "open_clip" {
            let weights = "open_clip_model.safetensors";
            fs::copy(format!("{GOLDEN}/{name}/{weights}"), folder.path().join(weights)).unwrap();
        } else {
            let _ = VisionConfig::read_alone(&folder.path().join("config.json"));
        }
        if let Ok(config) = Config::load(&opened) {
            let _ = Preprocessor::load(&opened, &config.vision_config);
            let _ = Tokenizer::load(&opened, &config);
        }
    }

    #[test]
    fn embeddings(changes in changes()) {
        let mut bytes = fs::read(format!("{GOLDEN}/numpy.npz")).unwrap();
        apply(&changes, &mut bytes);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let _ = Embeddings::read(file.path());
    }
}

proptest! {
    // A tokenizer is large.
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: ProptestConfig::default().cases / 8 + 1, ..ProptestConfig::default()
    })]

    #[test]
    fn tokenizers(changes in changes(), which in 0..3usize) {
        let (name, file) =
            [("siglip", "spiece.model"), ("siglip2", "tokenizer.json"), ("open_clip", "tokenizer.json")][which];
        let folder = small(name);
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        apply(&changes, &mut bytes);
        fs::write(&path, bytes).unwrap();
        let Ok(opened) = Folder::new(folder.path().to_str().unwrap()) else { return Ok(()) };
        // (OpenCLIP's description is not complete without weights, and the tokenizer needs no more.)
        let config = Config::load(&opened).unwrap_or_default();
        if let Ok(tokenizer) = Tokenizer::load(&opened, &config) {
            let _ = tokenizer.encode(&["Zürich, ½ cup", "北京 ﬁne", "well-known"]);
        }
    }
}
