//! Damaged, mislabelled and hostile files: each is an error that says what is wrong.
#![allow(missing_docs)]

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use models::{Dataset, Dtype, EmbedOptions, Embedder, Embeddings, Texts, decode, embed};
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// A copy of a committed checkpoint, to be damaged.
fn checkpoint(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(format!("{GOLDEN}/{name}")).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    folder
}

fn load(folder: &Path) -> String {
    Embedder::load(folder.to_str().unwrap(), Dtype::F32).unwrap_err().to_string()
}

#[track_caller]
fn assert_says(error: &str, words: &[&str]) {
    for word in words {
        assert!(!word.is_empty() && error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn weights_that_are_not_what_they_claim() {
    let folder = checkpoint("siglip");
    let file = folder.path().join("model.safetensors");
    let intact = fs::read(&file).unwrap();
    let header_length = u64::from_le_bytes(intact[..8].try_into().unwrap()) as usize;
    let damaged = |bytes: &[u8], words: &[&str]| {
        fs::write(&file, bytes).unwrap();
        assert_says(&load(folder.path()), &[&["model.safetensors"], words].concat());
    };
    damaged(&[&(1u64 << 60).to_le_bytes()[..], &intact[8..]].concat(), &["1152921504606846976"]);
    damaged(&[&u64::MAX.to_le_bytes()[..], &intact[8..]].concat(), &["18446744073709551615"]);
    damaged(&intact[..intact.len() - 1], &["truncated"]);
    damaged(&intact[..header_length / 2], &["truncated"]);
    damaged(&[&intact[..], b"?"].concat(), &["damaged"]);
    damaged(&[], &[]);
    damaged(
        &[&intact[..8], &vec![b'['; header_length], &intact[8 + header_length..]].concat(),
        &["table of contents"],
    );

    let edited = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let header = std::str::from_utf8(&intact[8..8 + header_length]).unwrap();
        assert!(header.contains(from));
        [&intact[..8], header.replace(from, to).as_bytes(), &intact[8 + header_length..]].concat()
    };
    damaged(&edited("vision_model.head.probe", "vision_model.head.prone"), &["vision_model.head.probe"]);
    damaged(
        &edited("\"shape\":[24,3,14,14]", "\"shape\":[14,3,24,14]"),
        &["patch_embedding.weight", "[14, 3, 24, 14]"],
    );
    damaged(&edited("\"shape\":[24,3,14,14]", "\"shape\":[24,3,99,99]"), &["table of contents"]);
}

#[test]
fn shards_outside_their_folder_and_no_weights() {
    let folder = checkpoint("siglip");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_says(&load(folder.path()), &["no model.safetensors"]);
    for (index, word) in [
        (r#"{"weight_map": {"logit_scale": "../model.safetensors"}}"#, "../model.safetensors"),
        (r#"{"weight_map": {"logit_scale": "/etc/passwd"}}"#, "/etc/passwd"),
        (r#"{"weight_map": {"logit_scale": "gone.safetensors"}}"#, "gone.safetensors"),
        (r#"{"weight_map": {}}"#, "weight_map"),
        (r#"{"weight_map": 3}"#, "weight_map"),
        (r#"{}"#, "weight_map"),
    ] {
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert_says(&load(folder.path()), &[word]);
    }
}

#[test]
fn what_is_no_checkpoint_of_this_kind_is_said() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 812672320\n";
    for file in ["model.safetensors", "spiece.model", "config.json", "tokenizer_config.json"] {
        let folder = checkpoint("siglip");
        fs::write(folder.path().join(file), pointer).unwrap();
        assert_says(&load(folder.path()), &[file, "Git LFS", "git lfs pull"]);
    }
    let folder = checkpoint("siglip");
    fs::rename(folder.path().join("config.json"), folder.path().join("open_clip_config.json")).unwrap();
    assert_says(&load(folder.path()), &["open_clip_config.json", "model_cfg"]);

    let folder = checkpoint("siglip");
    let file = folder.path().join("model.safetensors");
    fs::rename(&file, folder.path().join("pytorch_model.bin")).unwrap();
    assert_says(&load(folder.path()), &["no model.safetensors", "pytorch_model.bin", "save_pretrained"]);

    for prefix in ["siglip.", "module.", "_orig_mod."] {
        let folder = checkpoint("siglip");
        let file = folder.path().join("model.safetensors");
        let bytes = fs::read(&file).unwrap();
        let length = bytes_before(&bytes);
        let mut header: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let names: Vec<String> = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
        for name in names {
            let tensor = header.remove(&name).unwrap();
            header.insert(format!("{prefix}{name}"), tensor);
        }
        let header = serde_json::to_vec(&header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        fs::write(&file, [&length[..], &header, &bytes[8 + bytes_before(&bytes)..]].concat()).unwrap();
        assert_says(&load(folder.path()), &[&format!("`{prefix}"), "within another one"]);
    }
}

#[test]
fn what_is_no_siglip_in_the_layout_of_open_clip_is_said() {
    const CONFIG: &str = "open_clip_config.json";
    for (from, to, words) in [
        ("vit_base_patch32_siglip_256", "vit_base_patch32_clip_224", ["timm_model_name", "clip_224"]),
        ("vit_base_patch32_siglip_256", "vit_base_patch16_siglip_gap_256", ["timm_model_name", "gap_256"]),
        ("\"timm_pool\": \"map\"", "\"timm_pool\": \"avg\"", ["timm_pool", "avg"]),
        ("\"timm_pool\": \"map\"", "\"timm_pool\": null", ["timm_pool", "is missing"]),
        ("\"no_causal_mask\": true", "\"no_causal_mask\": false", ["text_cfg.no_causal_mask", "true"]),
        ("\"pool_type\": \"last\"", "\"pool_type\": \"eos\"", ["text_cfg.pool_type", "eos"]),
        ("\"layers\": 1", "\"layers\": 1, \"hf_model_name\": \"roberta\"", ["hf_model_name", "roberta"]),
        ("\"layers\": 1", "\"layers\": 1, \"mlp_ratio\": 1e300", ["mlp_ratio", "1e+300"]),
        ("\"layers\": 1", "\"layers\": 2", ["resblocks.1.", "no tensor"]),
        ("\"heads\": 4", "\"heads\": 5", ["num_attention_heads", "divisor"]),
        ("\"image_size\": 32", "\"image_size\": 64", ["pos_embed", "[1, 16, 24]"]),
        ("\"embed_dim\": 24", "\"embed_dim\": 25", ["projection_size", "25"]),
        ("canonicalize", "none", ["clean", "none"]),
        ("squash", "shortest", ["resize_mode", "shortest"]),
        ("bicubic", "random", ["interpolation", "random"]),
    ] {
        let folder = checkpoint("open_clip");
        let path = folder.path().join(CONFIG);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{CONFIG} has no {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        assert_says(&load(folder.path()), &words);
    }
    let folder = checkpoint("open_clip");
    let file = folder.path().join("open_clip_model.safetensors");
    fs::rename(&file, folder.path().join("open_clip_pytorch_model.bin")).unwrap();
    assert_says(&load(folder.path()), &["open_clip_model.safetensors", ".bin", "save_for_hf"]);
    // The other name that such files have.
    let other = folder.path().join("open_clip_pytorch_model.safetensors");
    fs::rename(folder.path().join("open_clip_pytorch_model.bin"), other).unwrap();
    Embedder::load(folder.path().to_str().unwrap(), Dtype::Bf16).unwrap();
}

/// Length of a safetensors file's table of contents.
fn bytes_before(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

#[test]
fn configurations_of_another_model() {
    for (file, from, to, words) in [
        (
            "config.json",
            "\"hidden_size\": 24",
            "\"hidden_size\": 26",
            ["vision_config.hidden_size", "projection_size"],
        ),
        ("config.json", "\"hidden_size\": 24", "\"hidden_size\": -24", ["vision_config.hidden_size", "-24"]),
        (
            "config.json",
            "\"patch_size\": 14",
            "\"patch_size\": 15",
            ["patch_embedding.weight", "[24, 3, 15, 15]"],
        ),
        ("config.json", "\"image_size\": 30", "\"image_size\": 99", ["image_size", "image_size"]),
        ("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", ["layers.2", "no tensor"]),
        ("processor_config.json", "\"height\": 30", "\"height\": 224", ["size", "224 x 30"]),
        ("processor_config.json", "\"resample\": 3", "\"resample\": 1", ["resample", "bicubic"]),
        (
            "processor_config.json",
            "\"do_resize\": true",
            "\"do_resize\": false",
            ["do_resize", "expected true"],
        ),
        (
            "tokenizer_config.json",
            "\"eos_token\": \"</s>\"",
            "\"eos_token\": \"<end>\"",
            ["<end>", "spiece.model"],
        ),
    ] {
        let folder = checkpoint("siglip");
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        assert_says(&load(folder.path()), &words);
    }
    for file in ["config.json", "processor_config.json", "spiece.model"] {
        let folder = checkpoint("siglip");
        fs::remove_file(folder.path().join(file)).unwrap();
        load(folder.path());
        for bytes in [&b""[..], b"{", b"\xff\xfe\x00", b"[[[[[[[["] {
            fs::write(folder.path().join(file), bytes).unwrap();
            assert_says(&load(folder.path()), &[file]);
        }
    }
}

#[test]
fn damaged_tokenizers_do_not_panic() {
    for (case, file) in [("siglip", "spiece.model"), ("siglip2", "tokenizer.json")] {
        let folder = checkpoint(case);
        let path = folder.path().join(file);
        let intact = fs::read(&path).unwrap();
        for k in (0..intact.len()).step_by(intact.len() / 200) {
            let mut damaged = intact.clone();
            damaged[k] ^= 0x55;
            fs::write(&path, damaged).unwrap();
            if let Ok(embedder) = Embedder::load(folder.path().to_str().unwrap(), Dtype::F32) {
                let _ = embedder.tokenizer.encode(&["Zürich, ½ cup", "北京 ﬁne", "well-known"]);
            }
            fs::write(&path, &intact[..k]).unwrap();
            let _ = Embedder::load(folder.path().to_str().unwrap(), Dtype::F32);
        }
    }
}

/// Half of a surrogate pair, at which the crate that reads it panics.
#[test]
fn a_tokenizer_whose_reader_gives_up_is_damaged() {
    let folder = checkpoint("siglip2");
    let path = folder.path().join("tokenizer.json");
    let intact = fs::read_to_string(&path).unwrap();
    let decoder = intact.find("\"decoder\"").unwrap();
    let damaged = intact[decoder..].replacen("\"▁\"", "\"\\ud800\"", 1);
    fs::write(&path, intact[..decoder].to_owned() + &damaged).unwrap();
    let error = Embedder::load(folder.path().to_str().unwrap(), Dtype::F32).unwrap_err().to_string();
    assert_says(&error, &["tokenizer.json", "gave up"]);
}

#[test]
fn a_model_that_is_neither_a_folder_nor_to_be_had() {
    let error = |model: &str| Embedder::load(model, Dtype::F32).unwrap_err().to_string();
    assert_says(&error("/no/such/folder"), &["/no/such/folder", "hub id"]);
    assert_says(&error("siglip"), &["siglip", "hub id"]);
}

#[test]
fn images_that_are_not_images() {
    let read = |name: &str| fs::read(format!("{GOLDEN}/images/{name}")).unwrap();
    let error = |bytes: &[u8]| decode(bytes, "photo.jpg").unwrap_err().to_string();
    let jpeg = read("colour.jpg");
    let png = read("rgb.png");
    assert_says(&error(b""), &["photo.jpg", "is empty"]);
    assert_says(&error(b"a text"), &["photo.jpg", "is no JPEG, PNG"]);
    assert_says(&error(b"GIF89a\x01\x00\x01\x00"), &["photo.jpg"]);
    for length in (4..jpeg.len()).step_by(37) {
        assert_says(&error(&jpeg[..length]), &["photo.jpg"]);
    }
    for length in (8..png.len() - 12).step_by(37) {
        assert_says(&error(&png[..length]), &["photo.jpg"]);
    }

    // The frame header, after its marker and length: precision, height, width.
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let mut bomb = jpeg.clone();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    assert_says(&error(&bomb), &["photo.jpg", "65500 x 65500"]);
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert_says(&error(&bomb), &["photo.jpg"]);

    for k in 0..jpeg.len() {
        let mut damaged = jpeg.clone();
        damaged[k] ^= 0xff;
        let _ = decode(&damaged, "photo.jpg"); // must not panic
    }
}

#[test]
fn archives_that_are_not_what_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let (tar, labels) = (folder.path().join("images.tar"), folder.path().join("labels.txt"));
    fs::write(&labels, "goldfish\n").unwrap();
    let error = || Dataset::open(&tar, Texts::Lines(&labels)).unwrap_err().to_string();
    let image = fs::read(format!("{GOLDEN}/images/rgb.png")).unwrap();
    let archive = |name: &str, kind: tar::EntryType, claimed: u64| {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(claimed);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(&image);
        bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
        fs::write(&tar, bytes).unwrap();
    };
    let size = image.len() as u64;
    for name in ["../escape.png", "a/../../escape.png", "/etc/escape.png"] {
        archive(name, tar::EntryType::Regular, size);
        assert_says(&error(), &[name, "leads out"]);
    }
    archive("link.png", tar::EntryType::Symlink, size);
    let link = Dataset::open(&tar, Texts::Lines(&labels)).unwrap().items.remove(0);
    assert_says(&link.read().unwrap_err().to_string(), &["link.png", "is a link"]);
    archive("long.png", tar::EntryType::Regular, 1 << 40);
    assert_says(&error(), &["images.tar"]);
    archive("long.png", tar::EntryType::GNULongName, 1 << 40);
    assert_says(&error(), &["images.tar"]);
    archive("notes.txt", tar::EntryType::Regular, size);
    assert_says(&error(), &["no image"]);
    fs::write(&tar, b"\x1f\x8b\x08 a compressed archive, which has no headers of tar").unwrap();
    assert_says(&error(), &["images.tar"]);
    fs::write(&tar, b"").unwrap();
    assert_says(&error(), &["images.tar"]);

    archive("one.png", tar::EntryType::Regular, size);
    assert_eq!(Dataset::open(&tar, Texts::Lines(&labels)).unwrap().items[0].read().unwrap(), image);
    fs::write(&labels, "goldfish\n\nshark\n").unwrap();
    assert_says(&error(), &["labels.txt", "3 labels"]);
    fs::write(&labels, b"\xff\xfe\n").unwrap();
    assert_says(&error(), &["labels.txt", "UTF-8"]);
    let error = Dataset::open(&tar, Texts::Folders).unwrap_err().to_string();
    assert_says(&error, &["one.png", "labels file"]);
}

#[test]
fn folders_without_images_and_impossible_options() {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbedOptions::new(format!("{GOLDEN}/siglip"), folder.path(), folder.path().join("out.npz"));
    let error = |options: &EmbedOptions| embed(options, &mut |_| {}).unwrap_err().to_string();
    assert_says(&error(&options), &["no image"]);
    assert_says(&error(&EmbedOptions { batch: 0, ..options.clone() }), &["batch is 0"]);
    assert_says(&error(&EmbedOptions { images: "gone".into(), ..options.clone() }), &["gone"]);
    fs::create_dir(folder.path().join("class")).unwrap();
    fs::copy(format!("{GOLDEN}/images/rgb.png"), folder.path().join("class/rgb.png")).unwrap();
    let onto_a_folder = EmbedOptions { out: folder.path().join("class"), ..options.clone() };
    assert_says(&error(&onto_a_folder), &["class", "is a folder"]);
    assert!(!folder.path().join("class.partial").exists());
    fs::remove_file(folder.path().join("class/rgb.png")).unwrap();
    fs::write(folder.path().join("class/broken.png"), b"not a PNG").unwrap();
    assert_says(&error(&options), &["class/broken.png", "0 of 1"]);
    assert_says(&error(&EmbedOptions { skip_broken: true, ..options }), &["class/broken.png"]);
}

/// Writes an npz of arrays given as numpy's header and bytes.
fn npz(path: &Path, arrays: &[(&str, &str, Vec<u8>)]) {
    let mut npz = ZipWriter::new(File::create(path).unwrap());
    for (name, header, data) in arrays {
        npz.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        npz.write_all(b"\x93NUMPY\x01\x00").unwrap();
        npz.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        npz.write_all(header.as_bytes()).unwrap();
        npz.write_all(data).unwrap();
    }
    npz.finish().unwrap();
}

#[test]
fn files_of_embeddings_that_do_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let header = |dtype: &str, shape: &str| {
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    let floats = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let splits = |values: &[i64]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let labels = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>();
    let (matrix, vector, string) = (header("<f4", "(2, 2)"), header("<i8", "(2,)"), header("<U1", "(2,)"));
    let values = floats(&[1.0, 0.0, 0.0, 1.0]);
    let good = [
        ("image", matrix.as_str(), values.clone()),
        ("text", matrix.as_str(), values.clone()),
        ("splits", vector.as_str(), splits(&[0, 1])),
        ("ordered_labels", string.as_str(), labels("ab")),
    ];
    npz(&path, &good);
    assert_eq!(Embeddings::read(&path).unwrap().classes, ["a", "b"]);

    let huge = header("<f4", "(1152921504606846976, 2)");
    let overflowing = header("<f4", "(4294967296, 4294967296)");
    let wide = header("<U9223372036854775807", "(2,)");
    let objects = header("|O", "(2,)");
    let complex = header("<c8", "(1, 2)");
    let nan = floats(&[1.0, f32::NAN, 0.0, 1.0]);
    for (k, replaced, words) in [
        (0, (huge.as_str(), values.clone()), ["image", "truncated"]),
        (0, (overflowing.as_str(), values.clone()), ["image", "impossible shape"]),
        (0, (matrix.as_str(), values[..7].to_vec()), ["image", "truncated"]),
        (0, (matrix.as_str(), nan), ["image", "row 0"]),
        (0, (complex.as_str(), values.clone()), ["image", "<c8"]),
        (
            1,
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", floats(&[1.0, 0.0])),
            ["text", "[1, 2]"],
        ),
        (2, (vector.as_str(), splits(&[0, 5])), ["splits", "below"]),
        (2, (vector.as_str(), splits(&[1, 0])), ["splits", "ascend"]),
        (2, (vector.as_str(), splits(&[-1, 0])), ["splits", "-1"]),
        (3, (objects.as_str(), vec![]), ["ordered_labels", "Python objects"]),
        (3, (wide.as_str(), labels("ab")), ["ordered_labels", "<U9223372036854775807"]),
        (3, (string.as_str(), vec![0xff; 8]), ["ordered_labels", "Unicode"]),
        (
            3,
            ("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", labels("a")),
            ["ordered_labels", "1 entries"],
        ),
    ] {
        let mut arrays = good.clone();
        arrays[k].1 = replaced.0;
        arrays[k].2 = replaced.1;
        npz(&path, &arrays);
        assert_says(&Embeddings::read(&path).unwrap_err().to_string(), &words);
    }
    npz(&path, &good[..3]);
    assert_says(&Embeddings::read(&path).unwrap_err().to_string(), &["ordered_labels", "not in the file"]);
    let one_class = [
        good[0].clone(),
        good[1].clone(),
        ("splits", "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", splits(&[0])),
        good[3].clone(),
    ];
    npz(&path, &one_class);
    assert_says(&Embeddings::read(&path).unwrap_err().to_string(), &["splits", "labels change"]);
    fs::write(&path, b"PK\x03\x04 but no more").unwrap();
    assert_says(&Embeddings::read(&path).unwrap_err().to_string(), &["x.npz"]);
}
