//! What to train: the description of one pair of towers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use constellation::description;
use constellation::{Bias, BiasKind, Error, Numerics, Temperature};
use models::{Config, Result, TextConfig, VisionConfig, emoji};

/// A training of two towers on the emoji. The JSON form of this type is what
/// `siglip train-towers` reads; keys that are absent take the defaults, but `temperature`,
/// `bias` and the sizes of a tower are given whole.
///
/// No steps at all give the untrained control: the towers that training starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowersConfig {
    /// Seed of the initial weights, the batches and the augmentation.
    pub seed: u64,
    /// Steps of Adam.
    pub steps: usize,
    /// Steps in which the learning rates rise from 0; then they fall to 0 as a cosine.
    pub warmup_steps: usize,
    /// How many of the first steps see rotated, scaled, shifted and recoloured drawings.
    pub augmented_steps: usize,
    /// Drawings of a batch, all of different classes.
    pub batch: usize,
    /// Highest learning rate of the towers.
    pub learning_rate: f64,
    /// Highest learning rate of log t and the bias.
    pub scalar_learning_rate: f64,
    /// The inverse temperature t.
    pub temperature: Temperature,
    /// The bias, relative or absolute.
    pub bias: Bias,
    /// How a term of the loss is computed.
    pub numerics: Numerics,
    /// Side of a patch, in pixels of the 32 of a drawing.
    pub patch_size: i64,
    /// Tokens of a text, the end token included.
    pub text_length: i64,
    /// Sizes of the image tower; its width is the dimension of the embeddings.
    pub vision_config: TowerSizes,
    /// Sizes of the text tower.
    pub text_config: TowerSizes,
    /// Steps between two states from which an interrupted training goes on.
    pub checkpoint_every: usize,
}

/// Sizes of a tower, by Hugging Face's names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerSizes {
    /// Width of the tower.
    pub hidden_size: i64,
    /// Width of the hidden layer of a block's MLP.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: i64,
}

impl Default for TowersConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 1600,
            warmup_steps: 50,
            augmented_steps: 800,
            batch: 250,
            learning_rate: 2e-3,
            scalar_learning_rate: 1e-2,
            temperature: Temperature::trained(10.0),
            bias: Bias::trained(BiasKind::Absolute, 10.0),
            numerics: Numerics::Exact,
            patch_size: 8,
            text_length: 6,
            vision_config: TowerSizes {
                hidden_size: 128,
                intermediate_size: 256,
                num_hidden_layers: 2,
                num_attention_heads: 4,
            },
            text_config: TowerSizes {
                hidden_size: 96,
                intermediate_size: 192,
                num_hidden_layers: 1,
                num_attention_heads: 4,
            },
            checkpoint_every: 100,
        }
    }
}

impl TowersConfig {
    /// The default with a relative bias, which starts at 1.
    pub fn relative() -> Self {
        Self { bias: Bias::trained(BiasKind::Relative, 1.0), ..Self::default() }
    }

    /// Reads a description from JSON.
    ///
    /// # Errors
    /// [`Error::Description`] names a key that is unknown or of the wrong type,
    /// [`Error::Value`] or [`models::Error`] one whose value is impossible.
    pub fn from_json(json: &str) -> Result<Self> {
        let config: Self = description::from_json(json)?;
        config.validate()?;
        Ok(config)
    }

    /// The same training with some keys replaced, as [`constellation::Experiment::with`].
    ///
    /// # Errors
    /// As [`TowersConfig::from_json`]; an assignment without `=` is an error as well.
    pub fn with<S: AsRef<str>>(&self, assignments: &[S]) -> Result<Self> {
        let config: Self = description::replace(self, assignments)?;
        config.validate()?;
        Ok(config)
    }

