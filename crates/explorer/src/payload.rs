//! The data of the page, as JSON.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use constellation::{Experiment, History, Numerics};
use ndarray::{Array2, Array3, ArrayView3, s};
use rayon::prelude::*;
use serde::Serialize;

use crate::data::{ExplorerData, Frame};
use crate::error::{Error, Result};
use crate::{axes, similarities};

/// What `page/explorer.js` reads.
#[derive(Serialize)]
struct Payload<'a> {
    title: &'a str,
    modalities: usize,
    pairs: usize,
    dim: usize,
    numerics: Numerics,
    epochs: Vec<usize>,
    temperature: Vec<f64>,
    relative_bias: Vec<f64>,
    curve: Curve,
    /// Share of the variance along the three axes that are drawn.
    share: [f32; 3],
    frames: Frames,
    /// What was run; nothing if the page cannot run it again.
    experiment: Option<&'a Experiment>,
    defaults: Experiment,
    /// Whether the page trains as soon as it is open.
    starts: bool,
}

/// The frames, as vectors where they are few, else condensed.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Frames {
    /// The page computes similarities itself, and projects onto `axes` `[3, dim]`.
    Vectors { axes: Packed, vectors: Vec<Packed> },
    /// `points` `[modalities, drawn, 3]` are the projections of the first pairs.
    Sketches { drawn: usize, points: Vec<Packed>, sketches: Vec<Sketch> },
}

#[derive(Serialize)]
struct Sketch {
    matching: [Packed; 2],
    non_matching: [Packed; 2],
    extremes: [f32; 2],
    histogram: [Packed; 2],
}

/// Loss, t and b_rel after some of the steps. A loss is null where the history lacks it.
#[derive(Serialize)]
struct Curve {
    epoch: Vec<usize>,
    loss: Vec<Option<f32>>,
    temperature: Vec<f32>,
    relative_bias: Vec<f32>,
}

/// Numbers in base64, little-endian: `f32`, or `i16` to be multiplied by `scale`.
#[derive(Serialize)]
#[serde(untagged)]
enum Packed {
    F32 { f32: String },
    I16 { i16: String, scale: f32 },
}

/// The page's JSON, of at most `budget` bytes.
pub(super) fn pack(data: &ExplorerData, budget: usize) -> Result<String> {
    let last = &data.frames[data.frames.len() - 1].vectors;
    let per_frame = similarities_of(last);
    let as_vectors = per_frame <= MAX_COMPUTED_BY_PAGE
        && last.len() * size_of::<i16>() * data.frames.len() <= MAX_VECTOR_BYTES;
    let mut kept: Vec<&Frame> = data.frames.iter().collect();
    while !as_vectors && kept.len() > 2 && kept.len() * per_frame > MAX_CONDENSED {
        kept = thin(&kept);
    }
    loop {
        let json = serde_json::to_string(&payload(data, &kept, as_vectors))
            .expect("the payload has no map with keys that are not strings");
        if json.len() <= budget {
            return Ok(json);
        } else if kept.len() > 2 {
            kept = thin(&kept);
        } else {
            let kilobytes = json.len() / 1000;
            return Err(Error::Data(format!(
                "two frames take {kilobytes} kB, expected {} kB",
                budget / 1000
            )));
        }
    }
}

/// Similarities a frame up to which the page computes them from the vectors (N = 200).
const MAX_COMPUTED_BY_PAGE: usize = 40_000;
/// Size up to which vectors are shipped, as 16-bit integers before base64.
const MAX_VECTOR_BYTES: usize = 360_000;
/// Similarities condensed in all, which takes a second or two.
const MAX_CONDENSED: usize = 100_000_000;
/// Points drawn of a run that is condensed.
const MAX_DRAWN: usize = 400;
/// Moments on the curves.
const CURVE_POINTS: usize = 400;

fn similarities_of(vectors: &Array3<f32>) -> usize {
    let (modalities, pairs, _) = vectors.dim();
    pairs * pairs * modalities * (modalities - 1) / 2
}

/// Every other frame, and the last one.
fn thin<'a>(frames: &[&'a Frame]) -> Vec<&'a Frame> {
    let last = frames.len() - 1;
    let every_other = frames.iter().enumerate().filter(|(k, _)| k % 2 == 0 && k + 1 < last || *k == last);
    every_other.map(|(_, &frame)| frame).collect()
}

