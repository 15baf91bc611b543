//! A small SigLIP that is trained here: the pretrained models' own modules and files,
//! at a size at which a whole training fits into a notebook.
//!
//! ```text
//! TowersConfig + emoji  --train-->  checkpoint folder  --embed_emoji-->  EmojiEmbeddings
//! ```
//!
//! The data are [`emoji`]: 1,000 names with four drawings each, three of them trained on.
//! A batch is some drawings of different classes, scored against all names, so that no
//! hard negative is missed. The result is a checkpoint like any other, which
//! [`crate::pretrained`] and the transformers library read.

mod adam;
mod augment;
mod batches;
mod config;
pub mod emoji;
mod evaluate;
mod files;
mod state;
mod tokens;
mod trainer;

pub use config::{TowerSizes, TowersConfig};
pub use emoji::Emoji;
pub use evaluate::{EmojiEmbeddings, TowersSummary, embed_emoji, embed_untrained, summarize};
pub use trainer::{Trained, train};
