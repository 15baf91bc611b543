//! The image tower: patches, transformer blocks, attention pooling.

use tch::{Tensor, nn::Init};

use crate::config::{EncoderConfig, VisionConfig};
use crate::encoder::{Encoder, LayerNorm, Linear, Mlp, attention, lecun, xavier};
use crate::error::{Error, Result};
use crate::weights::Weights;

/// The image tower of SigLIP; there is no class token and no projection.
#[derive(Debug)]
pub struct VisionTower {
    patch_weight: Tensor,
    patch_bias: Tensor,
    position_embedding: Tensor,
    encoder: Encoder,
    post_layernorm: LayerNorm,
    head: PoolingHead,
    image_size: i64,
    patch_size: i64,
}

impl VisionTower {
    pub(crate) fn new(weights: &Weights, config: &VisionConfig) -> Result<Self> {
        let (width, side) = (config.hidden_size, config.patch_size);
        let (embeddings, blocks) = (weights.sub("embeddings"), config.encoder());
        let patch = embeddings.sub("patch_embedding");
        let patch_shape = [width, config.num_channels, side, side];
        let positions = embeddings.sub("position_embedding");
        Ok(Self {
            patch_weight: patch.parameter(
                "weight",
                &patch_shape,
                lecun(patch_shape[1..].iter().product()),
            )?,
            patch_bias: patch.parameter("bias", &[width], Init::Const(0.0))?,
            position_embedding: positions.parameter("weight", &[config.patches(), width], lecun(width))?,
            encoder: Encoder::new(&weights.sub("encoder"), &blocks)?,
            post_layernorm: LayerNorm::new(&weights.sub("post_layernorm"), &blocks)?,
            head: PoolingHead::new(&weights.sub("head"), &blocks)?,
            image_size: config.image_size,
            patch_size: side,
        })
    }

    /// Images `[B, 3, S, S]`, normalised, to features `[B, D]` of any length.
    ///
    /// # Errors
    /// If the images are of another size.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let side = self.image_size;
        let size = pixels.size();
        if !matches!(size[..], [_, 3, height, width] if height == side && width == side) {
            let expected = format!("[batch, 3, {side}, {side}]");
            return Err(Error::Input { what: "pixel values", got: format!("{size:?}"), expected });
        }
        // A convolution whose kernel is its stride; what does not fill a patch is dropped.
        let patches = pixels.f_to_kind(self.patch_weight.kind())?.f_conv2d(
            &self.patch_weight,
            Some(&self.patch_bias),
            [self.patch_size; 2],
            [0; 2],
            [1; 2],
            1,
        )?;
        // Sums keep the layout of their first term: a transposed one would slow every block.
        let patches = patches.f_flatten(2, 3)?.f_transpose(1, 2)?.f_contiguous()?;
        let x = patches.f_add(&self.position_embedding)?;
        self.head.forward(&self.post_layernorm.forward(&self.encoder.forward(x)?)?)
    }
}

/// Multihead attention pooling: one learned query, the probe, attends to all patches.
#[derive(Debug)]
struct PoolingHead {
    probe: Tensor,
    /// Projections of query, key and value, one below the other.
    in_proj_weight: Tensor,
    in_proj_bias: Tensor,
    out_proj: Linear,
    layernorm: LayerNorm,
    mlp: Mlp,
    heads: i64,
}

impl PoolingHead {
    fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let width = config.hidden_size;
        let attention = weights.sub("attention");
        let in_proj = attention.parameter("in_proj_weight", &[3 * width, width], xavier(width, 3 * width))?;
        Ok(Self {
            probe: weights.parameter("probe", &[1, 1, width], xavier(width, width))?,
            in_proj_weight: in_proj,
            in_proj_bias: attention.parameter("in_proj_bias", &[3 * width], Init::Const(0.0))?,
            out_proj: Linear::new(&attention.sub("out_proj"), width, width, xavier(width, width))?,
            layernorm: LayerNorm::new(&weights.sub("layernorm"), config)?,
            mlp: Mlp::new(&weights.sub("mlp"), config)?,
            heads: config.num_attention_heads,
        })
    }

    /// `[B, P, H]` to `[B, H]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, _, width) = x.size3()?;
        let project = |x: &Tensor, k: i64| -> Result<Tensor> {
            let weight = self.in_proj_weight.f_narrow(0, k * width, width)?;
            let bias = self.in_proj_bias.f_narrow(0, k * width, width)?;
            Ok(x.f_linear(&weight, Some(&bias))?)
        };
        let query = project(&self.probe, 0)?.f_expand([batch, -1, -1], false)?;
        let pooled = attention(&query, &project(x, 1)?, &project(x, 2)?, self.heads)?;
        let pooled = self.out_proj.forward(&pooled)?;
        // The residual is the attention's output, not the probe.
        let y = pooled.f_add(&self.mlp.forward(&self.layernorm.forward(&pooled)?)?)?;
        Ok(y.f_squeeze_dim(1)?)
    }
}
