//! How good can a constellation be? Vectors with as large a margin as can be found.
//!
//! A search in two parts. Starts come from wherever the caller likes: random points, the end of a
//! training, a construction. From each of them the margin itself is made larger in float64, as the limit
//! of a smooth function: with x_p running over b_rel - s_ii and s_ij - b_rel,
//!
//! ```text
//! E_beta = log( sum_p exp(beta x_p) ) / beta,   -m <= E_beta <= -m + log(N^2) / beta
//! ```
//!
//! is minimised for growing beta. The exact loss has the same minimiser as beta = t grows, but its
//! gradients vanish in float32 long before; the logarithm keeps them. What comes back shows that a
//! margin can be reached, not that nothing larger can.

use std::path::Path;

use files::npz::NpzReader;
use ndarray::{Array2, Array3, ArrayView3, Axis, Zip, concatenate};

use crate::error::{Error, Result};

/// The largest m for which unit vectors `[2, pairs, dim]` are an (m, `relative_bias`)-constellation, in
/// float64; negative where a pair is on the wrong side.
pub fn margin_at(vectors: ArrayView3<f64>, relative_bias: f64) -> f64 {
    let similarities = vectors.index_axis(Axis(0), 0).dot(&vectors.index_axis(Axis(0), 1).t());
    let margins = similarities.indexed_iter().map(
        |((i, j), s)| {
            if i == j { s - relative_bias } else { relative_bias - s }
        },
    );
    margins.fold(f64::INFINITY, f64::min)
}

/// From each of the starts `[2, pairs, dim]`, of nonzero vectors, the margin at `relative_bias` is made
/// larger; the best end, of unit vectors.
///
/// # Errors
/// [`Error::Input`] if there is no start, or not of two modalities.
pub fn best_of(starts: Vec<Array3<f64>>, relative_bias: f64) -> Result<Array3<f64>> {
    if starts.is_empty() || starts.iter().any(|start| start.dim().0 != 2 || start.dim().1 < 2) {
        let got = starts.iter().map(|start| format!("{:?}", start.shape())).collect::<Vec<_>>().join(", ");
        let expected = "at least one of [2, pairs >= 2, dim]".to_owned();
        return Err(Error::Input { what: "starts of a search for constellations", got, expected });
    }
    let mut ends: Vec<(f64, Array3<f64>)> = starts
        .into_iter()
        .map(|start| {
            let end = ascend(start, relative_bias, COARSE, COARSE_STEPS);
            (margin_at(end.view(), relative_bias), end)
        })
        .collect();
    ends.sort_by(|a, b| b.0.total_cmp(&a.0));
    ends.truncate(POLISHED);
    let polished = ends.into_iter().map(|(_, end)| {
        let end = ascend(end, relative_bias, FINE, FINE_STEPS);
        (margin_at(end.view(), relative_bias), end)
    });
    Ok(polished.max_by(|a, b| a.0.total_cmp(&b.0)).expect("at least one start").1)
}

/// Starts whose ends are polished.
const POLISHED: usize = 3;
/// log2 of the beta of each stage.
const COARSE: std::ops::Range<u32> = 3..13;
const FINE: std::ops::Range<u32> = 12..26;
/// Steps of a stage at most.
const COARSE_STEPS: usize = 60;
const FINE_STEPS: usize = 200;

/// Minimises E for every beta in turn, and returns unit vectors.
fn ascend(start: Array3<f64>, relative_bias: f64, betas: std::ops::Range<u32>, steps: usize) -> Array3<f64> {
    let (modalities, pairs, dim) = start.dim();
    let rows = start.into_shape_with_order((modalities * pairs, dim)).expect("rows of all modalities");
    let mut points = normalized(&rows);
    let mut best = (f64::NEG_INFINITY, points.clone());
    for beta in betas {
        points = minimise(&points, steps, |points| energy(points, relative_bias, 2f64.powi(beta as i32)));
        let margin = margin_at(in_modalities(&points).view(), relative_bias);
        if margin > best.0 {
            best = (margin, points.clone());
        }
    }
    in_modalities(&best.1)
}

fn in_modalities(points: &Array2<f64>) -> Array3<f64> {
    let (rows, dim) = points.dim();
    points.clone().into_shape_with_order((2, rows / 2, dim)).expect("rows of two modalities")
}

fn normalized(points: &Array2<f64>) -> Array2<f64> {
    points / &norms(points)
}

/// `[rows, 1]`.
fn norms(points: &Array2<f64>) -> Array2<f64> {
    points.map_axis(Axis(1), |row| row.dot(&row).sqrt()).insert_axis(Axis(1))
}

