//! The result of training.

use std::path::Path;

use files::npz::{Npy, NpzReader, NpzWriter};
use ndarray::{Array3, ArrayView2, ArrayView3, Axis, s};
use serde::{Deserialize, Deserializer, Serialize};

use crate::engine::State;
use crate::error::Result;
use crate::experiment::Experiment;
use crate::geometry::{Geometry, Similarities, SubsetRetrieval};
use crate::history::History;

/// A trained experiment: final vectors and parameters, and how they came about.
#[derive(Clone)]
pub struct Run {
    /// What was run.
    pub experiment: Experiment,
    /// One entry per epoch.
    pub history: History,
    /// Vectors at some epochs, the first and the last among them; may be empty.
    pub snapshots: Vec<Snapshot>,
    state: State,
    geometry: Geometry,
    engine: &'static str,
    seconds: f64,
}

/// Vectors and parameters at one epoch.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Steps made before it.
    pub epoch: usize,
    pub(crate) state: State,
}

impl Snapshot {
    /// Unit vectors `[modalities, pairs, dim]`; with an adapter the extended ones, `dim + 1`.
    pub fn embeddings(&self) -> ArrayView3<'_, f32> {
        self.state.embeddings.view()
    }

    /// Inverse temperature t.
    pub fn temperature(&self) -> f64 {
        self.state.temperature
    }

    /// The bias as parametrised.
    pub fn bias(&self) -> f64 {
        self.state.bias
    }
}

/// The numbers of a run that `siglip train` prints and the metrics keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean loss before the last step.
    pub loss: f64,
    /// Inverse temperature t.
    pub temperature: f64,
    /// Bias as parametrised.
    pub bias: f64,
    /// Relative bias b_rel.
    pub relative_bias: f64,
    /// (min matching - max non-matching similarity) / 2.
    pub margin: f64,
    /// (min matching + max non-matching similarity) / 2.
    pub optimal_relative_bias: f64,
    /// The adapter's delta, if there is one.
    pub delta: Option<f64>,
    /// The engine that computed the steps.
    #[serde(deserialize_with = "engine_name")]
    pub engine: EngineName,
    /// Wall-clock time of the training.
    pub seconds: f64,
    /// The largest margin after each [`CHECKPOINT`] steps, if margins were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_margin: Option<f64>,
}

/// Steps between two margins of which [`Summary::best_margin`] is the largest (arXiv 2605.23556).
pub const CHECKPOINT: usize = 1000;

/// By another name serde does not take it for text that is borrowed from what is read.
type EngineName = &'static str;

/// The name of one of the engines that there are.
fn engine_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EngineName, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = ["fused", "libtorch"].into_iter().find(|&known| known == name);
    known.ok_or_else(|| serde::de::Error::custom(format!("engine `{name}`, expected fused or libtorch")))
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Run").field("experiment", &self.experiment).field("summary", &self.summary()).finish()
    }
}

impl Run {
    /// A run that ended at `state`.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if the vectors are not those of at least two modalities and two pairs.
    pub(crate) fn new(
        experiment: Experiment,
        state: State,
        history: History,
        snapshots: Vec<Snapshot>,
        engine: &'static str,
        seconds: f64,
    ) -> Result<Self> {
        let geometry = match experiment.is_of_pairs() {
            true => Geometry::of(state.embeddings.view())?,
            false => retrieval_of(&experiment, &state)?.geometry,
        };
        Ok(Self { experiment, history, snapshots, state, geometry, engine, seconds })
    }

