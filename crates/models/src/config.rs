//! `config.json` of a SigLIP checkpoint.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::json;

/// Sizes of both towers. Files of the hub leave out every value that equals the
/// default of the transformers library, which is siglip-base-patch16-224; so does
/// this type when it reads, but it writes all of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The class of transformers that the weights are of.
    pub architectures: Architectures,
    /// Whether images have a fixed resolution.
    pub model_type: ModelType,
    /// The text tower.
    pub text_config: TextConfig,
    /// The image tower.
    pub vision_config: VisionConfig,
}

/// Sizes of the text tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// Number of tokens.
    pub vocab_size: i64,
    /// Width H of the tower.
    pub hidden_size: i64,
    /// Width of the hidden layer of a block's MLP.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Attention heads of a block; divides `hidden_size`.
    pub num_attention_heads: i64,
    /// Every text is padded or truncated to this many tokens.
    pub max_position_embeddings: i64,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in every layer norm.
    pub layer_norm_eps: f64,
    /// Dimension D of a text embedding; `hidden_size` if absent.
    pub projection_size: Option<i64>,
}

/// Sizes of the image tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// Width H of the tower, and dimension D of an image embedding.
    pub hidden_size: i64,
    /// Width of the hidden layer of a block's MLP.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Attention heads of a block and of the pooling head; divides `hidden_size`.
    pub num_attention_heads: i64,
    /// Colour channels, 3.
    pub num_channels: i64,
    /// Side S of the square input, in pixels; of no meaning where the resolution is variable.
    pub image_size: i64,
    /// Only where the resolution is variable (SigLIP 2 NaFlex), and there always: number of
    /// positions, a square number. Their embeddings are resized to the patches of each image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_patches: Option<i64>,
    /// Side of a patch, in pixels. What does not fill a patch is cut off.
    pub patch_size: i64,
    /// Activation of the MLPs.
    pub hidden_act: Activation,
    /// Added to the variance in every layer norm.
    pub layer_norm_eps: f64,
    /// Whether there is an attention pooling head; always.
    pub vision_use_head: bool,
}

/// What a stack of transformer blocks has to know, of either tower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    /// Width H.
    pub hidden_size: i64,
    /// Width of the hidden layer of the MLP.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Attention heads.
    pub num_attention_heads: i64,
    /// Activation of the MLP.
    pub hidden_act: Activation,
    /// Added to the variance in every layer norm.
    pub layer_norm_eps: f64,
}

/// Activation of an MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Activation {
    /// The approximation of GELU by a hyperbolic tangent, of all published checkpoints.
    #[default]
    #[serde(rename = "gelu_pytorch_tanh")]
    GeluTanh,
    /// GELU by the error function.
    #[serde(rename = "gelu")]
    Gelu,
}

/// The value of `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub enum ModelType {
    /// SigLIP, and SigLIP 2 of a fixed resolution.
    #[default]
    #[serde(rename = "siglip")]
    Siglip,
    /// SigLIP 2 of variable resolution (NaFlex).
    #[serde(rename = "siglip2")]
    Siglip2,
}

impl TryFrom<String> for ModelType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let what = match name.as_str() {
            "siglip" => return Ok(Self::Siglip),
            "siglip2" => return Ok(Self::Siglip2),
            "siglip_vision_model" | "siglip2_vision_model" => {
                "an image tower alone, without texts; `siglip embed` gives vectors of its images"
            }
            "siglip_text_model" | "siglip2_text_model" => "a text tower alone, without images",
            _ => "another family of models",
        };
        Err(format!("`{name}` is {what}, expected `siglip` or `siglip2`"))
    }
}

/// The value of `architectures`: the classes that transformers has for the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Architectures(Option<Vec<String>>);

impl Default for Architectures {
    fn default() -> Self {
        Self(Some(vec!["SiglipModel".to_owned()]))
    }
}

impl Architectures {
    fn validate(&self, file: &Path) -> Result<()> {
        let Some(class) = self.0.iter().flatten().next() else { return Ok(()) };
        let what = match class.as_str() {
            "SiglipModel" | "Siglip2Model" => return Ok(()),
            "SiglipForImageClassification" | "Siglip2ForImageClassification" => {
                "an image classifier, which has no text tower"
            }
            "SiglipVisionModel" | "Siglip2VisionModel" => {
                "an image tower alone, without texts; `siglip embed` gives vectors of its images"
            }
            "SiglipTextModel" | "Siglip2TextModel" => "a text tower alone, without images",
            _ => "another model",
        };
        let reason = format!("is {class}: {what}; expected SiglipModel or Siglip2Model");
        Err(Error::config(file, "architectures", reason))
    }
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 32_000,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 64,
            hidden_act: Activation::GeluTanh,
            layer_norm_eps: 1e-6,
            projection_size: None,
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            num_patches: None,
            patch_size: 16,
            hidden_act: Activation::GeluTanh,
            layer_norm_eps: 1e-6,
            vision_use_head: true,
        }
    }
}

