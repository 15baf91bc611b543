//! Pretrained SigLIP models: from a checkpoint, images and class names to embeddings.
//!
//! Everything follows the transformers library, to rounding: the towers, the
//! preprocessing of images (in its slow, exact form), the tokenizers. What differs is
//! said where it does.

mod checkpoint;
mod config;
mod dataset;
mod embed;
mod embedder;
mod embeddings;
mod encoder;
mod error;
mod folder;
mod hub;
mod image;
mod journal;
mod json;
mod model;
mod preprocessor;
mod resize;
mod sentencepiece;
mod text;
mod tokenizer;
mod vision;
mod weights;

pub use checkpoint::Checkpoint;
pub use config::{Activation, Architectures, Config, EncoderConfig, ModelType, TextConfig, VisionConfig};
pub use dataset::{Dataset, Item};
pub use embed::{EmbedOptions, EmbedProgress, embed};
pub use embedder::{Dtype, Embedder};
pub use embeddings::Embeddings;
pub use error::Error;
pub use folder::Folder;
pub use image::{decode, preprocess};
pub use model::Siglip;
pub use preprocessor::Preprocessor;
pub use resize::{Filter, resize};
use sentencepiece::SentencePiece;
pub use text::TextTower;
pub use tokenizer::Tokenizer;
pub(crate) use tokenizer::canonicalize;
pub use vision::VisionTower;
pub use weights::Weights;
