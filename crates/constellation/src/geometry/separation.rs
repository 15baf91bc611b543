//! Whether a hyperplane separates two clouds of points, with which margin, and the proof.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SupportedConeT};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::Serialize;

use super::hyperplane::{Cloud, Hyperplane};
use crate::error::Result;

/// The linear separability of two clouds: what a perceptron that fails cannot tell.
///
/// The largest margin of a separating hyperplane is half the distance of the convex hulls
/// (the hard-margin support vector machine). Both bounds on it are certificates, checked
/// in float64 over all points, so that they do not rest on the solver that found them:
/// [`Self::hyperplane`] has all points at least `margin_at_least` away on their sides,
/// and the two convex combinations [`Self::nearest`] are `2 margin_at_most` apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Separation {
    /// The answer.
    pub verdict: Verdict,
    /// The largest margin is at least this; 0 if no separating hyperplane was found.
    pub margin_at_least: f64,
    /// The largest margin is at most this.
    pub margin_at_most: f64,
    /// How many images and how many texts have a part in [`Self::nearest`].
    pub support: [usize; 2],
    /// The hyperplane with the largest margin that was found, texts on the positive side.
    #[serde(skip)]
    pub hyperplane: Hyperplane,
    /// Rows and weights of the convex combinations of images and of texts that are
    /// nearest to each other.
    #[serde(skip)]
    pub nearest: [Vec<(usize, f64)>; 2],
}

/// Whether two clouds are linearly separable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A hyperplane has the clouds strictly on its two sides.
    Separable,
    /// The convex hulls come within 2e-6 of each other: up to that they share a point,
    /// and no hyperplane separates them by more than 1e-6.
    Inseparable,
    /// The search ended before either was certain; the bounds hold all the same.
    Undecided,
}

/// Margins up to this are none. Vectors have length 1, and float32 has 1e-7.
const TOUCHING: f64 = 1e-6;
/// The bounds on the margin may differ by this part of it.
const PRECISION: f64 = 1e-6;
/// Margins above this are more than rounding in a float64 inner product.
const ROUNDING: f64 = 1e-13;
/// Points of each cloud that a round may add.
const BATCH: usize = 200;
const ROUNDS: usize = 100;
/// The interior-point method leaves about this on points that do not count.
const NO_WEIGHT: f64 = 1e-9;

impl Separation {
    /// Of images `[n, dim]` and texts `[k, dim]`, vectors of length about 1.
    ///
    /// Finds the nearest points of the two convex hulls on a few hundred of the points
    /// (a quadratic program, solved by Clarabel), looks among all points for those that
    /// lie beyond, adds the farthest, and starts again until the bounds meet.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if a cloud is empty, dimensions differ, or a number is not finite.
    pub fn of(images: ArrayView2<f32>, texts: ArrayView2<f32>) -> Result<Self> {
        let [images, texts] = Cloud::two(&images, &texts)?;
        let mut hulls = [Hull::new(images, -1.0), Hull::new(texts, 1.0)];
        let mut best = Self::unknown(&hulls);
        for _ in 0..ROUNDS {
            let direction = difference(&hulls);
            let projections = [hulls[0].project(&direction), hulls[1].project(&direction)];
            best.improve(&hulls, direction, projections.each_ref().map(|all| least(all.iter().copied())));
            if best.is_certain() {
                break;
            }
            let added = hulls.iter_mut().zip(&projections).map(|(hull, all)| hull.add_beyond(all));
            if added.sum::<usize>() == 0 || !approach(&mut hulls) {
                break;
            }
        }
        Ok(best.concluded())
    }

    fn unknown(hulls: &[Hull; 2]) -> Self {
        Self {
            verdict: Verdict::Undecided,
            margin_at_least: 0.0,
            margin_at_most: f64::INFINITY,
            support: [0; 2],
            hyperplane: Hyperplane { normal: vec![0.0; hulls[0].cloud.dim()], offset: 0.0 },
            nearest: [Vec::new(), Vec::new()],
        }
    }

