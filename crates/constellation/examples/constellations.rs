//! Searches constellations of large margin for a grid of (N, d, b_rel) and keeps the best of each as
//! `N*_d*_b*.npz`, with a row in `table.csv`. It goes on where it was when it is started again; to
//! search a constellation anew, remove its row. `data/constellations` was made so:
//!
//! ```sh
//! cargo run --release --package siglip-constellation --example constellations -- data/constellations
//! ```

use std::io::Write as _;
use std::path::Path;

use constellation::best::{Entry, best_of, margin_at, random_starts};
use constellation::geometry::theory::{largest_cosine, margin_bound, margin_on_two_sides, spread_code};
use constellation::sweep::train_all;
use constellation::{Bias, BiasKind, Experiment, Numerics, Settings};
use files::npz::NpzWriter;
use ndarray::{Array2, Array3, Axis, stack};
use rayon::prelude::*;

const PAIRS: [usize; 9] = [4, 6, 8, 12, 16, 20, 24, 32, 64];
const DIMS: [usize; 7] = [2, 3, 4, 6, 8, 12, 16];
const BIASES: [f64; 4] = [-0.5, 0.0, 0.25, 0.5];
/// Random starts of a search: more of them where one is quick and local optima are many.
fn starts(dim: usize) -> std::ops::RangeInclusive<u64> {
    if dim <= 4 { 1..=240 } else { 1..=24 }
}
/// Trainings of the loss whose best margin is compared, and that are starts as well.
const DESCENTS: std::ops::RangeInclusive<u64> = 1..=5;
/// Searches for a code.
const CODES: std::ops::RangeInclusive<u64> = 1..=8;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let folder = std::env::args().nth(1).ok_or("expected one argument: FOLDER")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let table = folder.join("table.csv");
    let mut entries = if table.exists() { Entry::read_all(&table)? } else { Vec::new() };
    for (pairs, dim) in PAIRS.iter().flat_map(|pairs| DIMS.iter().map(move |dim| (*pairs, *dim))) {
        let is_missing = |b_rel: &f64| !entries.iter().any(|entry| cell_of(entry) == (pairs, dim, *b_rel));
        let missing: Vec<f64> = BIASES.into_iter().filter(is_missing).collect();
        if missing.is_empty() {
            continue;
        }
        let found = missing.into_par_iter().map(|b_rel| search(folder, pairs, dim, b_rel));
        for entry in found.collect::<Result<Vec<_>, _>>()? {
            println!("{entry}");
            entries.push(entry);
        }
        entries.sort_by(|a, b| cell_of(a).partial_cmp(&cell_of(b)).expect("finite relative biases"));
        files::write_whole(&table, |file| {
            writeln!(file, "{}", Entry::HEADER)?;
            entries.iter().try_for_each(|entry| Ok(writeln!(file, "{entry}")?))
        })?;
    }
    Ok(())
}

/// N, d and b_rel of a row.
fn cell_of(row: &Entry) -> (usize, usize, f64) {
    (row.pairs, row.dim, row.relative_bias)
}

fn search(folder: &Path, pairs: usize, dim: usize, b_rel: f64) -> Result<Entry, AnyError> {
    let descents = descents(pairs, dim, b_rel)?;
    let constructions = constructions(pairs, dim, b_rel)?;
    let margin = |vectors: &Array3<f64>| margin_at(vectors.view(), b_rel);
    let largest = |all: &[Array3<f64>]| all.iter().map(margin).fold(f64::NEG_INFINITY, f64::max);
    let (construction, descent) = (largest(&constructions), largest(&descents));
    let known: Vec<Array3<f64>> =
        constructions.into_iter().chain(polygon_on_two_sides(pairs, dim, b_rel)).collect();
    let starts = random_starts(pairs, dim, starts(dim)).into_iter().chain(descents).chain(known.clone());
    let mut found = best_of(starts.collect(), b_rel)?;
    for exact in known {
        // A construction whose margin is a kink of all similarities may lie above what was polished.
        if margin(&exact) > margin(&found) {
            found = exact;
        }
    }
    let bound = margin_bound(2, pairs, dim, b_rel);
    let entry =
        Entry { pairs, dim, relative_bias: b_rel, found: margin(&found), construction, bound, descent };
    files::write_whole(&folder.join(entry.file_name()), |file| {
        let mut npz = NpzWriter::new(file);
        npz.numbers("embeddings", found.shape(), found.iter().copied())?;
        Ok(npz.finish()?)
    })?;
    Ok(entry)
}

