//! What a notebook needs around an experiment: the [`Notebook`] that trains, records and checks,
//! [`Table`]s, figures of runs, the explorer, and how values show themselves as a cell's last
//! expression ([`Show`]).
//!
//! It comes last in the flow and depends on the crates before it: `constellation` (runs),
//! `figures` and `explorer` (how they are drawn), and, with the feature `models`, on `models`
//! (trained towers, in [`trained`]).
//!
//! ```
//! use constellation::Experiment;
//! use notebook::{RunsExt, ShowTable};
//!
//! let experiment = Experiment { pairs: 4, dim: 3, epochs: 50, ..Experiment::default() };
//! let runs = experiment.vary("bias.init", [0.0, 0.5])?.train(Default::default())?;
//! assert!(runs.table().to_string().contains("bias.init = 0.5"));
//! assert!(!runs.losses("Two losses")?.png.is_empty());
//! # Ok::<(), notebook::Error>(())
//! ```

mod check;
mod environment;
mod error;
mod outcomes;
mod record;
mod runs;
mod show;
mod spread;
mod table;
#[cfg(feature = "models")]
pub mod trained;

pub use check::{Check, Checks, Published, check};
#[cfg(feature = "models")]
pub use environment::{collection, own_embeddings};
pub use error::{Error, Result};
pub use outcomes::{outcomes_over, outcomes_table, phase_diagram};
pub use record::Notebook;
pub use runs::{
    Number, RunExt, RunsExt, compare_over_epochs, explore, histogram_without_adapter, mean_over_epochs,
};
pub use show::{Show, ShowTable};
pub use spread::{Spread, over_parameter};
pub use table::Table;
