//! Checkpoints from the Hugging Face hub, through its own client in Python, which resumes, knows tokens,
//! mirrors and proxies, and keeps the files in the cache that other programs share.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::{Error, Result};

const SCRIPT: &str = include_str!("hub.py");

/// The files of a checkpoint that this crate reads, as patterns.
const FILES: [&str; 10] = [
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "spiece.model",
    "model*.safetensors*",
    "open_clip_config.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
];

/// The folder with the files of `id`, such as `google/siglip-base-patch16-224`, in the client's cache;
/// what is not there yet is downloaded, with the client's progress on standard error.
///
/// # Errors
/// If the hub does not have it, or cannot be asked and the cache does not have it either.
pub(crate) fn download(id: &str) -> Result<PathBuf> {
    let failed = |reason: String| Error::Hub { id: id.to_owned(), reason };
    let python = python();
    let output = Command::new(&python)
        .args(["-c", SCRIPT, id])
        .args(FILES)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("{} cannot be run: {error}", python.display())))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        return Ok(PathBuf::from(said));
    }
    Err(failed(if said.is_empty() {
        format!("{} ended with {}", python.display(), output.status)
    } else {
        said.trim_end_matches('.').to_owned()
    }))
}

/// That of the environment that libtorch belongs to, and so the client; else the user's.
fn python() -> PathBuf {
    let libtorch = option_env!("SIGLIP_LIBTORCH").and_then(|path| Path::new(path).canonicalize().ok());
    let beside = |folder: &Path| Some(folder.join("bin/python")).filter(|python| python.is_file());
    libtorch.iter().flat_map(|path| path.ancestors()).find_map(beside).unwrap_or_else(|| "python3".into())
}
