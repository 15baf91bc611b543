//! The image tower: patches, transformer blocks, attention pooling.

use tch::{Kind, Tensor, nn::Init};

use crate::config::{EncoderConfig, VisionConfig};
use crate::encoder::{Encoder, LayerNorm, Linear, Mlp, attention, lecun, xavier};
use crate::error::{Error, Result};
use crate::naflex::Grid;
use crate::weights::Weights;

/// The image tower of SigLIP; there is no class token and no projection.
#[derive(Debug)]
pub struct VisionTower {
    patches: PatchEmbedding,
    position_embedding: Tensor,
    encoder: Encoder,
    post_layernorm: LayerNorm,
    head: PoolingHead,
}

/// From pixels to the first width H.
#[derive(Debug)]
enum PatchEmbedding {
    /// Of square images: a convolution whose kernel is its stride.
    Convolution { weight: Tensor, bias: Tensor, image_size: i64, patch_size: i64 },
    /// Of images that are cut into patches already.
    Linear { layer: Linear, inputs: i64 },
}

impl VisionTower {
    /// Where its weights lie.
    pub(crate) fn device(&self) -> tch::Device {
        self.position_embedding.device()
    }

    pub(crate) fn new(weights: &Weights, config: &VisionConfig) -> Result<Self> {
        let (width, side) = (config.hidden_size, config.patch_size);
        let (embeddings, blocks) = (weights.sub("embeddings"), config.encoder());
        let patch = embeddings.sub("patch_embedding");
        let inputs = config.num_channels * side * side;
        let patches = if config.num_patches.is_some() {
            PatchEmbedding::Linear { layer: Linear::new(&patch, inputs, width, lecun(inputs))?, inputs }
        } else {
            let shape = [width, config.num_channels, side, side];
            PatchEmbedding::Convolution {
                weight: patch.parameter("weight", &shape, lecun(inputs))?,
                bias: patch.parameter("bias", &[width], Init::Const(0.0))?,
                image_size: config.image_size,
                patch_size: side,
            }
        };
        let positions = embeddings.sub("position_embedding");
        Ok(Self {
            patches,
            position_embedding: positions.parameter("weight", &[config.patches(), width], lecun(width))?,
            encoder: Encoder::new(&weights.sub("encoder"), &blocks)?,
            post_layernorm: LayerNorm::new(&weights.sub("post_layernorm"), &blocks)?,
            head: PoolingHead::new(&weights.sub("head"), &blocks)?,
        })
    }

