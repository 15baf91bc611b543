//! Where the files of a checkpoint are: a local folder, or the Hugging Face hub.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::hub;

/// How the files of a checkpoint are called, and the tensors in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// That of transformers' `save_pretrained`.
    HuggingFace,
    /// That of OpenCLIP's `save_for_hf`: `open_clip_config.json`, and no `config.json`.
    OpenClip,
}

/// What describes a model in OpenCLIP's layout.
pub(crate) const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";

/// A folder with a checkpoint, local or from the hub.
#[derive(Debug)]
pub struct Folder {
    name: PathBuf,
    files: PathBuf,
}

impl Folder {
    /// A local folder if `model` is one, and else that of a hub id such as
    /// `google/siglip-base-patch16-224`, downloaded unless Hugging Face's cache has it.
    ///
    /// # Errors
    /// If it is neither, or cannot be downloaded.
    pub fn new(model: &str) -> Result<Self> {
        let name = PathBuf::from(model);
        if name.is_dir() {
            let folder = Self { files: name.clone(), name };
            folder.refuse_others()?;
            return Ok(folder);
        }
        if !is_hub_id(model) {
            let reason = "is no folder, and no hub id such as google/siglip-base-patch16-224";
            return Err(Error::checkpoint(name, reason));
        }
        let folder = Self { files: hub::download(model)?, name };
        folder.refuse_others()?;
        Ok(folder)
    }

    /// Says of a folder that is not a checkpoint in this layout what it is, if that is known.
    fn refuse_others(&self) -> Result<()> {
        let layouts = [
            ("params.json", "a checkpoint in another layout"),
            (
                "modules.json",
                "a model of Sentence Transformers; give the folder of its SigLIP, if it has one",
            ),
        ];
        let here = |file: &str| self.files.join(file).exists();
        if !here("config.json")
            && self.layout() == Layout::HuggingFace
            && let Some((file, what)) = layouts.iter().find(|(file, _)| here(file))
        {
            let reason = format!(
                "is {what} ({file}): only Hugging Face's layout is read, as transformers' `save_pretrained` \
                 and the hub's google/siglip-… have it, and OpenCLIP's"
            );
            return Err(Error::checkpoint(&self.name, reason));
        }
        let entries = std::fs::read_dir(&self.files).map_err(|error| Error::file(&self.files, error))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        match files.iter().find(|file| is_pointer(file)) {
            Some(file) => {
                let reason = "is the pointer of Git LFS or git-annex to a file, not the file: run \
                              `git lfs pull`, or `git annex get`, in its folder";
                Err(Error::checkpoint(file, reason))
            }
            None => Ok(()),
        }
    }

    /// How its files are called.
    pub fn layout(&self) -> Layout {
        if self.find("config.json").is_none() && self.find(OPEN_CLIP_CONFIG).is_some() {
            Layout::OpenClip
        } else {
            Layout::HuggingFace
        }
    }

    /// The folder or hub id as given.
    pub fn path(&self) -> &Path {
        &self.name
    }

    /// Path of `file`, if the checkpoint has it.
    pub fn find(&self, file: &str) -> Option<PathBuf> {
        Some(self.files.join(file)).filter(|path| path.is_file())
    }

    /// Path of `file`.
    ///
    /// # Errors
    /// If the checkpoint does not have it.
    pub fn require(&self, file: &str) -> Result<PathBuf> {
        self.find(file).ok_or_else(|| self.missing(file, ""))
    }

    /// The error of a `file` that is not there; `but` may say what is.
    pub(crate) fn missing(&self, file: &str, but: &str) -> Error {
        let cached = if self.files == self.name {
            ""
        } else {
            ". It comes from Hugging Face's cache, which another program may have filled in part: run again \
             with network"
        };
        Error::checkpoint(&self.name, format!("holds no {file}{but}{cached}"))
    }
}

/// Whether the file is one of the kinds that are read, and holds only where its contents are.
fn is_pointer(file: &Path) -> bool {
    const ENDINGS: [&str; 3] = ["json", "safetensors", "model"];
    /// Pointers are shorter.
    const MAX_BYTES: u64 = 1024;
    let read = file.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    let short =
        || std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() < MAX_BYTES);
    let starts = |bytes: Vec<u8>| {
        bytes.starts_with(b"version https://git-lfs") || bytes.starts_with(b"/annex/objects/")
    };
    read && short() && std::fs::read(file).is_ok_and(starts)
}

/// `owner/name`, of the characters that the hub allows.
fn is_hub_id(model: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    model.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

#[cfg(test)]
mod tests {
    use super::is_hub_id;

    #[test]
    fn a_hub_id_is_owner_and_name() {
        assert!(is_hub_id("google/siglip-so400m-patch14-384"));
        for other in ["siglip", "/siglip", "google/", "../siglip", "a/b/c", "./x", "google/sig lip", ""] {
            assert!(!is_hub_id(other), "{other}");
        }
    }
}
