//! The experiments of *Global Minimizers of Sigmoid Contrastive Loss*
//! (Bangachev, Bresler, Noman, Polyanskiy, NeurIPS 2025, arXiv 2509.18552).

mod error;
mod experiment;
pub mod pretrained;
mod train;

pub use error::{Error, Result};
pub use experiment::{Bias, BiasKind, EngineChoice, Experiment, Numerics, Temperature};
pub use train::{History, Record};
