//! What a page shows of a run.

use constellation::{BiasKind, Experiment, History, Numerics, Run};
use ndarray::Array3;

use crate::error::{Error, Result};

/// What an [`Explorer`](crate::Explorer) shows.
#[derive(Debug, Clone)]
pub struct ExplorerData {
    /// Heading, as plain text.
    pub title: String,
    /// Moments of training in the order of their epochs; the last one is the result.
    pub frames: Vec<Frame>,
    /// Curves between the frames; may be empty.
    pub history: History,
    /// Form of the loss that the page shows first.
    pub numerics: Numerics,
    /// What was run, for the page to train it again and others; none shows the frames alone.
    pub experiment: Option<Experiment>,
    /// Whether the page trains as soon as it is open.
    pub starts: bool,
    /// Whether this explorer brings the engine. All on a page share it: one a notebook is enough.
    pub brings_engine: bool,
    /// PNG that stands where scripts do not run, as on GitHub; may be empty.
    pub still: Vec<u8>,
}

/// Vectors and parameters of a run after `epoch` steps.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Steps made.
    pub epoch: usize,
    /// Unit vectors `[modalities, pairs, dim]`, with an adapter the extended ones.
    pub vectors: Array3<f32>,
    /// Inverse temperature t.
    pub temperature: f64,
    /// Relative bias b_rel (b / t for the absolute form).
    pub relative_bias: f64,
}

impl ExplorerData {
    /// Of `run`, with its snapshots to scrub through; `still` is a PNG, or empty.
    pub fn of(run: &Run, still: Vec<u8>) -> Self {
        let kind = run.experiment.bias.kind;
        let snapshots = run.snapshots.iter().map(|snapshot| Frame {
            epoch: snapshot.epoch,
            vectors: snapshot.embeddings().to_owned(),
            temperature: snapshot.temperature(),
            relative_bias: kind.relative(snapshot.bias(), snapshot.temperature()),
        });
        let mut frames: Vec<Frame> = snapshots.collect();
        if frames.is_empty() {
            frames.push(Frame {
                epoch: run.experiment.epochs,
                vectors: run.embeddings().to_owned(),
                temperature: run.temperature(),
                relative_bias: run.relative_bias(),
            });
        }
        let (history, numerics) = (run.history.clone(), run.experiment.numerics);
        Self {
            title: title(&run.experiment),
            frames,
            history,
            numerics,
            experiment: Some(run.experiment.clone()),
            starts: false,
            brings_engine: true,
            still,
        }
    }
}

/// What distinguishes a run, in a line.
fn title(experiment: &Experiment) -> String {
    let parameter = |trainable, value: f64| {
        if trainable { format!("trained from {value}") } else { format!("fixed at {value}") }
    };
    let Experiment { pairs, dim, modalities, temperature, bias, seed, .. } = experiment;
    let bias_name = match bias.kind {
        BiasKind::Relative => "b_rel",
        BiasKind::Absolute => "b",
    };
    let (t, bias) =
        (parameter(temperature.trainable, temperature.init), parameter(bias.trainable, bias.init));
    let modalities = if *modalities > 2 { format!(", M = {modalities}") } else { String::new() };
    let locked = if experiment.locked { ", first modality locked" } else { "" };
    format!("N = {pairs}, d = {dim}{modalities}, seed {seed}: t {t}, {bias_name} {bias}{locked}")
}

/// Checks what the page relies on.
pub(crate) fn validate(data: &ExplorerData) -> Result<()> {
    let wrong = |reason: String| Err(Error::Data(reason));
    let Some(last) = data.frames.last() else {
        return wrong("there is no frame, expected at least one".to_owned());
    };
    let shape = last.vectors.dim();
    if shape.0 < 2 || shape.1 < 2 || shape.2 < 1 {
        return wrong(format!("vectors {shape:?}, expected at least 2 modalities, 2 pairs, dimension 1"));
    }
    for Frame { epoch, vectors, temperature: t, relative_bias } in &data.frames {
        if vectors.dim() != shape {
            return wrong(format!("vectors {:?} at epoch {epoch}, expected {shape:?}", vectors.dim()));
        }
        if !(t.is_finite() && *t > 0.0 && relative_bias.is_finite()) {
            return wrong(format!(
                "t = {t}, b_rel = {relative_bias} at epoch {epoch}, expected finite numbers"
            ));
        }
        if !vectors.iter().all(|x| x.abs() <= 1.001) {
            return wrong(format!("a vector at epoch {epoch} is not a unit vector"));
        }
    }
    match data.frames.windows(2).find(|pair| pair[0].epoch >= pair[1].epoch) {
        Some(pair) => wrong(format!("epoch {} comes after {}", pair[1].epoch, pair[0].epoch)),
        None => Ok(()),
    }
}
