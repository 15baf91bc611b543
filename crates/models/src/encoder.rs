//! The transformer block that both towers share.

use tch::{Kind, Tensor, nn::Init};

use crate::config::{Activation, EncoderConfig};
use crate::error::Result;
use crate::weights::Weights;

/// Pre-norm transformer blocks, without any mask: every position sees all others of its sequence.
#[derive(Debug)]
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
#[derive(Debug)]
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
        let x = x.f_add(&self.self_attn.forward(&self.layer_norm1.forward(x)?, lengths)?)?;
        Ok(x.f_add(&self.mlp.forward(&self.layer_norm2.forward(&x)?)?)?)
    }
}

#[derive(Debug)]
struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: i64,
}

impl SelfAttention {
    fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let width = config.hidden_size;
        let project = |name| Linear::new(&weights.sub(name), width, width, xavier(width, width));
        Ok(Self {
            q_proj: project("q_proj")?,
            k_proj: project("k_proj")?,
            v_proj: project("v_proj")?,
            out_proj: project("out_proj")?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, x: &Tensor, lengths: Option<&[i64]>) -> Result<Tensor> {
        let (q, k, v) = (self.q_proj.forward(x)?, self.k_proj.forward(x)?, self.v_proj.forward(x)?);
        let y = match lengths {
            None => attention(&q, &k, &v, self.heads)?,
            Some(lengths) => {
                let split = |x: &Tensor| x.f_split_with_sizes(lengths, 1);
                let sequences = split(&q)?.into_iter().zip(split(&k)?).zip(split(&v)?);
                let attended = sequences.map(|((q, k), v)| attention(&q, &k, &v, self.heads));
                Tensor::f_cat(&attended.collect::<Result<Vec<_>>>()?, 1)?
            }
        };
        self.out_proj.forward(&y)
    }
}

/// Scaled dot-product attention of several heads: `[B, Lq, H]`, `[B, L, H]`, `[B, L, H]`
/// to `[B, Lq, H]`, with scale (H / heads)^-1/2.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: i64) -> Result<Tensor> {
    // (Not for a single query, such as the probe's: there is no time to save.)
    if q.kind() == Kind::BFloat16 && q.size() == k.size() {
        return attention_by_products(q, k, v, heads);
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
        None,
        false,
    )?;
    Ok(y.f_transpose(1, 2)?.f_flatten(2, 3)?)
}

/// [`attention`] in bfloat16. libtorch's kernel for it computes in float32; two products of bfloat16
/// matrices, one item of the batch at a time to stay in the cache, are a third faster where the processor
/// multiplies bfloat16. The scores are rounded to it; embeddings come out as close to float32 as before.
fn attention_by_products(q: &Tensor, k: &Tensor, v: &Tensor, heads: i64) -> Result<Tensor> {
    let (batch, length, width) = q.size3()?;
    let scale = ((width / heads) as f64).sqrt().recip();
    // `baddbmm` scales the product for free, and does not look at what it adds 0 times.
    let ignored = Tensor::zeros([1], (Kind::BFloat16, q.device()));
    let item = |b: i64| -> Result<Tensor> {
        let split = |x: &Tensor| -> Result<Tensor> {
            Ok(x.f_select(0, b)?.f_view([length, heads, width / heads])?.f_transpose(0, 1)?)
        };
        let scores = ignored.f_baddbmm(&split(q)?, &split(k)?.f_transpose(1, 2)?, 0.0, scale)?;
        let y = scores.f_softmax(-1, None)?.f_bmm(&split(v)?)?;
        Ok(y.f_transpose(0, 1)?.f_flatten(1, 2)?)
    };
    Ok(Tensor::f_stack(&(0..batch).map(item).collect::<Result<Vec<_>>>()?, 0)?)
}

/// Two linear layers with a GELU between.
#[derive(Debug)]
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

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut hidden = self.fc1.forward(x)?;
        let approximation = match self.activation {
            // The two GELUs are at most 5e-4 apart. In bfloat16 that is within rounding, and
            // libtorch computes the one by the error function four times as fast.
            Activation::GeluTanh if hidden.kind() != Kind::BFloat16 => "tanh",
            Activation::GeluTanh | Activation::Gelu => "none",
        };
        // In place saves a pass through memory, but gradients need the values before.
        let hidden = if hidden.requires_grad() {
            hidden.f_gelu(approximation)
        } else {
            hidden.f_gelu_(approximation)
        }?;
        self.fc2.forward(&hidden)
    }
}

/// `x W^T + b` with W `[out, in]`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(crate) fn new(weights: &Weights, inputs: i64, outputs: i64, init: Init) -> Result<Self> {
        Ok(Self {
            weight: weights.parameter("weight", &[outputs, inputs], init)?,
            bias: weights.parameter("bias", &[outputs], Init::Const(0.0))?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// Normalisation over the last dimension.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
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
        Ok(x.f_layer_norm([self.width], Some(&self.weight), Some(&self.bias), self.eps, false)?)
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
