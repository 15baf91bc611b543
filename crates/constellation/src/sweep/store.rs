//! A folder of finished runs, found again by their descriptions.

use std::fs;
use std::path::{Path, PathBuf};

use files::npz::NpzReader;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::State;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::history::{History, Record};
use crate::run::{self, Run, Summary};

/// Version of the numerics, raised by whoever changes a number of any run: runs of another
/// version are not taken for those of this one.
pub(super) const NUMERICS: u32 = 3;

/// See the parent module.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    record: Record,
}

/// The JSON file of a run.
#[derive(Serialize, Deserialize)]
struct Entry<S> {
    experiment: Experiment,
    record: Record,
    numerics: u32,
    summary: S,
}

impl Store {
    pub(super) fn at(folder: &Path, record: Record) -> Self {
        Self { folder: folder.to_owned(), record }
    }

    /// The run of this experiment, if it is there and whole.
    pub(super) fn load(&self, experiment: &Experiment) -> Option<Run> {
        let (npz, json) = self.paths(experiment);
        let entry: Entry<Summary> = self.entry(&json, experiment)?;
        let mut npz = NpzReader::open(&npz).ok()?;
        let embeddings = run::vectors(&npz.array("embeddings").ok()?).ok()?;
        let mut column = |name: &str, wanted: bool| {
            if wanted { npz.array(name).and_then(|column| column.doubles()).ok() } else { Some(Vec::new()) }
        };
        let Record { margin, xi } = self.record;
        let history = History {
            loss: column("loss", true)?,
            temperature: column("temperature", true)?,
            relative_bias: column("relative_bias", true)?,
            margin: column("margin", margin)?,
            optimal_relative_bias: column("optimal_relative_bias", margin)?,
            xi: column("xi", xi)?,
        };
        let Summary { bias, delta, engine, seconds, .. } = entry.summary;
        let temperature = *history.temperature.last()?;
        let state = State { embeddings, temperature, bias, delta };
        Run::new(experiment.clone(), state, history, Vec::new(), engine, seconds).ok()
    }

    /// The summary of this experiment's run, if it is there.
    pub(super) fn summary(&self, experiment: &Experiment) -> Option<Summary> {
        let (_, json) = self.paths(experiment);
        Some(self.entry(&json, experiment)?.summary)
    }

    /// A run's JSON file, if it is that of this experiment, recorded and computed as ours.
    fn entry<S: DeserializeOwned>(&self, json: &Path, experiment: &Experiment) -> Option<Entry<S>> {
        let entry: Entry<S> = serde_json::from_slice(&fs::read(json).ok()?).ok()?;
        let same =
            entry.experiment == *experiment && entry.record == self.record && entry.numerics == NUMERICS;
        same.then_some(entry)
    }

    pub(super) fn save(&self, run: &Run) -> Result<()> {
        let (npz, json) = self.paths(&run.experiment);
        run.save(npz)?;
        let entry = Entry {
            experiment: run.experiment.clone(),
            record: self.record,
            numerics: NUMERICS,
            summary: run.summary(),
        };
        Ok(files::write_json(&json, &entry)?)
    }

    fn paths(&self, experiment: &Experiment) -> (PathBuf, PathBuf) {
        let key = key(experiment, self.record);
        (self.folder.join(format!("{key}.npz")), self.folder.join(format!("{key}.json")))
    }
}

/// Name of a run: a hash of its description, of what is recorded
/// and of the version of the numerics.
pub(super) fn key(experiment: &Experiment, record: Record) -> String {
    hash(&(experiment, record, NUMERICS))
}

/// The JSON of a value in 32 hexadecimal digits (FNV-1a, 128 bits).
pub(super) fn hash(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("valid JSON");
    let hash = json.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    });
    format!("{hash:032x}")
}