/// Larger than any model that is known, and small enough that no product overflows.
const MAX_WIDTH: i64 = 1 << 16;
const MAX_LAYERS: i64 = 1 << 10;
const MAX_VOCABULARY: i64 = 1 << 24;
const MAX_TOKENS: i64 = 1 << 16;
const MAX_IMAGE_SIZE: i64 = 1 << 13;

/// Positions of a model of variable resolution whose file does not say how many.
const DEFAULT_NUM_PATCHES: i64 = 256;

/// What tells an image tower alone from a model of both.
#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    vision_config: Option<VisionConfig>,
}

/// The path of a key in a section, which may be the file itself.
fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Whether a number is possible.
fn range(file: &Path, section: &str, key: &str, value: i64, max: i64) -> Result<()> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::config(file, dotted(section, key), format!("is {value}, expected 1 to {max}")))
}

impl Config {
    /// Reads and validates `config.json`.
    ///
    /// # Errors
    /// Names the key whose value is of the wrong type, out of range, or belongs to
    /// another kind of model.
    pub fn read(file: &Path) -> Result<Self> {
        let mut config: Self = json::read(file)?;
        config.vision_config.set_family(config.model_type);
        config.validate(file)?;
        Ok(config)
    }

    /// Dimension D of the embeddings of both towers.
    pub fn embedding_size(&self) -> i64 {
        self.vision_config.hidden_size
    }

    /// Checks that a model of these sizes can exist; `file` is named in the error.
    ///
    /// # Errors
    /// Names the first key whose value is impossible.
    pub fn validate(&self, file: &Path) -> Result<()> {
        self.architectures.validate(file)?;
        let (text, vision) = (&self.text_config, &self.vision_config);
        let section = "text_config";
        range(file, section, "vocab_size", text.vocab_size, MAX_VOCABULARY)?;
        range(file, section, "max_position_embeddings", text.max_position_embeddings, MAX_TOKENS)?;
        text.encoder().validate("text_config", file)?;
        vision.validate("vision_config", file)?;
        if text.projection_size() != vision.hidden_size {
            let reason = format!(
                "is {}, expected vision_config.hidden_size ({}): texts and images need one dimension",
                text.projection_size(),
                vision.hidden_size
            );
            return Err(Error::config(file, "text_config.projection_size", reason));
        }
        Ok(())
    }
}

impl TextConfig {
    /// Dimension D of a text embedding.
    pub fn projection_size(&self) -> i64 {
        self.projection_size.unwrap_or(self.hidden_size)
    }

    /// The part that describes the blocks.
    pub fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            hidden_act: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

impl VisionConfig {
    /// Reads the `config.json` of an image tower alone, which is not in a section; none if the
    /// file is that of another model.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn read_alone(file: &Path) -> Result<Option<Self>> {
        let Kind { model_type, architectures, vision_config } = json::read(file)?;
        let class = architectures.unwrap_or_default().into_iter().next().unwrap_or_default();
        let family = match (model_type.as_deref().unwrap_or_default(), class.as_str()) {
            ("siglip_vision_model", _) | ("siglip" | "", "SiglipVisionModel") => ModelType::Siglip,
            ("siglip2_vision_model", _) | ("siglip2" | "", "Siglip2VisionModel") => ModelType::Siglip2,
            _ => return Ok(None),
        };
        if !matches!(class.as_str(), "" | "SiglipVisionModel" | "Siglip2VisionModel") {
            return Ok(None); // a classifier, which is refused
        }
        let (section, mut config) = match vision_config {
            Some(config) => ("vision_config", config),
            None => ("", json::read(file)?),
        };
        config.set_family(family);
        config.validate(section, file)?;
        Ok(Some(config))
    }

    /// What a file says, or leaves out, means something else in each family.
    fn set_family(&mut self, family: ModelType) {
        self.num_patches = match family {
            ModelType::Siglip => None, // not looked at
            ModelType::Siglip2 => Some(self.num_patches.unwrap_or(DEFAULT_NUM_PATCHES)),
        };
    }

    fn validate(&self, section: &str, file: &Path) -> Result<()> {
        let refuse = |key: &str, reason: String| Err(Error::config(file, dotted(section, key), reason));
        match self.num_patches {
            None => {
                range(file, section, "image_size", self.image_size, MAX_IMAGE_SIZE)?;
                range(file, section, "patch_size", self.patch_size, self.image_size)?;
            }
            Some(patches) => {
                range(file, section, "num_patches", patches, MAX_TOKENS)?;
                range(file, section, "patch_size", self.patch_size, MAX_IMAGE_SIZE)?;
                if patches.isqrt().pow(2) != patches {
                    let reason = format!("is {patches}, expected a square number: positions lie in a square");
                    return refuse("num_patches", reason);
                }
            }
        }
        self.encoder().validate(section, file)?;
        if self.num_channels != 3 {
            return refuse("num_channels", format!("is {}, expected 3", self.num_channels));
        }
        if !self.vision_use_head {
            let reason = "is false, expected true: without its pooling head there is no image embedding";
            return refuse("vision_use_head", reason.to_owned());
        }
        Ok(())
    }

    /// Number of positions; where the resolution is fixed, of patches that fit entirely.
    pub fn patches(&self) -> i64 {
        self.num_patches.unwrap_or_else(|| (self.image_size / self.patch_size).pow(2))
    }