/// Ends of plain trainings of the exact loss at a fixed relative bias, the study's own setting.
fn descents(pairs: usize, dim: usize, b_rel: f64) -> Result<Vec<Array3<f64>>, AnyError> {
    let run = |seed| Experiment {
        pairs,
        dim,
        seed,
        bias: Bias::fixed(BiasKind::Relative, b_rel),
        numerics: Numerics::Exact,
        ..Experiment::default()
    };
    let runs = train_all(
        &DESCENTS.map(run).collect::<Vec<_>>(),
        Settings { snapshots: 0, threads: 1, ..Settings::default() },
    )?;
    Ok(runs.iter().map(|run| unit_rows(run.embeddings().mapv(f64::from))).collect())
}

/// The paper's construction from the best code found in dimension d - 1, and a code in dimension d as both
/// modalities; each where it exists.
fn constructions(pairs: usize, dim: usize, b_rel: f64) -> Result<Vec<Array3<f64>>, AnyError> {
    let code = |dim| -> Result<Array2<f64>, AnyError> {
        let codes = CODES.map(|seed| spread_code(pairs, dim, seed)).collect::<Result<Vec<_>, _>>()?;
        let cosine = |code: &Array2<f64>| largest_cosine(code.view());
        Ok(codes.into_iter().min_by(|a, b| cosine(a).total_cmp(&cosine(b))).expect("several seeds"))
    };
    let own = code(dim)?;
    Ok(vec![stack![Axis(0), own, own], shifted(&code(dim - 1)?, b_rel)])
}

/// (delta x, ±sqrt(1 - delta^2)) of a code x, as [`constellation::geometry::theory::construct`] has it,
/// in float64.
fn shifted(code: &Array2<f64>, b_rel: f64) -> Array3<f64> {
    let delta2 = (2.0 * (1.0 + b_rel) / (3.0 + largest_cosine(code.view()))).min(1.0);
    let (pairs, dim) = code.dim();
    let height = (1.0 - delta2).sqrt();
    unit_rows(Array3::from_shape_fn((2, pairs, dim + 1), |(modality, i, k)| match k < dim {
        true => delta2.sqrt() * code[[i, k]],
        false => [height, -height][modality],
    }))
}

/// A regular polygon in three dimensions, its points in turn on one side and the other of its plane
/// ([`constellation::geometry::theory::margin_on_two_sides`]); none where there is no such thing.
fn polygon_on_two_sides(pairs: usize, dim: usize, b_rel: f64) -> Option<Array3<f64>> {
    if pairs < 6 || !pairs.is_multiple_of(2) || dim < 3 || b_rel <= 0.0 {
        return None;
    }
    let angle = std::f64::consts::TAU / pairs as f64;
    let own = (2.0 * angle).cos();
    let margin = margin_on_two_sides(own, angle.cos(), b_rel);
    let (sum, r) = (b_rel + margin, 2.0 * margin / (1.0 - own));
    let (minus, plus) = (sum.min(1.0).acos(), (2.0 * r - sum).clamp(-1.0, 1.0).acos());
    Some(unit_rows(Array3::from_shape_fn((2, pairs, dim), |(modality, i, k)| {
        let tilt = (plus + [minus, -minus][modality]) / 2.0;
        let at = angle * i as f64;
        match k {
            0 => tilt.cos() * at.cos(),
            1 => tilt.cos() * at.sin(),
            2 if i % 2 == 0 => tilt.sin(),
            2 => -tilt.sin(),
            _ => 0.0,
        }
    })))
}

/// From float32 or sums, unit vectors to the rounding of float64.
fn unit_rows(mut vectors: Array3<f64>) -> Array3<f64> {
    for mut row in vectors.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    vectors
}
