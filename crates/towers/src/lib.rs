//! Training a small SigLIP on the emoji that ship with the project: the pretrained models' own
//! modules and files, at a size at which a whole training takes minutes.
//!
//! ```text
//! TowersConfig + emoji  --train-->  checkpoint folder  --models::emoji::embed_emoji-->  embeddings
//! ```
//!
//! The data are [`models::emoji`]: 1,000 names with four drawings each, three of them trained on.
//! A batch is some drawings of different classes, scored against all names, so that no
//! hard negative is missed. The result is a checkpoint like any other, which `models` and the
//! transformers library read. It comes after `models` and `siglip_core`, whose loss it minimises.
//!
//! ```
//! let config = towers::TowersConfig::default().with(&["steps=100", "seed=2"])?;
//! assert_eq!((config.steps, config.batch), (100, towers::TowersConfig::default().batch));
//! # Ok::<(), models::Error>(())
//! ```

mod adam;
mod augment;
mod batches;
mod checkpoint;
mod config;
mod evaluate;
mod state;
mod tokens;
mod trainer;

pub use config::{TowerSizes, TowersConfig};
pub use evaluate::{TowersSummary, summarize};
pub use trainer::{Trained, train};