    /// Images `[B, 3, S, S]`, normalised, to features `[B, D]` of any length.
    ///
    /// # Errors
    /// If the images are of another size, or the tower takes patches.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let size = pixels.size();
        let PatchEmbedding::Convolution { weight, bias, image_size: side, patch_size } = &self.patches else {
            let expected = "patches with their grids: the model's resolution is variable".to_owned();
            return Err(Error::Input { what: "pixel values", got: format!("{size:?}"), expected });
        };
        let side = *side;
        if !matches!(size[..], [_, 3, height, width] if height == side && width == side) {
            let expected = format!("[batch, 3, {side}, {side}]");
            return Err(Error::Input { what: "pixel values", got: format!("{size:?}"), expected });
        }
        // What does not fill a patch is dropped.
        let pixels = pixels.f_to_kind(weight.kind())?;
        let patches = pixels.f_conv2d(weight, Some(bias), [*patch_size; 2], [0; 2], [1; 2], 1)?;
        // Sums keep the layout of their first term: a transposed one would slow every block.
        let patches = patches.f_flatten(2, 3)?.f_transpose(1, 2)?.f_contiguous()?;
        let x = patches.f_add(&self.position_embedding)?;
        self.head.forward(&self.post_layernorm.forward(&self.encoder.forward(x)?)?)
    }

    /// Patches `[sum of all grids, 3 p p]`, normalised, of images one after the other, which are
    /// cut into these grids, to features `[B, D]` of any length.
    ///
    /// transformers pads every image to one number of patches and masks the padding. Here there
    /// is none, so it cannot influence the result, and costs no time.
    ///
    /// # Errors
    /// If the patches are not as many as the grids', or the tower takes square images.
    pub fn forward_patches(&self, pixels: &Tensor, grids: &[Grid]) -> Result<Tensor> {
        let lengths: Vec<i64> = grids.iter().map(|grid| grid.patches()).collect();
        let total: i64 = lengths.iter().sum();
        let (got, what) = (format!("{:?}", pixels.size()), "patches");
        let PatchEmbedding::Linear { layer, inputs } = &self.patches else {
            let expected = "square images: the model's resolution is fixed".to_owned();
            return Err(Error::Input { what, got, expected });
        };
        if pixels.size() != [total, *inputs] || lengths.contains(&0) || grids.is_empty() {
            return Err(Error::Input { what, got, expected: format!("[{total}, {inputs}], for {grids:?}") });
        }
        let patches = layer.forward(&pixels.f_to_kind(self.position_embedding.kind())?)?;
        let positions = grids.iter().map(|grid| self.positions(*grid)).collect::<Result<Vec<_>>>()?;
        let x = patches.f_add(&Tensor::f_cat(&positions, 0)?)?.f_unsqueeze(0)?;
        let x = self.post_layernorm.forward(&self.encoder.forward_packed(x, &lengths)?)?;
        self.head.forward_packed(&x, &lengths)
    }

    /// Position embeddings `[rows * columns, H]` of a grid: those of the square, resized in
    /// float32 with antialiasing.
    fn positions(&self, grid: Grid) -> Result<Tensor> {
        let (count, width) = self.position_embedding.size2()?;
        let (rows, columns) = (i64::from(grid.rows), i64::from(grid.columns));
        let square = self.position_embedding.f_view([count.isqrt(), count.isqrt(), width])?;
        let planes = square.f_permute([2, 0, 1])?.f_unsqueeze(0)?.f_to_kind(Kind::Float)?;
        let resized = planes.f_internal_upsample_bilinear2d_aa([rows, columns], false, None, None)?;
        let rows = resized.f_view([width, rows * columns])?.f_transpose(0, 1)?;
        Ok(rows.f_to_kind(self.position_embedding.kind())?)
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
        let query = self.project(&self.probe, 0)?.f_expand([x.size()[0], -1, -1], false)?;
        self.finish(&attention(&query, &self.project(x, 1)?, &self.project(x, 2)?, self.heads)?)
    }

    /// The patches of images one after the other, as many as `lengths`, `[1, sum, H]` to `[B, H]`.
    fn forward_packed(&self, x: &Tensor, lengths: &[i64]) -> Result<Tensor> {
        let query = self.project(&self.probe, 0)?;
        let split =
            |k: i64| -> Result<Vec<Tensor>> { Ok(self.project(x, k)?.f_split_with_sizes(lengths, 1)?) };
        let images = split(1)?.into_iter().zip(split(2)?);
        let pooled = images.map(|(keys, values)| attention(&query, &keys, &values, self.heads));
        self.finish(&Tensor::f_cat(&pooled.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// The k-th part of the joint projection: 0 for queries, 1 for keys, 2 for values.
    fn project(&self, x: &Tensor, k: i64) -> Result<Tensor> {
        let width = self.probe.size()[2];
        let weight = self.in_proj_weight.f_narrow(0, k * width, width)?;
        let bias = self.in_proj_bias.f_narrow(0, k * width, width)?;
        Ok(x.f_linear(&weight, Some(&bias))?)
    }

    /// What follows attention, `[B, 1, H]` to `[B, H]`.
    fn finish(&self, pooled: &Tensor) -> Result<Tensor> {
        let pooled = self.out_proj.forward(pooled)?;
        // The residual is the attention's output, not the probe.
        let y = pooled.f_add(&self.mlp.forward(&self.layernorm.forward(&pooled)?)?)?;
        Ok(y.f_squeeze_dim(1)?)
    }
}
