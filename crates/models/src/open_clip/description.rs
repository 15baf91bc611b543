//! `open_clip_config.json`: the model, and what is done to pictures and texts.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::clean::Cleaning;
use crate::config::{Activation, Config, TextConfig, VisionConfig};
use crate::error::{Error, Result};
use crate::folder::{Folder, OPEN_CLIP_CONFIG};
use crate::json;
use crate::resize::Filter;

/// What the file says.
#[derive(Debug)]
pub(crate) struct Description {
    file: PathBuf,
    contents: Contents,
}

#[derive(Debug, Deserialize)]
struct Contents {
    model_cfg: Model,
    #[serde(default)]
    preprocess_cfg: Preprocessing,
}

#[derive(Debug, Deserialize)]
struct Model {
    embed_dim: i64,
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: Vision,
    text_cfg: Text,
}

/// Defaults are those of OpenCLIP's `CLIPVisionCfg`.
#[derive(Debug, Deserialize)]
struct Vision {
    image_size: Option<i64>,
    timm_model_name: Option<String>,
    timm_pool: Option<String>,
    timm_proj: Option<String>,
}

/// Defaults are those of OpenCLIP's `CLIPTextCfg`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Text {
    context_length: i64,
    vocab_size: i64,
    width: i64,
    heads: i64,
    layers: i64,
    mlp_ratio: f64,
    no_causal_mask: bool,
    pool_type: String,
    proj_type: String,
    proj_bias: bool,
    norm_kwargs: Option<Norm>,
    act_kwargs: Option<Act>,
    tokenizer_kwargs: Option<Tokens>,
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Norm {
    #[serde(default = "usual_eps")]
    eps: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Act {
    approximate: Approximation,
}

/// How GELU is computed.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Approximation {
    #[default]
    None,
    Tanh,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tokens {
    clean: Cleaning,
}

/// Defaults are those of OpenCLIP's `PreprocessCfg`.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Preprocessing {
    mean: [f64; 3],
    std: [f64; 3],
    interpolation: String,
    resize_mode: String,
}

/// torch's own.
fn usual_eps() -> f64 {
    1e-5
}

impl Default for Text {
    fn default() -> Self {
        Self {
            context_length: 77,
            vocab_size: 49408,
            width: 512,
            heads: 8,
            layers: 12,
            mlp_ratio: 4.0,
            no_causal_mask: false,
            pool_type: "argmax".to_owned(),
            proj_type: "linear".to_owned(),
            proj_bias: false,
            norm_kwargs: None,
            act_kwargs: None,
            tokenizer_kwargs: None,
            others: HashMap::new(),
        }
    }
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self {
            mean: [0.48145466, 0.4578275, 0.40821073],
            std: [0.26862954, 0.26130258, 0.27577711],
            interpolation: "bicubic".to_owned(),
            resize_mode: "shortest".to_owned(),
        }
    }
}

/// Keys of a text tower that would make it another one than SigLIP's, if they are set.
const OTHER_TOWERS: [&str; 12] = [
    "hf_model_name",
    "embed_cls",
    "ls_init_value",
    "use_pad_mask",
    "qk_norm",
    "scaled_cosine_attn",
    "scale_heads",
    "scale_attn_inner",
    "scale_attn",
    "scale_fc",
    "tokenizer_mode",
    "final_ln_after_pool",
];

