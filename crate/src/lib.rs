//! The experiments of *Global Minimizers of Sigmoid Contrastive Loss*
//! (Bangachev, Bresler, Noman, Polyanskiy, NeurIPS 2025, arXiv 2509.18552):
//! what the sigmoid loss of SigLIP converges to when its inverse temperature and
//! bias are trained.
//!
//! ```text
//! Experiment  --train-->  Run  --geometry-->  Geometry  --figures-->  plots + logs
//! checkpoint + images + labels  --embed-->  Embeddings  --geometry-->  the same
//! ```
//!
//! Nothing earlier in this flow knows of anything later. The loss itself is in [`loss`].

pub mod collection;
pub mod display;
mod error;
mod experiment;
pub mod explorer;
pub mod figures;
mod files;
pub mod geometry;
pub mod logbook;
pub mod loss;
mod npz;
pub mod prelude;
pub mod pretrained;
mod run;
pub mod runs;
pub mod sphere;
pub mod towers;
pub mod train;
pub mod view;

// A variable of a cell must be of a type that the kernel can name: these are named through this crate.
pub use {ndarray, serde_json, tch};

pub use error::{Error, Result};
pub use experiment::{Bias, BiasKind, EngineChoice, Experiment, Numerics, Temperature};
pub use geometry::Geometry;
pub use run::{Run, Snapshot, Summary};
pub use train::{History, Record, Settings, Sweep};
