//! Sweeps: many experiments trained side by side, into a folder if wanted.
//!
//! # The JSON form
//!
//! ```json
//! {
//!   "base": {"pairs": 100, "dim": 10, "epochs": 5000},
//!   "grid": {"bias.init": {"from": -1, "to": 1, "count": 10}, "seed": [1, 2, 3]},
//!   "runs": [{"bias": {"trainable": false}}, {"numerics": "exact"}],
//!   "record": {"margin": true, "xi": false}
//! }
//! ```
//!
//! - `base`: a run's description; absent keys take their defaults.
//! - `runs`: descriptions whose keys replace those of `base`, one after the other;
//!   without it there is one, the base itself.
//! - `grid`: for each of them, all combinations of these values, the last key varying
//!   fastest. A key is dotted, such as `bias.init`. Its values are a list, or `count`
//!   equidistant ones `from` .. `to`, both included.
//! - `record`: what is recorded at every epoch beside loss, temperature and relative
//!   bias; nothing if it is absent.
//!
//! # The folder
//!
//! Each run is two files, `<key>.npz` as [`Run::save`] writes it and `<key>.json` with
//! description and summary, where `<key>` is a hash of the description, of what is
//! recorded and of the version of the numerics; runs of other versions stay and are not read. The JSON file is written last, so a run
//! that has one is whole and is not trained again, by this sweep or another one. With
//! [`Keep::Summaries`] the final numbers alone are kept, in lines of JSON in the folder [`SHARDS`].
//!
//! # Beyond one machine
//!
//! A [`Sweep`] has all its runs in memory. A [`Plan`] makes each when its turn comes and keeps none:
//! [`Plan::train_into`] is for sweeps of any size, and for a [`shard::Shard`] of one, with any number
//! of processes in one folder.

mod describe;
mod groups;
mod json;
mod outcome;
mod plan;
mod runs;
mod side_by_side;
mod store;
mod stream;
mod summaries;

use std::path::Path;

pub use describe::Sweep;
pub use outcome::{Finished, Outcome};
pub use plan::Plan;
pub use runs::{Ensemble, Runs};
pub use side_by_side::{SweepProgress, print_sweep_progress};
pub use stream::{Keep, Kept, SHARDS};

use self::store::Store;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::run::Run;
use crate::train::Settings;

/// Trains experiments side by side on all cores, printing progress when it takes
/// long; the runs come in the same order. With the fused engine each has the same numbers as when it is
/// trained alone.
///
/// # Errors
/// [`crate::Error::InSweep`] for the first experiment that fails, when the others are done.
pub fn train_all(experiments: &[Experiment], settings: Settings) -> Result<Vec<Run>> {
    side_by_side::train(experiments, settings, None, &mut print_sweep_progress())
}

impl Sweep {
    /// Trains all experiments side by side, recording what the sweep says.
    ///
    /// # Errors
    /// As [`train_all`].
    pub fn train(&self, settings: Settings) -> Result<Runs> {
        let settings = Settings { record: self.record(), ..settings };
        Ok(self.with_labels(train_all(self.experiments(), settings)?))
    }

    /// Trains those experiments of which `folder` has no run yet, and puts each run there as
    /// it is finished; see the [module](self). Snapshots are not kept.
    ///
    /// # Errors
    /// As [`train_all`]; if `folder` cannot be written, nothing is trained, and nothing more when a
    /// run cannot be kept there.
    pub fn train_into(
        &self,
        folder: impl AsRef<Path>,
        settings: Settings,
        progress: &mut dyn FnMut(&SweepProgress),
    ) -> Result<Runs> {
        files::check_folder(folder.as_ref())?;
        let store = Store::at(folder.as_ref(), self.record());
        let settings = Settings { record: self.record(), snapshots: 0, ..settings };
        Ok(self.with_labels(side_by_side::train(self.experiments(), settings, Some(&store), progress)?))
    }

    /// As [`Sweep::train_into`] a folder that is removed once all runs are finished: an
    /// interruption loses only those that were under way.
    ///
    /// # Errors
    /// As [`Sweep::train_into`].
    pub fn train_keeping(&self, folder: impl AsRef<Path>, settings: Settings) -> Result<Runs> {
        let folder = folder.as_ref();
        let runs = self.train_into(folder, settings, &mut side_by_side::print_kept_progress())?;
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(files::Error::new(folder, error).into())
            }
            _ => Ok(runs),
        }
    }

    fn with_labels(&self, runs: Vec<Run>) -> Runs {
        Runs { labels: self.labels().to_vec(), runs }
    }
}

#[cfg(test)]
mod tests;