/// E of the rows of U and then V divided by their norms, and its gradient by the rows.
fn energy(points: &Array2<f64>, relative_bias: f64, beta: f64) -> (f64, Array2<f64>) {
    let norms = norms(points);
    let units = points / &norms;
    let (u, v) = units.view().split_at(Axis(0), points.nrows() / 2);
    let mut weights = relative_bias - u.dot(&v.t());
    let mut own = weights.diag().to_owned();
    weights.mapv_inplace(|x| -x);
    weights.diag_mut().fill(f64::NEG_INFINITY);
    let largest = weights.iter().chain(&own).fold(f64::NEG_INFINITY, |most, &x| most.max(x));
    let weigh = |x: f64| (beta * (x - largest)).exp();
    weights.mapv_inplace(weigh);
    own.mapv_inplace(weigh);
    let sum = weights.sum() + own.sum();
    // By the similarities: those of pairs enter with the other sign.
    Zip::from(weights.diag_mut()).and(&own).for_each(|weight, &own| *weight = -own);
    weights /= sum;
    let by_units = concatenate![Axis(0), weights.dot(&v), weights.t().dot(&u)];
    let radial = (&by_units * &units).sum_axis(Axis(1)).insert_axis(Axis(1));
    (largest + sum.ln() / beta, (by_units - radial * &units) / norms)
}

/// L-BFGS: up to `steps` steps along directions that the last [`MEMORY`] gradients suggest.
fn minimise(
    start: &Array2<f64>,
    steps: usize,
    function: impl Fn(&Array2<f64>) -> (f64, Array2<f64>),
) -> Array2<f64> {
    let mut at = normalized(start);
    let (mut value, mut gradient) = function(&at);
    let mut memory: std::collections::VecDeque<Change> = std::collections::VecDeque::new();
    for _ in 0..steps {
        let direction = direction(&gradient, &memory);
        let slope = dot(&direction, &gradient);
        if slope.is_nan() || slope >= -1e-18 {
            break;
        }
        // The first step has no scale of its own; no row turns by more than about a radian.
        let longest = norms(&direction).fold(0.0, |most: f64, &norm| most.max(norm));
        let mut length = if memory.is_empty() { 1e-2 / longest } else { (1.0 / longest).min(1.0) };
        let Some((moved, lower, next)) = std::iter::repeat_with(|| {
            let moved = &at + &(&direction * length);
            let (lower, next) = function(&moved);
            let is_enough = lower <= value + 1e-4 * length * slope;
            length /= 3.0;
            is_enough.then_some((moved, lower, next))
        })
        .take(30)
        .flatten()
        .next() else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        let change = Change { step: &moved - &at, gradient: &next - &gradient };
        let is_done = value - lower < 1e-15;
        (at, value, gradient) = (moved, lower, next);
        if dot(&change.step, &change.gradient) > 0.0 {
            memory.push_back(change);
        }
        if memory.len() > MEMORY {
            memory.pop_front();
        }
        if is_done {
            break;
        }
    }
    normalized(&at)
}

const MEMORY: usize = 12;

/// How the gradient changed over a step.
struct Change {
    step: Array2<f64>,
    gradient: Array2<f64>,
}

/// Against the gradient, multiplied by what the changes tell of the inverse second derivative.
fn direction(gradient: &Array2<f64>, memory: &std::collections::VecDeque<Change>) -> Array2<f64> {
    let mut direction = -gradient;
    let mut along = Vec::with_capacity(memory.len());
    for Change { step, gradient } in memory.iter().rev() {
        let factor = dot(step, &direction) / dot(step, gradient);
        direction.scaled_add(-factor, gradient);
        along.push(factor);
    }
    if let Some(Change { step, gradient }) = memory.back() {
        direction *= dot(step, gradient) / dot(gradient, gradient);
    }
    for (Change { step, gradient }, factor) in memory.iter().zip(along.into_iter().rev()) {
        let back = dot(gradient, &direction) / dot(step, gradient);
        direction.scaled_add(factor - back, step);
    }
    direction
}

fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Random starts `[2, pairs, dim]`, of independent vectors from one seed each.
pub fn random_starts(pairs: usize, dim: usize, seeds: impl IntoIterator<Item = u64>) -> Vec<Array3<f64>> {
    let start = |seed| in_modalities(&crate::points::random_points(2 * pairs, dim, seed).mapv(f64::from));
    seeds.into_iter().map(start).collect()
}

/// A row of `data/constellations/table.csv`: margins at `relative_bias` of `pairs` pairs in dimension `dim`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// N.
    pub pairs: usize,
    /// d.
    pub dim: usize,
    /// b_rel.
    pub relative_bias: f64,
    /// Of the vectors in [`Entry::file_name`], the largest that was found.
    pub found: f64,
    /// Of the better of two constructions: the paper's, from the best code found in dimension d - 1, and
    /// U = V, a code in dimension d.
    pub construction: f64,
    /// No margin is larger ([`crate::geometry::theory::margin_bound`]).
    pub bound: f64,
    /// The best end of five trainings of the loss.
    pub descent: f64,
}

