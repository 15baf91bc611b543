//! SigLIP models on libtorch: from a checkpoint, images and class names to embeddings.
//!
//! ```text
//! checkpoint + images + texts  --embed-->  Embeddings  --geometry-->  as of synthetic runs
//! ```
//!
//! Everything follows the transformers library, to rounding: the towers, the
//! preprocessing of images (in its slow, exact form), the tokenizers; and open_clip where a
//! checkpoint is in its layout. What differs is said where it does. Of the workspace it depends on `constellation`, for the geometry of
//! what it embeds, and on `files`.
//!
//! ```
//! // The data set that ships with the project: four drawings of each of 1,000 emoji.
//! let emoji = models::emoji::load()?;
//! assert_eq!(emoji.names().len(), 1000);
//! # Ok::<(), models::Error>(())
//! ```

mod checkpoint;
pub mod collection;
mod config;
mod dataset;
mod device;
mod dtype;
mod embed;
mod embed_shard;
mod embedder;
mod embeddings;
pub mod emoji;
mod encoder;
mod error;
mod folder;
mod fused;
mod hub;
mod image;
mod image_embedder;
mod integers;
mod journal;
mod json;
mod model;
mod naflex;
mod open_clip;
mod preprocessor;
mod progress;
mod quantized;
mod random;
mod resize;
mod sentencepiece;
mod sizes;
mod streams;
mod tensor_names;
mod text;
mod tokenizer;
mod vision;
mod weights;

pub use checkpoint::Checkpoint;
pub use collection::{Collection, Embedded, Part, Pictures};
pub use config::{Activation, Architectures, Config, EncoderConfig, ModelType, TextConfig, VisionConfig};
pub use constellation::Device;
pub use dataset::{Dataset, Item, LeftOut, Texts};
pub use dtype::Dtype;
pub use embed::{EmbedOptions, Vectors, embed, embed_vectors};
pub use embed_shard::{EmbeddedShard, embed_shard, merge_shards};
pub use embedder::Embedder;
pub use embeddings::{Embeddings, ImageEmbeddings, classes_of_rows};
pub use error::{Error, Result};
pub use folder::{Folder, Layout};
pub use image::{Pixels, decode, preprocess};
pub use image_embedder::ImageEmbedder;
pub use model::{Siglip, normalize};
pub use naflex::Grid;
pub use preprocessor::{Preprocessor, Resolution};
pub use progress::EmbedProgress;
pub use random::seed_generator;
pub use resize::{Filter, resize};
pub use text::TextTower;
pub use tokenizer::{Tokenizer, canonicalize};
pub use vision::VisionTower;
pub use weights::Weights;
