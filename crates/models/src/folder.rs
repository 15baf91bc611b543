//! Where the files of a checkpoint are: a local folder, or the Hugging Face hub.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::hub;

/// A folder in Hugging Face's layout, local or from the hub.
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
            return Ok(Self { files: name.clone(), name });
        }
        if !is_hub_id(model) {
            let reason = "is no folder, and no hub id such as google/siglip-base-patch16-224";
            return Err(Error::checkpoint(name, reason));
        }
        Ok(Self { files: hub::download(model)?, name })
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
        self.find(file).ok_or_else(|| Error::checkpoint(&self.name, format!("holds no {file}")))
    }
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