    /// Checks that the description can be run.
    ///
    /// # Errors
    /// Names the first key whose value is impossible.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, key, value: &dyn std::fmt::Display, expected| {
            if holds { Ok(()) } else { Err(Error::Value { key, value: value.to_string(), expected }) }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        check(self.steps <= MAX_STEPS, "steps", &self.steps, "at most 10,000,000")?;
        check((1..=emoji::CLASSES).contains(&self.batch), "batch", &self.batch, "1 to 1000")?;
        for (key, rate) in
            [("learning_rate", self.learning_rate), ("scalar_learning_rate", self.scalar_learning_rate)]
        {
            check(positive(rate), key, &rate, "a positive number")?;
        }
        let t = self.temperature.init;
        check(positive(t), "temperature.init", &t, "a positive number")?;
        check(self.bias.init.is_finite(), "bias.init", &self.bias.init, "a finite number")?;
        check((1..=32).contains(&self.patch_size), "patch_size", &self.patch_size, "1 to 32")?;
        check((2..=64).contains(&self.text_length), "text_length", &self.text_length, "2 to 64")?;
        check(self.checkpoint_every >= 1, "checkpoint_every", &self.checkpoint_every, "at least 1")?;
        for (key, tower) in [("vision_config", self.vision_config), ("text_config", self.text_config)] {
            let widest = tower.hidden_size.max(tower.intermediate_size);
            check(widest <= MAX_WIDTH, key, &widest, "widths of at most 4096")?;
            check(tower.num_hidden_layers <= MAX_LAYERS, key, &tower.num_hidden_layers, "at most 64 blocks")?;
        }
        self.model(1).validate(Path::new("run description"))
    }

    /// The sizes of both towers as `config.json` has them, for `vocabulary` tokens.
    pub(crate) fn model(&self, vocabulary: i64) -> Config {
        let (vision, text) = (self.vision_config, self.text_config);
        Config {
            vision_config: VisionConfig {
                hidden_size: vision.hidden_size,
                intermediate_size: vision.intermediate_size,
                num_hidden_layers: vision.num_hidden_layers,
                num_attention_heads: vision.num_attention_heads,
                image_size: i64::from(emoji::SIDE),
                patch_size: self.patch_size,
                ..VisionConfig::default()
            },
            text_config: TextConfig {
                vocab_size: vocabulary,
                hidden_size: text.hidden_size,
                intermediate_size: text.intermediate_size,
                num_hidden_layers: text.num_hidden_layers,
                num_attention_heads: text.num_attention_heads,
                max_position_embeddings: self.text_length,
                projection_size: Some(vision.hidden_size),
                ..TextConfig::default()
            },
            ..Config::default()
        }
    }

    /// Share of the highest learning rates at `step`: linear, then a cosine to 0.
    pub(crate) fn schedule(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return (step + 1) as f64 / self.warmup_steps as f64;
        }
        let falling = (self.steps - self.warmup_steps) as f64;
        let done = (step - self.warmup_steps) as f64 / falling;
        (1.0 + (std::f64::consts::PI * done).cos()) / 2.0
    }
}

const MAX_STEPS: usize = 10_000_000;
const MAX_WIDTH: i64 = 4096;
const MAX_LAYERS: i64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_keys_take_the_defaults() {
        assert_eq!(TowersConfig::from_json("{}").unwrap(), TowersConfig::default());
        let relative = r#"{"bias": {"kind": "relative", "init": 1, "trainable": true}}"#;
        assert_eq!(TowersConfig::from_json(relative).unwrap(), TowersConfig::relative());
    }

    #[test]
    fn an_error_names_the_key() {
        for (json, key) in [
            (r#"{"step": 3}"#, "step"),
            (r#"{"steps": -1}"#, "steps"),
            (r#"{"steps": 1000000000000}"#, "steps"),
            (r#"{"batch": 0}"#, "batch"),
            (r#"{"batch": 1001}"#, "batch"),
            (r#"{"learning_rate": 0}"#, "learning_rate"),
            (r#"{"scalar_learning_rate": -1}"#, "scalar_learning_rate"),
            (r#"{"temperature": {"init": 0, "trainable": true}}"#, "temperature.init"),
            (r#"{"bias": {"kind": "sideways"}}"#, "bias.kind"),
            (r#"{"patch_size": 33}"#, "patch_size"),
            (r#"{"text_length": 1}"#, "text_length"),
            (r#"{"checkpoint_every": 0}"#, "checkpoint_every"),
            (r#"{"vision_config": {"hidden_size": 8}}"#, "vision_config"),
        ] {
            let message = TowersConfig::from_json(json).unwrap_err().to_string();
            assert!(message.contains(key), "{json}: {message}");
        }
        for (assignment, key) in [
            ("vision_config.num_attention_heads=7", "vision_config.num_attention_heads"),
            ("text_config.hidden_size=0", "text_config.hidden_size"),
            ("text_config.hidden_size=1000000", "text_config"),
            ("text_config.num_hidden_layers=0", "text_config.num_hidden_layers"),
        ] {
            let message = TowersConfig::default().with(&[assignment]).unwrap_err().to_string();
            assert!(message.contains(key), "{assignment}: {message}");
        }
    }

    #[test]
    fn the_learning_rate_rises_and_falls_to_nothing() {
        let config = TowersConfig::default();
        let shares: Vec<f64> = (0..config.steps).map(|step| config.schedule(step)).collect();
        assert_eq!((shares[0], shares[49], shares[50]), (1.0 / 50.0, 1.0, 1.0));
        assert!(shares[50..].is_sorted_by(|a, b| a > b) && *shares.last().unwrap() < 1e-5);
    }
}
