//! The data of the page, as JSON.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ndarray::{Array2, Array3, ArrayView3, s};
use serde::Serialize;

use super::{ExplorerData, Frame, axes, similarities, snapshot_epochs};
use crate::{Error, History, Numerics, Result};

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
    snapshots: Snapshots,
}

/// The snapshots, as vectors where they are few, else condensed.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Snapshots {
    /// The page computes similarities itself, and projects onto `axes` `[3, dim]`.
    Vectors { axes: Packed, vectors: Vec<Packed> },
    /// `points` `[modalities, drawn, 3]` are the projections of the first pairs.
    Sketches { drawn: usize, points: Vec<Packed>, sketches: Vec<Sketch> },
}

#[derive(Serialize)]
struct Sketch {
    matching: [Packed; 2],
    other: [Packed; 2],
    extremes: [f32; 2],
    histogram: [Packed; 2],
}

/// Loss, t and b_rel after some of the steps. A loss is null where the history lacks it.
#[derive(Serialize, Default)]
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
    let per_snapshot = similarities_of(last);
    let as_vectors = per_snapshot <= MAX_COMPUTED_BY_PAGE
        && last.len() * size_of::<i16>() * data.frames.len() <= MAX_VECTOR_BYTES;
    let mut kept: Vec<&Frame> = data.frames.iter().collect();
    while !as_vectors && kept.len() > 2 && kept.len() * per_snapshot > MAX_CONDENSED {
        kept = thin(&kept);
    }
    loop {
        let json = serde_json::to_string(&payload(data, &kept, as_vectors))
            .expect("the payload has no map with keys that are not strings");
        match json.len() <= budget {
            true => return Ok(json),
            false if kept.len() > 2 => kept = thin(&kept),
            false => {
                let kilobytes = json.len() / 1000;
                return Err(Error::Figure(format!("explorer: two snapshots already take {kilobytes} kB")));
            }
        }
    }
}

/// Similarities a snapshot up to which the page computes them from the vectors (N = 200).
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

/// Every other snapshot, and the last one.
fn thin<'a>(snapshots: &[&'a Frame]) -> Vec<&'a Frame> {
    let last = snapshots.len() - 1;
    let every_other = snapshots.iter().enumerate().filter(|(k, _)| k % 2 == 0 && k + 1 < last || *k == last);
    every_other.map(|(_, &snapshot)| snapshot).collect()
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
        epochs: kept.iter().map(|snapshot| snapshot.epoch).collect(),
        temperature: kept.iter().map(|snapshot| snapshot.temperature).collect(),
        relative_bias: kept.iter().map(|snapshot| snapshot.relative_bias).collect(),
        curve: curve(&data.history, kept),
        share: axes.share.map(|share| share as f32),
        snapshots: match as_vectors {
            true => as_vectors_of(kept, &rows),
            false => as_sketches_of(kept, &rows),
        },
    }
}

/// All in full precision where that is small; otherwise the result only, and 16 bits before it.
fn as_vectors_of(kept: &[&Frame], axes: &Array2<f32>) -> Snapshots {
    let numbers: usize = kept.iter().map(|snapshot| snapshot.vectors.len()).sum();
    let all_in_full = numbers * size_of::<f32>() <= MAX_VECTOR_BYTES;
    let pack = |(k, snapshot): (usize, &&Frame)| match all_in_full || k + 1 == kept.len() {
        true => Packed::f32(snapshot.vectors.iter().copied()),
        false => Packed::i16(snapshot.vectors.view()),
    };
    Snapshots::Vectors {
        axes: Packed::f32(axes.iter().copied()),
        vectors: kept.iter().enumerate().map(pack).collect(),
    }
}

fn as_sketches_of(kept: &[&Frame], axes: &Array2<f32>) -> Snapshots {
    let (modalities, pairs, dim) = kept[0].vectors.dim();
    let drawn = pairs.min(MAX_DRAWN / modalities).max(1);
    let project = |snapshot: &&Frame| {
        let first = snapshot.vectors.slice(s![.., ..drawn, ..]).to_owned();
        let points = first.into_shape_with_order((modalities * drawn, dim)).expect("an owned array is contiguous");
        let points = points.dot(&axes.t()).into_shape_with_order((modalities, drawn, 3));
        Packed::i16(points.expect("a product is contiguous").view())
    };
    let condense = |snapshot: &&Frame| {
        let sketch = similarities::condense(snapshot.vectors.view());
        let groups =
            |groups: similarities::Groups| [groups.mean, groups.count].map(|numbers| Packed::f32(numbers.into_iter()));
        Sketch {
            matching: groups(sketch.matching),
            other: groups(sketch.other),
            extremes: sketch.extremes,
            histogram: sketch.histogram.map(|counts| Packed::f32(counts.into_iter().map(|n| n as f32))),
        }
    };
    Snapshots::Sketches {
        drawn,
        points: kept.iter().map(project).collect(),
        sketches: kept.iter().map(condense).collect(),
    }
}

/// Aligns the history, whose loss is that before a step and whose parameters are those
/// after it, to "after so many steps".
fn curve(history: &History, kept: &[&Frame]) -> Curve {
    let epochs = history.temperature.len().min(history.relative_bias.len());
    let mut curve = Curve::default();
    let mut push = |epoch: usize, temperature: f64, relative_bias: f64| {
        let loss = history.loss.get(epoch).map(|&loss| loss as f32);
        curve.epoch.push(epoch);
        curve.loss.push(loss.filter(|loss| loss.is_finite()));
        curve.temperature.push(temperature as f32);
        curve.relative_bias.push(relative_bias as f32);
    };
    let steps = snapshot_epochs(epochs, CURVE_POINTS);
    for epoch in steps.into_iter().filter(|&epoch| epoch > 0) {
        if curve_starts(epoch, kept) {
            push(0, kept[0].temperature, kept[0].relative_bias);
        }
        push(epoch, history.temperature[epoch - 1], history.relative_bias[epoch - 1]);
    }
    if epochs == 0 {
        kept.iter().for_each(|snapshot| push(snapshot.epoch, snapshot.temperature, snapshot.relative_bias));
    }
    curve
}

/// Whether the initial parameters, which the history lacks, come before this `epoch`.
fn curve_starts(epoch: usize, kept: &[&Frame]) -> bool {
    epoch == 1 && kept[0].epoch == 0
}

impl Packed {
    fn f32(numbers: impl Iterator<Item = f32>) -> Self {
        let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        Self::F32 { f32: BASE64_STANDARD.encode(bytes) }
    }

    fn i16(numbers: ArrayView3<'_, f32>) -> Self {
        let largest = numbers.iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
        let scale = largest / f32::from(i16::MAX);
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| ((x / scale).round() as i16).to_le_bytes()).collect();
        Self::I16 { i16: BASE64_STANDARD.encode(bytes), scale }
    }
}
