//! SigLIP: two towers, a temperature and a bias.

use tch::{Device, Kind, Tensor, nn::VarStore};

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::naflex::Grid;
use crate::text::TextTower;
use crate::vision::VisionTower;
use crate::weights::Weights;

/// A SigLIP model: SigLIP, or SigLIP 2 of a fixed or variable resolution (arXiv 2303.15343
/// and 2502.14786), as the transformers library computes it.
#[derive(Debug)]
pub struct Siglip {
    /// The image tower.
    pub vision: VisionTower,
    /// The text tower.
    pub text: TextTower,
    /// log t `[1]`, t being the inverse temperature.
    pub logit_scale: Tensor,
    /// The additive bias of the logits `[1]`, t s + bias: -b of the absolute form.
    pub logit_bias: Tensor,
}

impl Siglip {
    /// Builds the model with parameters from `weights`, by Hugging Face's names.
    /// Drawn at random, t is 10 and the bias -10, as SigLIP starts.
    ///
    /// # Errors
    /// If a tensor of the checkpoint is absent or has not the shape that `config` implies.
    pub fn new(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self {
            vision: VisionTower::new(&weights.sub("vision_model"), &config.vision_config)?,
            text: TextTower::new(&weights.sub("text_model"), &config.text_config)?,
            logit_scale: weights.scalar("logit_scale", 10f64.ln())?,
            logit_bias: weights.scalar("logit_bias", -10.0)?,
        })
    }

    /// Reads the weights of a checkpoint, converted to `dtype`, on `device`.
    ///
    /// # Errors
    /// As [`Siglip::new`], and if the device has no products of that type.
    pub fn read(checkpoint: &Checkpoint, config: &Config, dtype: Dtype, device: Device) -> Result<Self> {
        let mut store = VarStore::new(device);
        store.set_kind(dtype.kind());
        Self::new(&Weights::read(&store, checkpoint).quantized(dtype == Dtype::Int8), config)
    }

    /// Unit embeddings `[B, D]`, float32, of images `[B, 3, S, S]`; without gradients.
    ///
    /// # Errors
    /// As [`VisionTower::forward`].
    pub fn embed_images(&self, pixels: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| normalize(&self.vision.forward(pixels)?))
    }

    /// Unit embeddings `[B, D]`, float32, of images in patches; without gradients.
    ///
    /// # Errors
    /// As [`VisionTower::forward_patches`].
    pub fn embed_patches(&self, pixels: &Tensor, grids: &[Grid]) -> Result<Tensor> {
        tch::no_grad(|| normalize(&self.vision.forward_patches(pixels, grids)?))
    }

    /// Unit embeddings `[B, D]`, float32, of token ids `[B, L]`; without gradients.
    ///
    /// # Errors
    /// As [`TextTower::forward`].
    pub fn embed_texts(&self, ids: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| normalize(&self.text.forward(ids)?))
    }

    /// Inverse temperature t = exp(logit_scale).
    pub fn temperature(&self) -> f64 {
        self.logit_scale.double_value(&[0]).exp()
    }

    /// Relative bias b_rel = -logit_bias / t.
    pub fn relative_bias(&self) -> f64 {
        -self.logit_bias.double_value(&[0]) / self.temperature()
    }
}

/// Rows divided by their norms, in float32. No epsilon, as in transformers.
pub fn normalize(features: &Tensor) -> Result<Tensor> {
    let features = features.f_to_kind(Kind::Float)?;
    let norms = features.f_norm_scalaropt_dim(2, [-1], true)?;
    Ok(features.f_div(&norms)?)
}