    /// Takes the bounds that the nearest points of the hulls so far, with their difference
    /// and the least projections on it, prove.
    fn improve(&mut self, hulls: &[Hull; 2], direction: Vec<f64>, [images, texts]: [f64; 2]) {
        let distance = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        if distance / 2.0 < self.margin_at_most {
            self.margin_at_most = distance / 2.0;
            self.nearest = hulls.each_ref().map(Hull::weighted_rows);
        }
        let margin = (images + texts) / (2.0 * distance); // NaN if the points coincide
        if margin > self.margin_at_least || self.hyperplane.normal.iter().all(|x| *x == 0.0) {
            self.hyperplane = Hyperplane { normal: direction, offset: (images - texts) / 2.0 };
            self.margin_at_least = margin.max(0.0);
        }
    }

    fn is_certain(&self) -> bool {
        let tight = self.margin_at_least >= self.margin_at_most * (1.0 - PRECISION);
        tight || self.margin_at_most <= TOUCHING
    }

    fn concluded(mut self) -> Self {
        self.support = self.nearest.each_ref().map(Vec::len);
        self.verdict = if self.margin_at_least > ROUNDING {
            Verdict::Separable
        } else if self.margin_at_most <= TOUCHING {
            Verdict::Inseparable
        } else {
            Verdict::Undecided
        };
        self
    }
}

/// The convex hull of a cloud, and the point of it that is nearest to the other hull as
/// far as known: a convex combination of a few points of the cloud.
struct Hull<'a> {
    cloud: Cloud<'a>,
    /// -1 for images, 1 for texts: projections times this are large on the right side.
    sign: f64,
    active: Vec<usize>,
    weights: Vec<f64>,
    nearest: Vec<f64>,
}

impl<'a> Hull<'a> {
    /// Starts at the mean of all points, with none active.
    fn new(cloud: Cloud<'a>, sign: f64) -> Self {
        let nearest = cloud.mean();
        Self { cloud, sign, active: Vec::new(), weights: Vec::new(), nearest }
    }

    /// The convex combination that `nearest` is.
    fn weighted_rows(&self) -> Vec<(usize, f64)> {
        if self.active.is_empty() {
            return (0..self.cloud.len()).map(|row| (row, 1.0 / self.cloud.len() as f64)).collect();
        }
        self.active.iter().copied().zip(self.weights.iter().copied()).collect()
    }

    /// Inner products with `direction`, times the sign.
    fn project(&self, direction: &[f64]) -> Vec<f64> {
        let mut projections = self.cloud.project(direction);
        projections.iter_mut().for_each(|projection| *projection *= self.sign);
        projections
    }

    /// Adds the farthest of the points whose projections lie beyond those of the active
    /// points, once each where points coincide. Returns how many.
    fn add_beyond(&mut self, projections: &[f64]) -> usize {
        let bound = least(self.active.iter().map(|&row| projections[row]));
        let mut beyond: Vec<usize> = (0..projections.len()).filter(|&row| projections[row] < bound).collect();
        beyond.sort_by(|&i, &j| projections[i].total_cmp(&projections[j]));
        beyond.dedup_by(|i, j| projections[*i] == projections[*j]);
        beyond.truncate(BATCH);
        self.active.extend(&beyond);
        beyond.len()
    }

    /// Takes new weights of the active points, and forgets those without.
    fn weigh(&mut self, weights: &[f64]) {
        let kept = || self.active.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
        let total: f64 = kept().map(|(_, weight)| weight).sum();
        (self.active, self.weights) = kept().map(|(&row, weight)| (row, weight / total)).unzip();
        self.nearest = vec![0.0; self.cloud.dim()];
        for (row, weight) in self.weighted_rows() {
            let point = self.cloud.row(row);
            self.nearest.iter_mut().zip(point).for_each(|(sum, &x)| *sum += weight * f64::from(x));
        }
    }
}

/// The vector from the nearest point of the first hull to that of the second.
fn difference(hulls: &[Hull; 2]) -> Vec<f64> {
    hulls[0].nearest.iter().zip(&hulls[1].nearest).map(|(image, text)| text - image).collect()
}

fn least(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(f64::INFINITY, f64::min)
}

