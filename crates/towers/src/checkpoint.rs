//! A checkpoint in Hugging Face's layout, and how tensors are written.

use std::{collections::HashMap, fs::File, io::Write, path::Path};

use safetensors::{Dtype, tensor::TensorView};
use serde::de::DeserializeOwned;
use serde_json::json;
use tch::Tensor;

use files::write_whole;
use models::{Config, Error, Result, emoji};

use crate::config::TowersConfig;
use crate::tokens;

pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The state of a training that is not done; gone when it is.
pub(crate) const STATE: &str = "state.safetensors";
/// The numbers of one that is.
pub(crate) const SUMMARY: &str = "summary.json";
/// The description of the training.
const DESCRIPTION: &str = "training.json";

/// Makes `folder` that of `config`'s training: everything of the checkpoint but its
/// weights. Returns the sizes of the model.
///
/// # Errors
/// If the folder holds something else, or cannot be written.
pub(crate) fn prepare<S: AsRef<str>>(folder: &Path, config: &TowersConfig, names: &[S]) -> Result<Config> {
    refuse_others(folder, config)?;
    files::check_folder(folder)?;
    let model = config.model(tokens::vocabulary_size(names) as i64);
    files::write_json(&folder.join(DESCRIPTION), config)?;
    files::write_json(&folder.join("config.json"), &with_special_tokens(&model))?;
    files::write_json(&folder.join("tokenizer.json"), &tokens::tokenizer(names))?;
    files::write_json(&folder.join("tokenizer_config.json"), &tokens::tokenizer_config(config.text_length))?;
    files::write_json(&folder.join("preprocessor_config.json"), &preprocessor())?;
    Ok(model)
}

/// Whoever trains into a folder must not overwrite another model, nor anybody's files.
fn refuse_others(folder: &Path, config: &TowersConfig) -> Result<()> {
    let taken = |file: &str, what: &str| {
        let reason = format!("{what}; train into another folder, or delete this file");
        Err(Error::Checkpoint { file: folder.join(file), reason })
    };
    let own = folder.join(DESCRIPTION).exists();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(files::Error::new(folder, error).into()),
    };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in &names {
        if OWN.contains(&name.as_str()) {
            if !own {
                return taken(name, "is not of a training here: there is no training.json");
            }
        } else if is_of_a_checkpoint(name) {
            return taken(name, "is of another model");
        }
    }
    if !own {
        return Ok(());
    }
    match read_json::<TowersConfig>(&folder.join(DESCRIPTION)) {
        Ok(Some(description)) if description == *config => Ok(()),
        Ok(_) => taken(DESCRIPTION, "describes another training"),
        Err(error) => taken(DESCRIPTION, &format!("is not the description of a training ({error})")),
    }
}

/// What a training writes.
const OWN: [&str; 8] = [
    DESCRIPTION,
    WEIGHTS,
    STATE,
    SUMMARY,
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
];

/// Whether programs take a file of that name for a part of a model.
fn is_of_a_checkpoint(name: &str) -> bool {
    let name = name.to_lowercase();
    let endings =
        [".safetensors", ".bin", ".model", ".index.json", "_config.json", ".pt", ".pth", ".h5", ".msgpack"];
    let names = ["special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt"];
    endings.iter().any(|ending| name.ends_with(ending)) || names.contains(&name.as_str())
}

/// `config.json` with the ids that transformers looks for; its defaults are of another
/// vocabulary, and it warns of them.
fn with_special_tokens(model: &Config) -> serde_json::Value {
    let mut config = json!(model);
    for (key, id) in [
        ("pad_token_id", json!(tokens::END)),
        ("eos_token_id", json!(tokens::END)),
        ("bos_token_id", json!(null)),
    ] {
        config["text_config"][key] = id;
    }
    config
}

/// SigLIP's own preprocessing, under the names of all versions of transformers.
fn preprocessor() -> serde_json::Value {
    json!({
        "image_processor_type": "SiglipImageProcessor",
        "processor_class": "SiglipProcessor",
        "do_convert_rgb": true,
        "do_resize": true,
        "size": {"height": emoji::SIDE, "width": emoji::SIDE},
        "resample": 3,
        "do_rescale": true,
        "rescale_factor": 1.0 / 255.0,
        "do_normalize": true,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    })
}

/// Writes float32 tensors as safetensors, in order of their names.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_tensors(
    file: &Path,
    tensors: &[(String, Tensor)],
    key: &str,
    value: String,
) -> Result<()> {
    let bytes = tensors.iter().map(|(_, tensor)| to_bytes(tensor)).collect::<Result<Vec<_>>>()?;
    let write = |writer: &mut File| {
        let views = (tensors.iter().zip(&bytes))
            .map(|((name, tensor), bytes)| {
                let shape = tensor.size().iter().map(|&n| n as usize).collect();
                Ok((name, TensorView::new(Dtype::F32, shape, bytes)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        // One key only: the order of several is another in every program.
        let metadata = HashMap::from([(key.to_owned(), value)]);
        Ok(writer.write_all(&safetensors::serialize(views, Some(metadata))?)?)
    };
    Ok(write_whole(file, write)?)
}

fn to_bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    let mut values = vec![0f32; tensor.numel()];
    let count = values.len();
    tensor.f_detach()?.f_contiguous()?.f_copy_data(&mut values, count)?;
    Ok(values.into_iter().flat_map(f32::to_le_bytes).collect())
}

/// Reads JSON, if the file is there.
///
/// # Errors
/// If it cannot be read as that.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    match std::fs::read(file) {
        Ok(bytes) => {
            Ok(serde_json::from_slice(&bytes).map(Some).map_err(|error| files::Error::new(file, error))?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(files::Error::new(file, error).into()),
    }
}