    /// The part that describes the blocks.
    pub fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            hidden_act: self.hidden_act,
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

impl EncoderConfig {
    fn validate(&self, section: &str, file: &Path) -> Result<()> {
        let error = |key: &str, reason: String| Err(Error::config(file, dotted(section, key), reason));
        for (key, value, max) in [
            ("hidden_size", self.hidden_size, MAX_WIDTH),
            ("intermediate_size", self.intermediate_size, MAX_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS),
            ("num_attention_heads", self.num_attention_heads, self.hidden_size),
        ] {
            range(file, section, key, value, max)?;
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            let (heads, width) = (self.num_attention_heads, self.hidden_size);
            return error(
                "num_attention_heads",
                format!("is {heads}, expected a divisor of hidden_size ({width})"),
            );
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return error(
                "layer_norm_eps",
                format!("is {}, expected a small positive number", self.layer_norm_eps),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, json).unwrap();
        Config::read(&file)
    }

    #[test]
    fn a_sparse_file_means_the_base_model() {
        // The whole of siglip-base-patch16-224's file but for its version.
        let config = read(
            r#"{"architectures": ["SiglipModel"], "initializer_factor": 1.0, "model_type": "siglip",
                "text_config": {"model_type": "siglip_text_model"}, "torch_dtype": "float32",
                "vision_config": {"model_type": "siglip_vision_model"}}"#,
        )
        .unwrap();
        assert_eq!(config, Config::default());
        assert_eq!((config.vision_config.patches(), config.embedding_size()), (196, 768));
    }

    #[test]
    fn positions_are_of_variable_resolution_where_the_model_is() {
        let positions = |json: &str| read(json).unwrap().vision_config.num_patches;
        assert_eq!(positions(r#"{"model_type": "siglip2"}"#), Some(256));
        assert_eq!(positions(r#"{"model_type": "siglip2", "vision_config": {"num_patches": 64}}"#), Some(64));
        assert_eq!(positions(r#"{"model_type": "siglip", "vision_config": {"num_patches": 64}}"#), None);
    }

    #[test]
    fn what_does_not_fill_a_patch_is_cut_off() {
        let vision = VisionConfig { image_size: 384, patch_size: 14, ..VisionConfig::default() };
        assert_eq!(vision.patches(), 27 * 27);
    }

    #[test]
    fn an_error_names_the_key() {
        for (json, key) in [
            (r#"{"text_config": {"hidden_size": "wide"}}"#, "text_config.hidden_size"),
            (r#"{"text_config": {"hidden_size": 1e300}}"#, "text_config.hidden_size"),
            (r#"{"text_config": {"vocab_size": -1}}"#, "text_config.vocab_size"),
            (r#"{"text_config": {"vocab_size": 9223372036854775807}}"#, "text_config.vocab_size"),
            (r#"{"text_config": {"projection_size": 512}}"#, "text_config.projection_size"),
            (r#"{"vision_config": {"num_attention_heads": 7}}"#, "vision_config.num_attention_heads"),
            (r#"{"vision_config": {"num_attention_heads": 0}}"#, "vision_config.num_attention_heads"),
            (r#"{"vision_config": {"patch_size": 0}}"#, "vision_config.patch_size"),
            (r#"{"vision_config": {"patch_size": 225}}"#, "vision_config.patch_size"),
            (r#"{"vision_config": {"image_size": 1000000}}"#, "vision_config.image_size"),
            (r#"{"vision_config": {"num_hidden_layers": 1000000}}"#, "vision_config.num_hidden_layers"),
            (r#"{"vision_config": {"layer_norm_eps": -1}}"#, "vision_config.layer_norm_eps"),
            (r#"{"vision_config": {"hidden_act": "swish"}}"#, "vision_config.hidden_act"),
            (r#"{"vision_config": {"vision_use_head": false}}"#, "vision_config.vision_use_head"),
            (r#"{"vision_config": {"num_channels": 1}}"#, "vision_config.num_channels"),
            (r#"{"vision_config": 3}"#, "vision_config"),
            (r#"{"model_type": "siglip2", "vision_config": {"num_patches": 250}}"#, "square number"),
            (
                r#"{"model_type": "siglip2", "vision_config": {"num_patches": -1}}"#,
                "vision_config.num_patches",
            ),
            (r#"{"model_type": "siglip2", "vision_config": {"patch_size": 0}}"#, "vision_config.patch_size"),
            (r#"{"model_type": "siglip_vision_model"}"#, "image tower alone"),
            (r#"{"model_type": "clip"}"#, "`clip` is another family"),
            (r#"{"architectures": ["SiglipForImageClassification"]}"#, "no text tower"),
            (r#"{"architectures": ["SiglipVisionModel"]}"#, "image tower alone"),
            (r#"{"architectures": ["CLIPModel"]}"#, "CLIPModel"),
            (r#"[]"#, "config.json"),
            (r#"{"model_type""#, "config.json"),
        ] {
            let message = read(json).unwrap_err().to_string();
            assert!(message.contains(key), "{json}: {message}");
        }
    }
}
