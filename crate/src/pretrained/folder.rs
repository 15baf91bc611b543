//! Where the files of a checkpoint are: a local folder, or the Hugging Face hub.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};

use super::Error;
use crate::Result;

/// A folder in Hugging Face's layout, local or on the hub. Files of the hub come from
/// its cache, which other programs share, and are downloaded when they are not there.
pub struct Folder {
    place: Place,
    name: PathBuf,
}

enum Place {
    Local,
    Hub(Box<ApiRepo>),
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Folder").field(&self.name).finish()
    }
}

impl Folder {
    /// A local folder if `model` is one, and else a hub id such as
    /// `google/siglip-base-patch16-224`.
    ///
    /// # Errors
    /// If it is neither. The network is not needed yet.
    pub fn new(model: &str) -> Result<Self> {
        let name = PathBuf::from(model);
        if name.is_dir() {
            return Ok(Self { place: Place::Local, name });
        }
        if !is_hub_id(model) {
            let reason = "is no folder, and no hub id such as google/siglip-base-patch16-224";
            return Err(Error::checkpoint(name, reason));
        }
        let api = ApiBuilder::from_env().with_progress(false).build();
        let api = api.map_err(|error| hub_error(model, "config.json", &error))?;
        Ok(Self { place: Place::Hub(Box::new(api.model(model.to_owned()))), name })
    }

    /// The folder or hub id as given.
    pub fn path(&self) -> &Path {
        &self.name
    }

    /// Path of `file`, if the checkpoint has it.
    ///
    /// # Errors
    /// If the hub cannot be asked.
    pub fn find(&self, file: &str) -> Result<Option<PathBuf>> {
        match &self.place {
            Place::Local => Ok(Some(self.name.join(file)).filter(|path| path.is_file())),
            Place::Hub(repo) => match repo.get(file) {
                Ok(path) => Ok(Some(path)),
                Err(error) if is_not_found(&error) => Ok(None),
                Err(error) => Err(hub_error(&self.name.to_string_lossy(), file, &error)),
            },
        }
    }

    /// Path of `file`.
    ///
    /// # Errors
    /// If the checkpoint does not have it.
    pub fn require(&self, file: &str) -> Result<PathBuf> {
        self.find(file)?.ok_or_else(|| Error::checkpoint(&self.name, format!("holds no {file}")))
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

fn is_not_found(error: &ApiError) -> bool {
    match error {
        ApiError::RequestError(error) => error.to_string().contains("404"),
        _ => false,
    }
}

fn hub_error(id: &str, file: &str, error: &ApiError) -> crate::Error {
    Error::Hub { id: id.to_owned(), file: file.to_owned(), reason: error.to_string() }.into()
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
