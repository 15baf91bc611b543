//! Where a module's parameters come from, and where they are kept.

use tch::{
    Kind, Tensor,
    nn::{self, Init},
};

use crate::checkpoint::Checkpoint;
use crate::error::Result;

/// A tensor whose clones are handles of the same numbers, for a thread each.
#[derive(Debug)]
pub(crate) struct Parameter(pub Tensor);

impl Clone for Parameter {
    fn clone(&self) -> Self {
        Self(self.0.shallow_clone())
    }
}

impl std::ops::Deref for Parameter {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.0
    }
}

/// A place in a [`nn::VarStore`] that modules put their parameters into: read from a
/// checkpoint, or drawn at random to be trained. Names are Hugging Face's, so that
/// saving the store as safetensors gives a checkpoint.
#[derive(Debug, Clone)]
pub struct Weights<'a> {
    path: nn::Path<'a>,
    checkpoint: Option<&'a Checkpoint>,
    are_quantized: bool,
}

impl<'a> Weights<'a> {
    /// Parameters drawn from PyTorch's generator, in `store`.
    pub fn random(store: &'a nn::VarStore) -> Self {
        Self { path: store.root(), checkpoint: None, are_quantized: false }
    }

    /// Parameters of `checkpoint`, converted to the kind of `store`. They are never trained, and kept
    /// by their modules alone, in whichever layout is fastest.
    pub fn read(store: &'a nn::VarStore, checkpoint: &'a Checkpoint) -> Self {
        Self { path: store.root(), checkpoint: Some(checkpoint), are_quantized: false }
    }

    /// Those of linear layers as integers of 8 bits.
    pub(crate) fn quantized(self, are_quantized: bool) -> Self {
        Self { are_quantized, ..self }
    }

    /// Whether those of linear layers become integers.
    pub(crate) fn are_quantized(&self) -> bool {
        self.are_quantized
    }

    /// Whether the parameters are read, and never change.
    pub(crate) fn are_final(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// The place of the submodule `name`, which may be dotted.
    pub(crate) fn sub(&self, name: &str) -> Self {
        let path = name.split('.').fold(self.path.clone(), |path, part| path / part);
        Self { path, ..self.clone() }
    }

    /// The parameter `name` of this module; `init` is how it is drawn.
    pub(crate) fn parameter(&self, name: &str, shape: &[i64], init: Init) -> Result<Parameter> {
        let tensor = match self.checkpoint {
            None => self.path.f_var(name, shape, init)?,
            Some(checkpoint) => self.read_parameter(checkpoint, name, shape, self.path.kind())?,
        };
        Ok(Parameter(tensor))
    }

    /// The parameter `name` of one number, `init` unless it is read. It stays float32
    /// where the others are not.
    pub(crate) fn scalar(&self, name: &str, init: f64) -> Result<Tensor> {
        match self.checkpoint {
            None => Ok(self.path.f_var(name, &[1], Init::Const(init))?),
            Some(checkpoint) => self.read_parameter(checkpoint, name, &[1], Kind::Float),
        }
    }

    fn read_parameter(
        &self,
        checkpoint: &Checkpoint,
        name: &str,
        shape: &[i64],
        kind: Kind,
    ) -> Result<Tensor> {
        let tensor = checkpoint.tensor(&self.path.path(name), shape, kind)?;
        Ok(tensor.f_to_device(self.path.device())?)
    }
}
