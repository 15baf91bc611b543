//! The image tower: patches, transformer blocks, attention pooling.

use tch::{Kind, Tensor, nn::Init};

use crate::config::{EncoderConfig, VisionConfig};
use crate::encoder::{Encoder, LayerNorm, Linear, Mlp, Parameters, lecun, xavier};
use crate::error::{Error, Result};
use crate::naflex::Grid;
use crate::weights::{Parameter, Weights};

/// The image tower of SigLIP; there is no class token and no projection.
#[derive(Debug, Clone)]
pub struct VisionTower {
    /// From the pixels of a patch to the first width H.
    patches: Linear,
    /// How square images are cut; none where they come in patches.
    squares: Option<Squares>,
    /// Numbers of a patch.
    inputs: i64,
    position_embedding: Parameter,
    encoder: Encoder,
    post_layernorm: LayerNorm,
    head: PoolingHead,
}

/// Sides in pixels.
#[derive(Debug, Clone, Copy)]
struct Squares {
    image: i64,
    patch: i64,
}

impl VisionTower {
    /// Where its weights lie.
    pub(crate) fn device(&self) -> tch::Device {
        self.position_embedding.device()
    }

    /// How many images go through it at once, on the processor.
    pub(crate) fn part(&self) -> usize {
        self.patches.part()
    }

    pub(crate) fn new(weights: &Weights, config: &VisionConfig) -> Result<Self> {
        let (width, side) = (config.hidden_size, config.patch_size);
        let (embeddings, blocks) = (weights.sub("embeddings"), config.encoder());
        let patch = embeddings.sub("patch_embedding");
        let inputs = config.num_channels * side * side;
        let squares =
            config.num_patches.is_none().then_some(Squares { image: config.image_size, patch: side });
        // Square images have the weights of a convolution whose kernel is its stride.
        let shape: &[i64] = match squares {
            Some(_) => &[width, config.num_channels, side, side],
            None => &[width, inputs],
        };
        let patches = Parameters::new(&patch, shape, lecun(inputs))?.layer(weights)?;
        let positions = embeddings.sub("position_embedding");
        Ok(Self {
            patches,
            squares,
            inputs,
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
        let Some(squares) = self.squares else {
            let expected = "patches with their grids: the model's resolution is variable".to_owned();
            return Err(Error::Input { what: "pixel values", got: format!("{size:?}"), expected });
        };
        let side = squares.image;
        if !matches!(size[..], [_, 3, height, width] if height == side && width == side) {
            let expected = format!("[batch, 3, {side}, {side}]");
            return Err(Error::Input { what: "pixel values", got: format!("{size:?}"), expected });
        }
        let patches = squares.cut(&pixels.f_to_kind(self.position_embedding.kind())?)?;
        let x = self.patches.forward(&patches)?.f_add(&self.position_embedding)?;
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
        if self.squares.is_some() {
            let expected = "square images: the model's resolution is fixed".to_owned();
            return Err(Error::Input { what, got, expected });
        }
        let inputs = self.inputs;
        if pixels.size() != [total, inputs] || lengths.contains(&0) || grids.is_empty() {
            return Err(Error::Input { what, got, expected: format!("[{total}, {inputs}], for {grids:?}") });
        }
        let patches = self.patches.forward(&pixels.f_to_kind(self.position_embedding.kind())?)?;
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

impl Squares {
    /// Images `[B, C, S, S]` in patches `[B, P, C p p]`, row by row. What does not fill a patch is dropped.
    fn cut(self, pixels: &Tensor) -> Result<Tensor> {
        let (batch, channels, ..) = pixels.size4()?;
        let (count, side) = (self.image / self.patch, self.patch);
        let whole = pixels.f_narrow(2, 0, count * side)?.f_narrow(3, 0, count * side)?;
        let patches = whole.f_reshape([batch, channels, count, side, count, side])?;
        let rows = patches.f_permute([0, 2, 4, 1, 3, 5])?;
        Ok(rows.f_reshape([batch, count * count, channels * side * side])?)
    }
}

/// Multihead attention pooling: one learned query, the probe, attends to all patches.
#[derive(Debug, Clone)]
struct PoolingHead {
    probe: Parameter,
    /// Projections of query, key and value, one below the other.
    in_proj_weight: Parameter,
    in_proj_bias: Parameter,
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
        self.finish(&self.attend(&self.query()?, x)?)
    }

    /// The patches of images one after the other, as many as `lengths`, `[1, sum, H]` to `[B, H]`.
    fn forward_packed(&self, x: &Tensor, lengths: &[i64]) -> Result<Tensor> {
        let query = self.query()?;
        let images = x.f_split_with_sizes(lengths, 1)?;
        let pooled = images.iter().map(|image| self.attend(&query, image));
        self.finish(&Tensor::f_cat(&pooled.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// What the scores of each head are products of, `[heads, H]`: W_K,h^T q_h / sqrt(H / heads).
    ///
    /// There is one query, so the keys W_K x + b_K need not be made: <q, W_K x> = <W_K^T q, x>, and
    /// what b_K adds is the same for all patches, which a softmax ignores.
    fn query(&self) -> Result<Tensor> {
        let width = self.probe.size()[2];
        let head = width / self.heads;
        let (weight, bias) = self.projection(0)?;
        let query = self.probe.f_view([1, width])?.f_linear(&weight, Some(&bias))?;
        let query = query.f_view([self.heads, 1, head])?.f_mul_scalar((head as f64).sqrt().recip())?;
        let keys = self.projection(1)?.0.f_view([self.heads, head, width])?;
        Ok(query.f_bmm(&keys)?.f_squeeze_dim(1)?)
    }

    /// What the probe sees of `[B, P, H]`: `[B, 1, H]`. The values' projection is of their weighted
    /// mean, for weights that add up to 1.
    fn attend(&self, query: &Tensor, x: &Tensor) -> Result<Tensor> {
        let (batch, _, width) = x.size3()?;
        let no_bias: Option<&Tensor> = None;
        let scores = x.f_linear(query, no_bias)?.f_softmax(1, None)?;
        let means = scores.f_transpose(1, 2)?.f_bmm(x)?; // [B, heads, H]
        let (weight, bias) = self.projection(2)?;
        let values = weight.f_view([self.heads, width / self.heads, width])?;
        let seen = means.f_transpose(0, 1)?.f_bmm(&values.f_transpose(1, 2)?)?; // [heads, B, H / heads]
        Ok(seen.f_transpose(0, 1)?.f_reshape([batch, 1, width])?.f_add(&bias)?)
    }

    /// Weight and bias of the k-th part of the joint projection: 0 for queries, 1 for keys, 2 for values.
    fn projection(&self, k: i64) -> Result<(Tensor, Tensor)> {
        let width = self.probe.size()[2];
        let part = |of: &Tensor| of.f_narrow(0, k * width, width);
        Ok((part(&self.in_proj_weight)?, part(&self.in_proj_bias)?))
    }

    /// What follows attention, `[B, 1, H]` to `[B, H]`.
    fn finish(&self, pooled: &Tensor) -> Result<Tensor> {
        let pooled = self.out_proj.forward(pooled)?;
        // The residual is the attention's output, not the probe.
        let y = self.mlp.forward(&self.layernorm.forward(&pooled)?, &pooled)?;
        Ok(y.f_squeeze_dim(1)?)
    }
}