    /// Final unit vectors `[modalities, pairs, dim]`; with an adapter the extended ones,
    /// (delta U, sqrt(1 - delta^2)) and (delta V, -sqrt(1 - delta^2)), of `dim + 1`. With several
    /// positives the queries and then the documents: `[1, queries + documents, dim]`.
    pub fn embeddings(&self) -> ArrayView3<'_, f32> {
        self.state.embeddings.view()
    }

    /// How well the queries, or the vectors of the first modality, find their documents.
    ///
    /// # Errors
    /// [`crate::Error::Input`] where there are more than two modalities.
    pub fn retrieval(&self) -> Result<SubsetRetrieval> {
        retrieval_of(&self.experiment, &self.state)
    }

    /// The largest margin of the recorded ones after each `every` steps, and the final one
    /// ([`crate::Record::margin`]).
    ///
    /// # Panics
    /// If `every` is 0.
    pub fn best_margin(&self, every: usize) -> f64 {
        self.history.margin.iter().step_by(every).skip(1).copied().fold(self.margin(), f64::max)
    }

    /// The same with [`CHECKPOINT`] steps, if margins were recorded.
    pub(crate) fn recorded_best_margin(&self) -> Option<f64> {
        (!self.history.margin.is_empty()).then(|| self.best_margin(CHECKPOINT))
    }

    /// Final unit vectors of one modality, `[pairs, dim]`; modalities count from 0.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn modality(&self, modality: usize) -> ArrayView2<'_, f32> {
        self.state.embeddings.index_axis(Axis(0), modality)
    }

    /// All similarities of the final vectors.
    ///
    /// # Errors
    /// As [`Similarities::of`].
    pub fn similarities(&self) -> Result<Similarities> {
        Similarities::of(self.embeddings())
    }

    /// Whether, and with which margin, a hyperplane separates the first two modalities.
    ///
    /// # Errors
    /// As [`crate::geometry::Separation::of`]; queries and documents are no two modalities.
    #[cfg(feature = "separation")]
    pub fn separation(&self) -> Result<crate::geometry::Separation> {
        if !self.experiment.is_of_pairs() {
            let got = format!("{} positives", self.experiment.positives);
            let expected = "two modalities of pairs".to_owned();
            return Err(crate::Error::Input { what: "separation of modalities", got, expected });
        }
        crate::geometry::Separation::of(self.modality(0), self.modality(1))
    }

    /// Mean loss before the last step.
    pub fn loss(&self) -> f64 {
        self.history.loss.last().copied().unwrap_or(f64::NAN)
    }

    /// Final inverse temperature t.
    pub fn temperature(&self) -> f64 {
        self.state.temperature
    }

    /// Final bias, as parametrised.
    pub fn bias(&self) -> f64 {
        self.state.bias
    }

    /// Final relative bias b_rel.
    pub fn relative_bias(&self) -> f64 {
        self.experiment.bias.kind.relative(self.state.bias, self.state.temperature)
    }

    /// The adapter's delta = sigmoid(x), if there is an adapter.
    pub fn delta(&self) -> Option<f64> {
        self.state.delta
    }

    /// The margin m of the final vectors.
    pub fn margin(&self) -> f64 {
        self.geometry.margin()
    }

    /// The extreme similarities of the final vectors, and what follows from them.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The run in a few numbers.
    pub fn summary(&self) -> Summary {
        Summary {
            loss: self.loss(),
            temperature: self.temperature(),
            bias: self.bias(),
            relative_bias: self.relative_bias(),
            margin: self.geometry.margin(),
            optimal_relative_bias: self.geometry.optimal_relative_bias(),
            delta: self.delta(),
            engine: self.engine,
            seconds: self.seconds,
            best_margin: self.recorded_best_margin(),
        }
    }

    /// The vectors `[modalities, pairs, dim]` of a file that [`Run::save`] wrote; none if
    /// the file has no array `embeddings`.
    ///
    /// # Errors
    /// [`crate::Error::File`] if `path` is not an npz file, or its `embeddings` are something else.
    pub fn read_embeddings(path: impl AsRef<Path>) -> Result<Option<Array3<f32>>> {
        let path = path.as_ref();
        let mut npz = NpzReader::open(path).map_err(|error| files::Error::new(path, error))?;
        let named = |reason: String| files::Error::new(path, format!("`embeddings` {reason}"));
        let array = npz.find("embeddings").map_err(named)?;
        Ok(array.map(|array| vectors(&array).map_err(named)).transpose()?)
    }

    /// Writes `embeddings` and, per epoch, `loss`, `temperature`, `relative_bias` and
    /// what else was recorded, as an npz file.
    ///
    /// # Errors
    /// [`crate::Error::File`] if `path` cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write_whole(path.as_ref(), |file| {
            let mut npz = NpzWriter::new(file);
            let embeddings = &self.state.embeddings;
            npz.numbers("embeddings", embeddings.shape(), embeddings.iter().copied())?;
            for (name, column) in self.history.columns() {
                npz.numbers(name, &[column.len()], column.iter().copied())?;
            }
            Ok(npz.finish()?)
        })?;
        Ok(())
    }
}

fn retrieval_of(experiment: &Experiment, state: &State) -> Result<SubsetRetrieval> {
    let vectors = state.embeddings.view();
    let (modalities, rows, _) = vectors.dim();
    let first_document = rows.saturating_sub(experiment.pairs);
    let (queries, documents) = match (experiment.is_of_pairs(), modalities) {
        (true, 2) => (vectors.slice(s![0, .., ..]), vectors.slice(s![1, .., ..])),
        (false, 1) => {
            (vectors.slice(s![0, ..first_document, ..]), vectors.slice(s![0, first_document.., ..]))
        }
        _ => {
            let got = format!("vectors {:?}", vectors.shape());
            let expected = "two modalities".to_owned();
            return Err(crate::Error::Input { what: "retrieval", got, expected });
        }
    };
    SubsetRetrieval::of(queries, documents, experiment.positives)
}

/// The vectors `[modalities, pairs, dim]` of an array; an error says why it has none.
pub(crate) fn vectors(array: &Npy) -> Result<Array3<f32>, String> {
    match array.shape[..] {
        [modalities, pairs, dim] => Ok(Array3::from_shape_vec((modalities, pairs, dim), array.floats()?)
            .expect("the header's shape is that of the data")),
        _ => Err(format!("has shape {:?}, expected [modalities, pairs, dimension]", array.shape)),
    }
}