impl Description {
    /// Reads the file of a folder.
    ///
    /// # Errors
    /// If it cannot be read, or is that of another model than a SigLIP.
    pub(crate) fn read(folder: &Folder) -> Result<Self> {
        let file = folder.require(OPEN_CLIP_CONFIG)?;
        let contents: Contents = json::read(&file)?;
        let description = Self { file, contents };
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<()> {
        let Model { quick_gelu, vision_cfg: vision, text_cfg: text, .. } = &self.contents.model_cfg;
        let refuse = |key: &str, is: Value, expected: &str| {
            let is = if is.is_null() { "is missing".to_owned() } else { format!("is {is}") };
            Err(Error::config(&self.file, format!("model_cfg.{key}"), format!("{is}, expected {expected}")))
        };
        let siglip = |name: &String| name.contains("_siglip_") && !name.contains("_gap_");
        if !vision.timm_model_name.as_ref().is_some_and(siglip) {
            let expected = "one of timm's SigLIPs, such as vit_base_patch16_siglip_224: of OpenCLIP's models \
                            only they are read";
            return refuse("vision_cfg.timm_model_name", json!(vision.timm_model_name), expected);
        }
        if vision.timm_pool.as_deref() != Some("map") {
            return refuse("vision_cfg.timm_pool", json!(vision.timm_pool), "\"map\"");
        }
        if vision.timm_proj.as_deref() != Some("none") {
            return refuse("vision_cfg.timm_proj", json!(vision.timm_proj), "\"none\"");
        }
        if *quick_gelu {
            return refuse("quick_gelu", json!(quick_gelu), "false");
        }
        for (key, value, expected) in
            [("no_causal_mask", text.no_causal_mask, true), ("proj_bias", text.proj_bias, true)]
        {
            if value != expected {
                return refuse(&format!("text_cfg.{key}"), json!(value), &expected.to_string());
            }
        }
        for (key, value, expected) in
            [("pool_type", &text.pool_type, "last"), ("proj_type", &text.proj_type, "linear")]
        {
            if value != expected {
                return refuse(&format!("text_cfg.{key}"), json!(value), &format!("{expected:?}"));
            }
        }
        let is_set = |value: &Value| !(value.is_null() || *value == false || *value == "");
        for key in OTHER_TOWERS {
            if let Some(value) = text.others.get(key)
                && is_set(value)
            {
                return refuse(
                    &format!("text_cfg.{key}"),
                    value.clone(),
                    "none: SigLIP's text tower has no such part",
                );
            }
        }
        if !(text.mlp_ratio > 0.0 && text.mlp_ratio < 1e4) {
            return refuse("text_cfg.mlp_ratio", json!(text.mlp_ratio), "a small positive number");
        }
        Ok(())
    }

    /// Sizes of the towers. The file has only the name of the image tower: `shape` gives the sides
    /// of its tensors.
    ///
    /// # Errors
    /// Names what is impossible, or not there.
    pub(crate) fn config(&self, shape: impl Fn(&str) -> Result<Vec<i64>>) -> Result<Config> {
        let Model { embed_dim, vision_cfg, text_cfg: text, .. } = &self.contents.model_cfg;
        let name = vision_cfg.timm_model_name.as_deref().unwrap_or_default();
        let trunk = |tensor: &str, side: usize| -> Result<i64> {
            let tensor = format!("visual.trunk.{tensor}");
            let shape = shape(&tensor)?;
            shape.get(side).copied().ok_or_else(|| {
                Error::checkpoint(
                    self.file.with_file_name(""),
                    format!("tensor `{tensor}` has shape {shape:?}"),
                )
            })
        };
        let mut layers = 0;
        while layers < MAX_LAYERS && shape(&format!("visual.trunk.blocks.{layers}.norm1.weight")).is_ok() {
            layers += 1;
        }
        let config = Config {
            vision_config: VisionConfig {
                hidden_size: trunk("patch_embed.proj.weight", 0)?,
                intermediate_size: trunk("blocks.0.mlp.fc1.weight", 0)?,
                num_hidden_layers: layers,
                num_attention_heads: heads(name),
                image_size: vision_cfg.image_size.unwrap_or(224),
                patch_size: trunk("patch_embed.proj.weight", 3)?,
                hidden_act: activation(name),
                ..VisionConfig::default()
            },
            text_config: TextConfig {
                vocab_size: text.vocab_size,
                hidden_size: text.width,
                intermediate_size: (text.width as f64 * text.mlp_ratio) as i64,
                num_hidden_layers: text.layers,
                num_attention_heads: text.heads,
                max_position_embeddings: text.context_length,
                hidden_act: match text.act_kwargs.as_ref().map(|act| act.approximate) {
                    Some(Approximation::Tanh) => Activation::GeluTanh,
                    _ => Activation::Gelu,
                },
                layer_norm_eps: text.norm_kwargs.as_ref().map_or(usual_eps(), |norm| norm.eps),
                projection_size: Some(*embed_dim),
            },
            ..Config::default()
        };
        config.validate(&self.file)?;
        Ok(config)
    }

    /// How texts are cleaned.
    pub(crate) fn cleaning(&self) -> Cleaning {
        let settings = &self.contents.model_cfg.text_cfg.tokenizer_kwargs;
        settings.as_ref().map_or(Cleaning::default(), |settings| settings.clean)
    }

    /// Mean and deviation that pictures are normalised with, and the kernel that resizes them.
    ///
    /// # Errors
    /// If they are not resized straight to a square.
    pub(crate) fn preprocessing(&self) -> Result<([f64; 3], [f64; 3], Filter)> {
        let Preprocessing { mean, std, interpolation, resize_mode } = &self.contents.preprocess_cfg;
        let refuse = |key: &str, is: &str, expected: &str| {
            Err(Error::config(
                &self.file,
                format!("preprocess_cfg.{key}"),
                format!("is {is:?}, expected {expected}"),
            ))
        };
        if resize_mode != "squash" {
            return refuse("resize_mode", resize_mode, "\"squash\", as SigLIP resizes");
        }
        let filter = match interpolation.as_str() {
            "bicubic" => Filter::Bicubic,
            "bilinear" => Filter::Bilinear,
            other => return refuse("interpolation", other, "\"bicubic\" or \"bilinear\""),
        };
        if let Some(value) = mean.iter().find(|value| !value.is_finite()) {
            return refuse("mean", &value.to_string(), "finite numbers");
        }
        if let Some(value) = std.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            return refuse("std", &value.to_string(), "positive numbers");
        }
        Ok((*mean, *std, filter))
    }
}

/// More blocks are not counted: the configuration would be refused.
const MAX_LAYERS: i64 = 1 << 11;

/// Attention heads of one of timm's SigLIPs, which its file does not tell.
fn heads(name: &str) -> i64 {
    if name.starts_with("vit_base") { 12 } else { 16 }
}

/// The GELU of one of timm's SigLIPs (1.0.31). Those that have the exact one were trained with the
/// other.
fn activation(name: &str) -> Activation {
    let approximate = [
        "vit_base_patch32_siglip_256",
        "vit_large_patch16_siglip_512",
        "vit_so400m_patch16_siglip_",
        "vit_giantopt_patch16_siglip_",
    ];
    if approximate.iter().any(|known| name.starts_with(known)) {
        Activation::GeluTanh
    } else {
        Activation::Gelu
    }
}
