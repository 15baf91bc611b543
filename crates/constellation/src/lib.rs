//! The sigmoid contrastive loss on spheres, as *Global Minimizers of Sigmoid Contrastive Loss*
//! (Bangachev, Bresler, Noman, Polyanskiy, NeurIPS 2025, arXiv 2509.18552) studies it: unit
//! vectors trained directly with Adam, their inverse temperature and bias with them.
//!
//! ```text
//! Experiment  --train-->  Run  --geometry-->  Geometry
//! Sweep       --train-->  Runs
//! ```
//!
//! Pure Rust, and it builds for WebAssembly: initial vectors come from PyTorch's random stream
//! ([`random`]), steps from the [`fused`] engine. Other engines, such as libtorch's in
//! `siglip_core`, implement [`Engine`] and are driven by the same loop ([`train`]). Of the
//! workspace it depends on `files` alone, for the runs that it keeps.
//!
//! ```
//! use constellation::{Experiment, Temperature};
//!
//! let experiment = Experiment { pairs: 20, dim: 3, epochs: 2000, ..Experiment::default() };
//! let run = experiment.train()?;
//! assert!(run.geometry().margin() > 0.0, "every pair is told from every other");
//! # Ok::<(), constellation::Error>(())
//! ```

pub mod best;
pub mod description;
mod device;
mod engine;
mod error;
mod experiment;
pub mod fused;
pub mod geometry;
mod history;
pub mod loss;
pub mod numbers;
mod objective;
pub mod points;
mod progress;
pub mod random;
mod run;
pub mod subsets;
pub mod sweep;
pub mod train;
pub mod transition;

pub use device::Device;
pub use engine::{BatchEngine, Engine, State};
pub use error::{Error, Result};
pub use experiment::{Bias, BiasKind, EngineChoice, Experiment, Numerics, Temperature};
pub use geometry::Geometry;
pub use history::{History, Record};
pub use objective::{Loss, Schedule, TemperatureForm};
pub use run::{CHECKPOINT, Run, Snapshot, Summary};
pub use sweep::{Ensemble, Outcome, Runs, Sweep};
pub use train::{Settings, Training};