impl Entry {
    /// The columns of the table.
    pub const HEADER: &str = "N,d,b_rel,found,construction,bound,descent";

    /// Name of the file of the vectors, `embeddings` `[2, pairs, dim]` in float64.
    pub fn file_name(&self) -> String {
        format!("N{}_d{}_b{:+}.npz", self.pairs, self.dim, self.relative_bias)
    }

    /// Its vectors, from the `folder` of the table.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, or has something else in it.
    pub fn read_vectors(&self, folder: impl AsRef<Path>) -> Result<Array3<f64>> {
        let path = folder.as_ref().join(self.file_name());
        let named = |reason: String| files::Error::new(&path, reason);
        let mut npz = NpzReader::open(&path).map_err(|error| files::Error::new(&path, error))?;
        let numbers = npz.array("embeddings").and_then(|array| array.doubles()).map_err(named)?;
        let shape = (2, self.pairs, self.dim);
        let vectors = Array3::from_shape_vec(shape, numbers);
        Ok(vectors.map_err(|_| named(format!("expected `embeddings` of shape {shape:?}")))?)
    }

    /// The rows of a table.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, or has something else in it.
    pub fn read_all(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| files::Error::new(path, error))?;
        let mut lines = text.lines();
        if lines.next() != Some(Self::HEADER) {
            return Err(files::Error::new(path, format!("expected a first line {}", Self::HEADER)).into());
        }
        let read = |line| {
            Self::from_row(line)
                .ok_or_else(|| files::Error::new(path, format!("expected seven numbers: {line}")))
        };
        Ok(lines.map(read).collect::<Result<_, _>>()?)
    }

    fn from_row(row: &str) -> Option<Self> {
        let cells: Vec<&str> = row.split(',').collect();
        let [pairs, dim, margins @ ..] = &cells[..] else { return None };
        let margins = margins.iter().map(|cell| cell.parse().ok()).collect::<Option<Vec<f64>>>()?;
        let [relative_bias, found, construction, bound, descent] = margins[..] else { return None };
        let (pairs, dim) = (pairs.parse().ok()?, dim.parse().ok()?);
        Some(Self { pairs, dim, relative_bias, found, construction, bound, descent })
    }
}

/// The row of the table.
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{},{},{}", self.pairs, self.dim, self.relative_bias)?;
        let margins = [self.found, self.construction, self.bound, self.descent];
        margins.iter().try_for_each(|margin| write!(f, ",{margin:.12}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::theory::margin_bound;

    #[test]
    fn the_gradient_is_that_of_the_energy() {
        let start = &random_starts(5, 3, [7])[0];
        let points = start.clone().into_shape_with_order((10, 3)).unwrap() * 1.3;
        let (_, gradient) = energy(&points, 0.2, 8.0);
        for index in ndarray::indices_of(&points) {
            let at = |h: f64| {
                let mut moved = points.clone();
                moved[index] += h;
                energy(&moved, 0.2, 8.0).0
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[index] - difference).abs() < 1e-8, "{index:?}");
        }
    }

    #[test]
    fn the_bound_is_reached_where_it_is_known_to_be_sharp() {
        // N <= d: the construction on a simplex meets the bound. Where N = 2, two opposite points do.
        for (pairs, dim, b_rel) in [(4, 4, 0.0), (5, 8, -0.5), (6, 6, 0.3), (2, 2, 0.0), (4, 16, 0.5)] {
            let best = best_of(random_starts(pairs, dim, 1..=4), b_rel).unwrap();
            let (margin, bound) = (margin_at(best.view(), b_rel), margin_bound(2, pairs, dim, b_rel));
            assert!(margin <= bound + 1e-12, "{margin} above {bound}");
            assert!(margin > bound - 1e-5, "N = {pairs}, d = {dim}, b = {b_rel}: {margin}, not {bound}");
        }
    }

    #[test]
    fn a_row_comes_back_as_it_was() {
        let entry = Entry {
            pairs: 8,
            dim: 3,
            relative_bias: 0.25,
            found: 0.146446603576,
            construction: 0.098760705971,
            bound: 0.298604395083,
            descent: -0.117994316563,
        };
        assert_eq!(Entry::from_row(&entry.to_string()), Some(entry));
        assert_eq!(entry.file_name(), "N8_d3_b+0.25.npz");
        for wrong in ["", "8,3,0.25", "8,3,x,0,0,0,0", "8,3,0.25,0,0,0,0,0"] {
            assert_eq!(Entry::from_row(wrong), None);
        }
    }

    #[test]
    fn what_is_no_start_is_an_error() {
        assert!(best_of(Vec::new(), 0.0).is_err());
        assert!(best_of(vec![Array3::zeros((3, 4, 2))], 0.0).is_err());
    }
}
