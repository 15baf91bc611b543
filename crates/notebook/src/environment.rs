//! What the environment says to a notebook: the only place where its variables are read.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Where figures and metrics go: `SIGLIP_LOGS`, or `logs` beside the folder of the notebooks.
pub(crate) fn logs() -> PathBuf {
    std::env::var_os("SIGLIP_LOGS").map_or_else(|| "../logs".into(), PathBuf::from)
}

/// The assignments of `cargo xtask reproduce --set`: `SIGLIP_SET`, a JSON list.
pub(crate) fn overrides() -> Result<Vec<String>> {
    let Ok(json) = std::env::var("SIGLIP_SET") else { return Ok(Vec::new()) };
    let wrong = |error: serde_json::Error| Error::Variable {
        variable: "SIGLIP_SET",
        reason: format!("is no JSON list of assignments: {error}"),
    };
    serde_json::from_str(&json).map_err(wrong)
}

/// Embeddings of your own: the `.npz` files of the folder that `EMBEDDINGS` names, none without it.
///
/// # Errors
/// If the folder or a file cannot be read.
#[cfg(feature = "models")]
pub fn own_embeddings() -> Result<Vec<models::Part>> {
    match std::env::var_os("EMBEDDINGS").filter(|folder| !folder.is_empty()) {
        Some(folder) => Ok(models::Part::read_all(folder.as_ref())?),
        None => Ok(Vec::new()),
    }
}

/// The emoji and `checkpoint`, a folder of the project; with the variable `IMAGENET`, the folder
/// of the archive and the labels, ImageNet and the model that `MODEL` names, by default
/// `google/siglip-base-patch16-224`.
///
/// # Errors
/// If `IMAGENET` has not one `.tar` and one `.txt` file, or `MODEL` is given without it.
#[cfg(feature = "models")]
pub fn collection(checkpoint: &str) -> Result<models::Collection> {
    use models::Collection;
    let model = std::env::var("MODEL").ok().filter(|model| !model.is_empty());
    match (std::env::var_os("IMAGENET").filter(|folder| !folder.is_empty()), model) {
        (Some(folder), model) => {
            let model = model.as_deref().unwrap_or("google/siglip-base-patch16-224");
            Ok(Collection::imagenet(folder.as_ref(), model)?)
        }
        (None, None) => Ok(Collection::emoji(checkpoint)),
        (None, Some(model)) => Err(Error::Variable {
            variable: "MODEL",
            reason: format!("is {model}, but IMAGENET, the folder of the pictures, is not set"),
        }),
    }
}