fn payload<'a>(data: &'a ExplorerData, kept: &[&Frame], as_vectors: bool) -> Payload<'a> {
    let last = &kept[kept.len() - 1].vectors;
    let (modalities, pairs, dim) = last.dim();
    let pooled = last.mapv(f64::from).into_shape_with_order((modalities * pairs, dim));
    let axes = axes::principal(&pooled.expect("a mapped array is contiguous"));
    let rows = axes.rows.mapv(|x| x as f32);
    Payload {
        title: &data.title,
        modalities,
        pairs,
        dim,
        numerics: data.numerics,
        epochs: kept.iter().map(|frame| frame.epoch).collect(),
        temperature: kept.iter().map(|frame| frame.temperature).collect(),
        relative_bias: kept.iter().map(|frame| frame.relative_bias).collect(),
        curve: curve(&data.history, kept),
        share: axes.share.map(|share| share as f32),
        frames: if as_vectors { as_vectors_of(kept, &rows) } else { as_sketches_of(kept, &rows) },
        experiment: data.experiment.as_ref(),
        defaults: Experiment::default(),
        starts: data.starts,
    }
}

/// All in full precision where that is small; otherwise the result only, and 16 bits before it.
fn as_vectors_of(kept: &[&Frame], axes: &Array2<f32>) -> Frames {
    let numbers: usize = kept.iter().map(|frame| frame.vectors.len()).sum();
    let all_in_full = numbers * size_of::<f32>() <= MAX_VECTOR_BYTES;
    let pack = |(k, frame): (usize, &&Frame)| {
        if all_in_full || k + 1 == kept.len() {
            Packed::f32(frame.vectors.iter().copied())
        } else {
            Packed::i16(frame.vectors.view())
        }
    };
    Frames::Vectors {
        axes: Packed::f32(axes.iter().copied()),
        vectors: kept.iter().enumerate().map(pack).collect(),
    }
}

fn as_sketches_of(kept: &[&Frame], axes: &Array2<f32>) -> Frames {
    let (modalities, pairs, dim) = kept[0].vectors.dim();
    let drawn = pairs.min(MAX_DRAWN / modalities).max(1);
    let project = |frame: &&Frame| {
        let first = frame.vectors.slice(s![.., ..drawn, ..]).to_owned();
        let points =
            first.into_shape_with_order((modalities * drawn, dim)).expect("an owned array is contiguous");
        let points = points.dot(&axes.t()).into_shape_with_order((modalities, drawn, 3));
        Packed::i16(points.expect("a product is contiguous").view())
    };
    let condense = |frame: &&Frame| {
        let sketch = similarities::condense(frame.vectors.view());
        let groups = |groups: similarities::Groups| {
            [groups.mean, groups.count].map(|numbers| Packed::f32(numbers.into_iter()))
        };
        Sketch {
            matching: groups(sketch.matching),
            non_matching: groups(sketch.non_matching),
            extremes: sketch.extremes,
            histogram: sketch.histogram.map(|counts| Packed::f32(counts.into_iter().map(|n| n as f32))),
        }
    };
    Frames::Sketches {
        drawn,
        points: kept.iter().map(project).collect(),
        sketches: kept.par_iter().map(condense).collect(),
    }
}

/// Aligns the history, whose loss is that before a step and whose parameters are those
/// after it, to "after so many steps"; without a history, the parameters of the frames.
fn curve(history: &History, kept: &[&Frame]) -> Curve {
    let mut moments: Vec<(usize, f64, f64)> =
        kept.iter().map(|frame| (frame.epoch, frame.temperature, frame.relative_bias)).collect();
    let epochs = history.temperature.len().min(history.relative_bias.len());
    if epochs > 0 {
        moments.retain(|&(epoch, ..)| epoch == 0); // the history lacks the initial parameters
        let after = |epoch| (epoch, history.temperature[epoch - 1], history.relative_bias[epoch - 1]);
        moments.extend(log_spaced(epochs, CURVE_POINTS).into_iter().map(after));
    }
    let loss =
        |epoch: usize| history.loss.get(epoch).map(|&loss| loss as f32).filter(|loss| loss.is_finite());
    Curve {
        epoch: moments.iter().map(|moment| moment.0).collect(),
        loss: moments.iter().map(|moment| loss(moment.0)).collect(),
        temperature: moments.iter().map(|moment| moment.1 as f32).collect(),
        relative_bias: moments.iter().map(|moment| moment.2 as f32).collect(),
    }
}

/// At most `count` numbers from 1 to `last`, evenly in the logarithm.
fn log_spaced(last: usize, count: usize) -> Vec<usize> {
    let exponent = |k: usize| k as f64 / (count - 1) as f64;
    let mut numbers: Vec<usize> =
        (0..count).map(|k| ((last as f64).powf(exponent(k)).round() as usize).clamp(1, last)).collect();
    numbers.dedup();
    numbers
}

impl Packed {
    fn f32(numbers: impl Iterator<Item = f32>) -> Self {
        let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        Self::F32 { f32: BASE64_STANDARD.encode(bytes) }
    }

    fn i16(numbers: ArrayView3<'_, f32>) -> Self {
        let largest = numbers.iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
        let scale = largest / f32::from(i16::MAX);
        let bytes: Vec<u8> =
            numbers.iter().flat_map(|x| ((x / scale).round() as i16).to_le_bytes()).collect();
        Self::I16 { i16: BASE64_STANDARD.encode(bytes), scale }
    }
}
