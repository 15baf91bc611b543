//! The text tower: tokens, transformer blocks, the last position.

use tch::Tensor;

use crate::config::TextConfig;
use crate::encoder::{Encoder, LayerNorm, Linear, lecun};
use crate::error::{Error, Result};
use crate::weights::{Parameter, Weights};

/// The text tower of SigLIP. Padding is not masked: the model was trained so, and its
/// embeddings are those of the padded text.
#[derive(Debug, Clone)]
pub struct TextTower {
    token_embedding: Parameter,
    position_embedding: Parameter,
    encoder: Encoder,
    final_layer_norm: LayerNorm,
    head: Linear,
}

impl TextTower {
    /// Where its weights lie.
    pub(crate) fn device(&self) -> tch::Device {
        self.position_embedding.device()
    }

    /// How many texts go through it at once, on the processor.
    pub(crate) fn part(&self) -> usize {
        self.head.part()
    }

    pub(crate) fn new(weights: &Weights, config: &TextConfig) -> Result<Self> {
        let (width, blocks) = (config.hidden_size, config.encoder());
        let embedding = |name: &str, rows: i64| {
            let init = lecun(width);
            weights.sub("embeddings").sub(name).parameter("weight", &[rows, width], init)
        };
        Ok(Self {
            token_embedding: embedding("token_embedding", config.vocab_size)?,
            position_embedding: embedding("position_embedding", config.max_position_embeddings)?,
            encoder: Encoder::new(&weights.sub("encoder"), &blocks)?,
            final_layer_norm: LayerNorm::new(&weights.sub("final_layer_norm"), &blocks)?,
            head: Linear::new(&weights.sub("head"), width, config.projection_size(), lecun(width))?,
        })
    }

    /// Token ids `[B, L]` of padded texts, int64, to features `[B, D]` of any length.
    ///
    /// # Errors
    /// If L is not the model's text length, or an id is not in its vocabulary.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let (length, size) = (self.position_embedding.size()[0], ids.size());
        if !matches!(size[..], [_, columns] if columns == length) {
            let expected = format!("[batch, {length}]");
            return Err(Error::Input { what: "token ids", got: format!("{size:?}"), expected });
        }
        let tokens = Tensor::f_embedding(&self.token_embedding, ids, -1, false, false)?;
        let x = self.encoder.forward(tokens.f_add(&self.position_embedding)?)?;
        // The norm is of each position for itself, so only the last one needs it.
        self.head.forward(&self.final_layer_norm.forward(&x.f_select(1, -1)?)?)
    }
}
