//! The experiments of *Global Minimizers of Sigmoid Contrastive Loss* (Bangachev, Bresler, Noman,
//! Polyanskiy, NeurIPS 2025, arXiv 2509.18552), for notebooks: what the sigmoid loss of SigLIP
//! converges to when its inverse temperature and bias are trained.
//!
//! ```text
//! Experiment  --train-->  Run  --geometry-->  Geometry  --figures-->  plots + logs
//! checkpoint + images + texts  --embed-->  Embeddings  --geometry-->  the same
//! ```
//!
//! This crate holds what is libtorch's: the loss as a function of tensors ([`loss`]) and the engine
//! that steps with autograd and Adam ([`libtorch`]). The rest it re-exports from the workspace's
//! crates, each of which knows only of those before it in the flow: [`constellation`] (experiments,
//! the fused engine, geometry, theory), [`figures`], [`explorer`], [`models`] (SigLIP checkpoints
//! and embedding) and [`notebook`]. The features `libtorch` and `models` are on by default; without
//! them a purely synthetic notebook compiles neither libtorch's bindings nor the models.
//!
//! ```
//! use siglip_core::prelude::*;
//!
//! let experiment = Experiment { pairs: 6, dim: 3, epochs: 100, ..Experiment::default() };
//! let run = experiment.train()?;
//! println!("{}", run.table());
//! # Ok::<(), siglip_core::Error>(())
//! ```

#[cfg(feature = "libtorch")]
mod adam;
#[cfg(feature = "libtorch")]
mod blocks;
#[cfg(feature = "libtorch")]
mod device;
#[cfg(feature = "libtorch")]
pub mod libtorch;
#[cfg(feature = "libtorch")]
pub mod loss;
pub mod prelude;
#[cfg(feature = "libtorch")]
mod recorded;

// A variable of a cell must be of a type that the kernel can name: these are named through this crate.
#[cfg(feature = "models")]
pub use models;
#[cfg(feature = "libtorch")]
pub use tch;
pub use {constellation, explorer, figures, ndarray, notebook, serde_json};

pub use notebook::{Error, Notebook, Result};
#[cfg(feature = "libtorch")]
pub use {constellation::Device, device::settings_on, libtorch::Libtorch};

/// Begins the record of the notebook `name`, with every engine that this crate is built with.
///
/// # Errors
/// [`Error::Variable`] if `SIGLIP_SET` is not a JSON list of assignments.
pub fn open(name: &str) -> Result<Notebook> {
    #[cfg(feature = "libtorch")]
    return Notebook::open_with(name, device::on_cpu);
    #[cfg(not(feature = "libtorch"))]
    return Notebook::open(name);
}
