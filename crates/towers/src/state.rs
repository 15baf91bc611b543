//! The state of an interrupted training.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use models::{Error, Result};

use crate::checkpoint;
use crate::config::TowersConfig;

/// Key of the file's metadata.
const KEY: &str = "training";

/// Where a training stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The training that this is the state of.
    pub config: TowersConfig,
    /// Steps done.
    pub step: usize,
    /// Time that they took.
    pub seconds: f64,
}

impl State {
    /// Writes the state and the optimiser's `tensors`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, folder: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
        let state = serde_json::to_string(self).expect("a state is valid JSON");
        checkpoint::write_tensors(&folder.join(checkpoint::STATE), tensors, KEY, state)
    }

    /// Reads the state of `config`'s training into the optimiser's `tensors`, if there is one.
    ///
    /// # Errors
    /// If the file is damaged or of another training.
    pub(crate) fn read(
        folder: &Path,
        config: &TowersConfig,
        tensors: &mut [(String, Tensor)],
    ) -> Result<Option<Self>> {
        let file = folder.join(checkpoint::STATE);
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(files::Error::new(file, error).into()),
        };
        let damaged = |reason: String| Error::Checkpoint { file: file.clone(), reason };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let state = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let state = state.ok_or_else(|| damaged("is not the state of a training".to_owned()))?;
        let state: Self = serde_json::from_str(state).map_err(|error| damaged(error.to_string()))?;
        if state.config != *config {
            let reason = "is the state of another training; delete it to start anew";
            return Err(damaged(reason.to_owned()));
        }
        let stored = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let _guard = tch::no_grad_guard();
        for (name, tensor) in tensors {
            let view = stored.tensor(name).map_err(|error| damaged(error.to_string()))?;
            let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            if view.dtype() != Dtype::F32 || shape != tensor.size() {
                return Err(damaged(format!("tensor `{name}` is {:?} {shape:?}", view.dtype())));
            }
            let value = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)?;
            tensor.f_copy_(&value)?;
        }
        Ok(Some(state))
    }
}
