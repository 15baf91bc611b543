//! The transformer block that both towers share.

use tch::{Kind, Tensor, nn::Init};

use crate::config::{Activation, EncoderConfig};
use crate::error::Result;
use crate::fused::FusedLinear;
use crate::quantized::QuantizedLinear;
use crate::streams::PART;
use crate::weights::{Parameter, Weights};

/// Pre-norm transformer blocks, without any mask: every position sees all others of its sequence.
#[derive(Debug, Clone)]
pub(crate) struct Encoder(Vec<Block>);

impl Encoder {
    pub(crate) fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        (0..config.num_hidden_layers)
            .map(|k| Block::new(&weights.sub(&format!("layers.{k}")), config))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// `[B, L, H]` to `[B, L, H]`.
    pub(crate) fn forward(&self, x: Tensor) -> Result<Tensor> {
        self.0.iter().try_fold(x, |x, block| block.forward(&x, None))
    }

    /// Sequences of these lengths, one after the other, `[1, sum of lengths, H]` to the same.
    ///
    /// They stand for a padded batch with masks, and give its result: all but attention works on
    /// each position for itself, and attention takes the sequences one by one.
    pub(crate) fn forward_packed(&self, x: Tensor, lengths: &[i64]) -> Result<Tensor> {
        self.0.iter().try_fold(x, |x, block| block.forward(&x, Some(lengths)))
    }
}

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`.
#[derive(Debug, Clone)]
struct Block {
    layer_norm1: LayerNorm,
    self_attn: SelfAttention,
    layer_norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        Ok(Self {
            layer_norm1: LayerNorm::new(&weights.sub("layer_norm1"), config)?,
            self_attn: SelfAttention::new(&weights.sub("self_attn"), config)?,
            layer_norm2: LayerNorm::new(&weights.sub("layer_norm2"), config)?,
            mlp: Mlp::new(&weights.sub("mlp"), config)?,
        })
    }

    fn forward(&self, x: &Tensor, lengths: Option<&[i64]>) -> Result<Tensor> {
        let x = self.self_attn.forward(&self.layer_norm1.forward(x)?, lengths, x)?;
        self.mlp.forward(&self.layer_norm2.forward(&x)?, &x)
    }
}

#[derive(Debug, Clone)]
struct SelfAttention {
    projections: Projections,
    out_proj: Linear,
    heads: i64,
    /// By which products of queries and keys are multiplied: (H / heads)^-1/2.
    scale: f64,
}

/// From the tokens to queries, keys and values.
#[derive(Debug, Clone)]
enum Projections {
    /// Three layers, by the names of a checkpoint, that are trained.
    Separate(Box<[Linear; 3]>),
    /// One product instead of three.
    Joint(Linear),
}

impl SelfAttention {
    fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let (width, init) = (config.hidden_size, xavier(config.hidden_size, config.hidden_size));
        let read = |name| Parameters::new(&weights.sub(name), &[width, width], init);
        let [mut q, k, v] = [read("q_proj")?, read("k_proj")?, read("v_proj")?];
        let mut scale = ((width / config.num_attention_heads) as f64).sqrt().recip();
        // A power of two moves no bit of the queries' digits.
        if weights.are_final() && scale.log2().fract() == 0.0 {
            q = q.times(scale)?;
            scale = 1.0;
        }
        let projections = if weights.are_final() {
            Projections::Joint(Parameters::joint(&[q, k, v])?.layer(weights)?)
        } else {
            Projections::Separate(Box::new([q, k, v].map(Linear::Plain)))
        };
        let out_proj = Linear::new(&weights.sub("out_proj"), width, width, init)?;
        Ok(Self { projections, out_proj, heads: config.num_attention_heads, scale })
    }

    /// With the sum of `residual`.
    fn forward(&self, x: &Tensor, lengths: Option<&[i64]>, residual: &Tensor) -> Result<Tensor> {
        let [q, k, v] = self.projections.forward(x)?;
        let y = match lengths {
            None => attention(&q, &k, &v, self.heads, self.scale)?,
            Some(lengths) => {
                let split = |x: &Tensor| x.f_split_with_sizes(lengths, 1);
                let sequences = split(&q)?.into_iter().zip(split(&k)?).zip(split(&v)?);
                let attended = sequences.map(|((q, k), v)| attention(&q, &k, &v, self.heads, self.scale));
                Tensor::f_cat(&attended.collect::<Result<Vec<_>>>()?, 1)?
            }
        };
        self.out_proj.with_sum(&y, residual)
    }
}

impl Projections {
    fn forward(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        match self {
            Self::Separate(layers) => {
                let [q, k, v] = &**layers;
                Ok([q.forward(x)?, k.forward(x)?, v.forward(x)?])
            }
            Self::Joint(layer) => {
                let joint = layer.forward(x)?;
                let width = joint.size()[2] / 3;
                let part = |k| joint.f_narrow(2, k * width, width);
                Ok([part(0)?, part(1)?, part(2)?])
            }
        }
    }
}

/// Scaled dot-product attention of several heads: queries, keys and values `[B, L, H]` to `[B, L, H]`.
fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: i64, scale: f64) -> Result<Tensor> {
    if q.kind() == Kind::BFloat16 {
        return attention_by_products(q, k, v, heads, scale);
    }
    let split = |x: &Tensor| -> Result<Tensor> {
        let (batch, length, width) = x.size3()?;
        Ok(x.f_view([batch, length, heads, width / heads])?.f_transpose(1, 2)?)
    };
    let no_mask: Option<&Tensor> = None;
    let y = Tensor::f_scaled_dot_product_attention(
        &split(q)?,
        &split(k)?,
        &split(v)?,
        no_mask,
        0.0,
        false,
        scale,
        false,
    )?;
    Ok(y.f_transpose(1, 2)?.f_flatten(2, 3)?)
}

/// [`attention`] in bfloat16. libtorch's kernel for it computes in float32; two products of bfloat16
/// matrices, one item of the batch at a time to stay in the cache, are a third faster where the processor
/// multiplies bfloat16. The scores are rounded to it; embeddings come out as close to float32 as before.
fn attention_by_products(q: &Tensor, k: &Tensor, v: &Tensor, heads: i64, scale: f64) -> Result<Tensor> {
    let (batch, length, width) = q.size3()?;
    // `baddbmm` scales the product, and does not look at what it adds 0 times.
    let ignored = Tensor::f_zeros([1], (Kind::BFloat16, q.device()))?;
    let attended = Tensor::f_empty([batch, length, width], (Kind::BFloat16, q.device()))?;
    for b in 0..batch {
        let split = |x: &Tensor| -> Result<Tensor> {
            Ok(x.f_select(0, b)?.f_view([length, heads, width / heads])?.f_transpose(0, 1)?)
        };
        let (q, k) = (split(q)?, split(k)?.f_transpose(1, 2)?);
        let scores = if scale == 1.0 { q.f_bmm(&k)? } else { ignored.f_baddbmm(&q, &k, 0.0, scale)? };
        split(&attended)?.f_copy_(&scores.f_softmax(-1, None)?.f_bmm(&split(v)?)?)?;
    }
    Ok(attended)
}

/// Two linear layers with a GELU between.
#[derive(Debug, Clone)]
pub(crate) struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Mlp {
    pub(crate) fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let (width, hidden) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            fc1: Linear::new(&weights.sub("fc1"), width, hidden, xavier(width, hidden))?,
            fc2: Linear::new(&weights.sub("fc2"), hidden, width, xavier(hidden, width))?,
            activation: config.hidden_act,
        })
    }

    /// With the sum of `residual`.
    pub(crate) fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let approximation = match self.activation {
            // The two GELUs are at most 5e-4 apart. In bfloat16 that is within rounding, and the one by
            // the error function takes less time.
            Activation::GeluTanh if x.kind() != Kind::BFloat16 => "tanh",
            Activation::GeluTanh | Activation::Gelu => "none",
        };
        self.fc2.with_sum(&self.fc1.with_gelu(x, approximation)?, residual)
    }
}

/// `x W^T + b` with W `[out, in]`.
#[derive(Debug, Clone)]
pub(crate) enum Linear {
    /// Weights that are trained, or lie on a device of their own.
    Plain(Parameters),
    /// Weights that never change, as oneDNN has them.
    Fused(FusedLinear),
    /// Weights that never change, as integers.
    Quantized(QuantizedLinear),
}

/// Weight and bias of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// `[out, ..]`: the kernel of a convolution is a row an output.
    weight: Parameter,
    bias: Parameter,
}

impl Parameters {
    /// With a weight of this shape `[out, ..]`.
    pub(crate) fn new(weights: &Weights, shape: &[i64], init: Init) -> Result<Self> {
        Ok(Self {
            weight: weights.parameter("weight", shape, init)?,
            bias: weights.parameter("bias", &shape[..1], Init::Const(0.0))?,
        })
    }

    /// The outputs of several layers side by side.
    fn joint(parts: &[Self]) -> Result<Self> {
        let cat = |of: fn(&Self) -> &Tensor| -> Result<Parameter> {
            Ok(Parameter(Tensor::f_cat(&parts.iter().map(of).collect::<Vec<_>>(), 0)?))
        };
        Ok(Self { weight: cat(|part| &part.weight)?, bias: cat(|part| &part.bias)? })
    }

    /// Those of outputs that are multiplied by a factor.
    fn times(&self, factor: f64) -> Result<Self> {
        let times = |of: &Tensor| -> Result<Parameter> { Ok(Parameter(of.f_mul_scalar(factor)?)) };
        Ok(Self { weight: times(&self.weight)?, bias: times(&self.bias)? })
    }

    fn rows(&self) -> Result<Tensor> {
        Ok(self.weight.f_flatten(1, -1)?)
    }

    /// The layer that has them, in the form in which `weights` are kept.
    ///
    /// # Errors
    /// If they shall be integers, and cannot.
    pub(crate) fn layer(self, weights: &Weights) -> Result<Linear> {
        if weights.are_quantized() {
            return Ok(Linear::Quantized(QuantizedLinear::new(&self.rows()?, &self.bias)?));
        }
        let rows = if weights.are_final() { Some(self.rows()?) } else { None };
        Ok(match rows.and_then(|rows| FusedLinear::new(&rows, &self.bias)) {
            Some(fused) => Linear::Fused(fused),
            None => Linear::Plain(self),
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.rows()?, Some(&*self.bias))?)
    }
}

impl Linear {
    pub(crate) fn new(weights: &Weights, inputs: i64, outputs: i64, init: Init) -> Result<Self> {
        Parameters::new(weights, &[outputs, inputs], init)?.layer(weights)
    }

    /// How many images or texts go through it at once.
    pub(crate) fn part(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Fused(_) => PART,
            Self::Quantized(_) => 1,
        }
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain(parameters) => parameters.forward(x),
            Self::Fused(fused) => fused.forward(x),
            Self::Quantized(quantized) => quantized.forward(x),
        }
    }

    /// Its GELU, with libtorch's name of the approximation.
    fn with_gelu(&self, x: &Tensor, approximation: &str) -> Result<Tensor> {
        match self {
            Self::Plain(parameters) => {
                let mut y = parameters.forward(x)?;
                // In place saves a pass through memory, but gradients need the values before.
                Ok(if y.requires_grad() { y.f_gelu(approximation) } else { y.f_gelu_(approximation) }?)
            }
            Self::Fused(fused) => fused.with_gelu(x, approximation),
            Self::Quantized(quantized) => quantized.with_gelu(x, approximation),
        }
    }

    /// Its sum with `other`, of the size of the outputs.
    fn with_sum(&self, x: &Tensor, other: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain(parameters) => Ok(other.f_add(&parameters.forward(x)?)?),
            Self::Fused(fused) => fused.with_sum(x, other),
            Self::Quantized(quantized) => Ok(other.f_add(&quantized.forward(x)?)?),
        }
    }
}

/// Normalisation over the last dimension.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    weight: Parameter,
    bias: Parameter,
    width: i64,
    eps: f64,
}

impl LayerNorm {
    pub(crate) fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let width = config.hidden_size;
        Ok(Self {
            weight: weights.parameter("weight", &[width], Init::Const(1.0))?,
            bias: weights.parameter("bias", &[width], Init::Const(0.0))?,
            width,
            eps: config.layer_norm_eps,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_layer_norm([self.width], Some(&*self.weight), Some(&*self.bias), self.eps, false)?)
    }
}

/// Glorot and Bengio's uniform distribution, with which SigLIP draws its linear layers.
pub(crate) fn xavier(inputs: i64, outputs: i64) -> Init {
    let bound = (6.0 / (inputs + outputs) as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// A normal distribution of variance 1 / `inputs`.
pub(crate) fn lecun(inputs: i64) -> Init {
    Init::Randn { mean: 0.0, stdev: (inputs as f64).sqrt().recip() }
}