/// Moves both hulls to the nearest points of the hulls of their active points:
/// minimises ||sum_j w_j x_j - sum_i v_i y_i||^2 over weights w, v >= 0 with sum 1 each.
/// False if the solver fails.
fn approach(hulls: &mut [Hull; 2]) -> bool {
    let rows =
        hulls.iter().flat_map(|hull| hull.active.iter().map(move |&row| (hull.cloud.row(row), hull.sign)));
    let mut signed = Array2::zeros((rows.clone().count(), hulls[0].cloud.dim()));
    for (mut to, (row, sign)) in signed.axis_iter_mut(Axis(0)).zip(rows) {
        to.iter_mut().zip(row).for_each(|(to, &x)| *to = sign * f64::from(x));
    }
    let images = hulls[0].active.len();
    let weights = least_norm(&signed.dot(&signed.t()), images);
    let usable = weights.iter().all(|weight| weight.is_finite());
    if usable {
        hulls[0].weigh(&weights[..images]);
        hulls[1].weigh(&weights[images..]);
    }
    usable
}

/// Moves weight between two points of the same hull, from the one whose projection is
/// largest to the one whose projection is least, for as long as that shortens the norm
/// (Mitchell, Demyanov, Malozemov, SIAM J. Control 12, 1974).
///
/// An interior-point method knows the squared norm to 1e-12 and thus the norm to 1e-6;
/// where hulls touch, these moves take it down to rounding.
fn shorten(gram: &Array2<f64>, first: usize, weights: &mut [f64]) {
    let mut projections = gram.dot(&ArrayView1::from(&*weights));
    for _ in 0..10 * weights.len() {
        let (mut from, mut to, mut gain) = (0, 0, 0.0);
        for hull in [0..first, first..weights.len()] {
            let by_projection = |i: &usize, j: &usize| projections[*i].total_cmp(&projections[*j]);
            let largest = hull.clone().filter(|&i| weights[i] > 0.0).max_by(by_projection);
            if let Some((i, j)) = largest.zip(hull.min_by(by_projection))
                && projections[i] - projections[j] > gain
            {
                (from, to, gain) = (i, j, projections[i] - projections[j]);
            }
        }
        let curvature = gram[[from, from]] + gram[[to, to]] - 2.0 * gram[[from, to]];
        if gain <= f64::EPSILON || curvature <= 0.0 {
            break;
        }
        let moved = (gain / curvature).min(weights[from]);
        weights[from] -= moved;
        weights[to] += moved;
        projections.scaled_add(moved, &gram.column(to));
        projections.scaled_add(-moved, &gram.column(from));
    }
}

/// The weights w >= 0 that minimise w^T gram w where the first `first` of them have sum 1
/// and the others too.
fn least_norm(gram: &Array2<f64>, first: usize) -> Vec<f64> {
    let count = gram.nrows();
    let upper = gram
        .columns()
        .into_iter()
        .enumerate()
        .map(|(j, column)| column.iter().take(j + 1).copied().enumerate().collect());
    let objective = by_columns(count, upper);
    // Row 0 and 1: the two sums; row 2 + j: -w_j <= 0.
    let constraints =
        by_columns(count + 2, (0..count).map(|j| vec![(usize::from(j >= first), 1.0), (2 + j, -1.0)]));
    let mut bounds = vec![0.0; count + 2];
    bounds[..2].fill(1.0);
    let cones = [SupportedConeT::ZeroConeT(2), SupportedConeT::NonnegativeConeT(count)];
    let settings = DefaultSettings {
        verbose: false,
        tol_gap_abs: 1e-13,
        tol_gap_rel: 1e-11,
        tol_feas: 1e-11,
        ..DefaultSettings::default()
    };
    let mut solver =
        DefaultSolver::new(&objective, &vec![0.0; count], &constraints, &bounds, &cones, settings)
            .expect("the dimensions of the quadratic program agree");
    solver.solve();
    let mut weights = solver.solution.x;
    weights.iter_mut().filter(|weight| **weight <= NO_WEIGHT).for_each(|weight| *weight = 0.0);
    for hull in [0..first, first..count] {
        let total: f64 = weights[hull.clone()].iter().sum();
        weights[hull].iter_mut().for_each(|weight| *weight /= total);
    }
    shorten(gram, first, &mut weights);
    weights
}

/// A sparse matrix from the row numbers and values of its columns.
fn by_columns(rows: usize, columns: impl Iterator<Item = Vec<(usize, f64)>>) -> CscMatrix {
    let (mut ends, mut numbers, mut values) = (vec![0], Vec::new(), Vec::new());
    for column in columns {
        numbers.extend(column.iter().map(|entry| entry.0));
        values.extend(column.iter().map(|entry| entry.1));
        ends.push(values.len());
    }
    CscMatrix::new(rows, ends.len() - 1, ends, numbers, values)
}
