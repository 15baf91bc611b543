//! The engine `fused`: gradients derived by hand, computed in one pass over the pairs.
//!
//! With G the derivatives of the terms by the logits, the gradients of the loss are
//! `t G V` by U, `t G^T U` by V, `t sum G (s - b_rel)` by log t and `-t sum G` by the
//! relative bias. A pass computes a tile of similarities at a time, replaces it by its
//! part of G and multiplies that, while the tile is in the first cache; nothing of
//! size N x N is ever stored. Everything runs on vector instructions that are chosen
//! at run time; `SIGLIP_SIMD` in the environment, `avx512`, `avx2`, `neon` or `portable`,
//! names others, with which the last bits of a run are others, too. Where several columns
//! match a row, or the loss is a softmax over them, the tiles of a block of rows are kept
//! together until all of G is known.

mod adam;
mod adapter;
mod lanes;
mod listed;
mod panels;
mod pass;
mod products;
mod terms;
#[cfg(test)]
mod tests;

use ndarray::{Array2, Array3, ArrayView2, Axis, s};

use self::adam::{Descend, Moments, Scalar, Step, Tangent};
use self::adapter::Adapter;
use self::lanes::InstructionSet;
use self::listed::Listed;
use self::panels::{Panels, Shape};
use self::pass::Pass;
use self::terms::Logits;
use crate::engine::{Engine, State};
use crate::error::Result;
use crate::experiment::{BiasKind, Experiment};
use crate::history::{History, Record};
use crate::objective::Loss;

/// Trains one run on the CPU; see the module.
#[derive(Debug)]
pub struct Fused {
    experiment: Experiment,
    instructions: InstructionSet,
    pass: Pass,
    points: Vec<Panels>,
    /// Moments of the trained modalities, the last ones of `points`.
    moments: Vec<Moments>,
    /// Factor of every term of the loss.
    mean: f64,
    /// In its form.
    temperature: Scalar,
    bias: Scalar,
    adapter: Option<Adapter>,
    steps: usize,
}

/// The loss, its derivatives by the parameters, and what else a pass sees.
#[derive(Debug, Clone, Copy)]
struct Derivatives {
    loss: f64,
    /// By the temperature's form.
    temperature: f64,
    bias: f64,
    adapter: f64,
    margin: f64,
    optimal_relative_bias: f64,
}

impl Fused {
    /// Starts `experiment`, valid, from the unit vectors `initial`, those of
    /// [`crate::points::initial_vectors`] or others of their shape, on up to `threads` threads. The number of threads does not change the results.
    ///
    /// # Errors
    /// [`crate::Error::Engine`] if the system starts no more threads, [`crate::Error::Value`] if
    /// `SIGLIP_SIMD` names vector instructions that this processor does not have.
    pub fn new(experiment: &Experiment, initial: Array3<f32>, threads: usize) -> Result<Self> {
        Self::on(InstructionSet::chosen()?, experiment, initial, threads)
    }

    fn on(
        instructions: InstructionSet,
        experiment: &Experiment,
        initial: Array3<f32>,
        threads: usize,
    ) -> Result<Self> {
        let families: Vec<ArrayView2<f32>> = if experiment.is_of_pairs() {
            initial.axis_iter(Axis(0)).collect()
        } else {
            let queries = initial.dim().1 - experiment.pairs;
            vec![initial.slice(s![0, ..queries, ..]), initial.slice(s![0, queries.., ..])]
        };
        let extra = usize::from(experiment.adapter.is_some());
        let points: Vec<Panels> = families
            .iter()
            .map(|rows| {
                let (count, dim) = rows.dim();
                let extended = Shape::new(count, dim + extra, instructions.lanes());
                Panels::from_rows(Shape { dim, ..extended }, *rows)
            })
            .collect();
        let extended: Vec<Shape> = points.iter().map(|points| points.shape.extended(extra)).collect();
        let trained = &points[usize::from(experiment.locked)..];
        let zeros = |points: &Panels| Panels::zeros(points.shape);
        let moments =
            trained.iter().map(|points| Moments { first: zeros(points), second: zeros(points) }).collect();
        let is_listed = !experiment.is_of_pairs() || experiment.loss != Loss::Sigmoid;
        let listed = is_listed.then(|| Listed::new(experiment.loss, experiment.subsets()));
        Ok(Self {
            instructions,
            mean: listed.as_ref().map_or_else(|| one_over_terms(&points), Listed::factor),
            pass: Pass::new(instructions, &extended, listed, threads)?,
            moments,
            temperature: Scalar::new(experiment.temperature.form.encode(experiment.temperature.init)),
            bias: Scalar::new(experiment.bias.init),
            adapter: experiment.adapter.map(|x| Adapter::new(x, &points)),
            points,
            experiment: experiment.clone(),
            steps: 0,
        })
    }

    fn temperature(&self) -> f32 {
        self.experiment.temperature.form.decode(self.temperature.value)
    }

    /// Of the arrays that go in and out.
    fn modalities(&self) -> usize {
        if self.experiment.is_of_pairs() { self.points.len() } else { 1 }
    }

    fn logits(&self) -> Logits {
        let (offset, shift) = match self.experiment.bias.kind {
            BiasKind::Relative => (self.bias.value, 0.0),
            BiasKind::Absolute => (0.0, self.bias.value),
        };
        Logits { t: self.temperature(), offset, shift, numerics: self.experiment.numerics }
    }

    /// The vectors as the loss sees them.
    fn seen(&self) -> &[Panels] {
        self.adapter.as_ref().map_or(&self.points, |adapter| &adapter.extended)
    }

    /// The loss and its derivatives at the present vectors and parameters. Those by
    /// the vectors stay in `pass`.
    fn differentiate(&mut self) -> Derivatives {
        let logits = self.logits();
        let (t, mean, delta) =
            (f64::from(logits.t), self.mean, self.adapter.as_ref().map_or(1.0, Adapter::delta));
        let first_trained = self.points.len() - self.moments.len();
        let seen = self.adapter.as_ref().map_or(&self.points, |adapter| &adapter.extended);
        let sums = self.pass.run(logits, seen, first_trained);
        let scale = (t * mean) as f32 * delta;
        let gradients = self.pass.gradients_mut();
        for (points, gradient) in seen.iter().zip(gradients).skip(first_trained) {
            self.instructions.run(Tangent { points, gradient, scale });
        }
        let offset = f64::from(logits.offset);
        let (matching, other) = (f64::from(sums.min_matching), f64::from(sums.max_other));
        Derivatives {
            // Similarities that are not numbers show in this sum only. Learned as itself, t may leave
            // its range.
            loss: if sums.gx.is_finite() && t > 0.0 { sums.loss * mean } else { f64::NAN },
            temperature: self.experiment.temperature.form.derivative(t * mean * sums.gx, t),
            bias: match self.experiment.bias.kind {
                BiasKind::Relative => -t * mean * sums.g,
                BiasKind::Absolute => -mean * sums.g,
            },
            adapter: self
                .adapter
                .as_ref()
                .map_or(0.0, |adapter| t * mean * adapter.derivative(sums.g, sums.gx + offset * sums.g)),
            margin: (matching - other) / 2.0,
            optimal_relative_bias: (matching + other) / 2.0 + offset,
        }
    }

    /// The gradients of the loss by the vectors, in their shape, at the last step, along
    /// the sphere where the loss normalises; 0 of a locked modality, and before the first step.
    pub fn gradients(&self) -> Array3<f32> {
        let first_trained = self.points.len() - self.moments.len();
        let mut gradients = rows_of(self.pass.gradients(), self.points[0].shape.dim, self.modalities());
        gradients.slice_mut(s![..first_trained, .., ..]).fill(0.0);
        gradients
    }

    /// One step of Adam along the derivatives.
    fn descend(&mut self, derivatives: &Derivatives) {
        self.steps += 1;
        let Experiment { schedule, learning_rate, epochs, .. } = self.experiment;
        let step = Step::new(schedule.rate(learning_rate, self.steps - 1, epochs), self.steps);
        let first_trained = self.points.len() - self.moments.len();
        let trained = self.points.iter_mut().zip(self.pass.gradients()).skip(first_trained);
        for ((points, gradient), moments) in trained.zip(&mut self.moments) {
            self.instructions.run(Descend { points, gradient, moments, step });
        }
        if self.experiment.temperature.trainable {
            self.temperature.step(step, derivatives.temperature as f32);
        }
        if self.experiment.bias.trainable {
            self.bias.step(step, derivatives.bias as f32);
        }
        if let Some(adapter) = &mut self.adapter {
            adapter.x.step(step, derivatives.adapter as f32);
            adapter.extend(&self.points);
        }
    }

    /// xi of the first two modalities.
    fn xi(&self) -> f64 {
        let seen = self.seen();
        let (u, v) = (&seen[0], &seen[1]);
        let Shape { rows, dim, width, panels } = u.shape;
        let mut lengths = 0.0;
        let mut mean = vec![0.0_f64; dim];
        let mut squares = vec![0.0_f64; width];
        for panel in 0..panels {
            squares.fill(0.0);
            let coordinates = u.panel(panel).chunks_exact(width).zip(v.panel(panel).chunks_exact(width));
            for ((u, v), mean) in coordinates.zip(&mut mean) {
                for ((u, v), square) in u.iter().zip(v).zip(&mut squares) {
                    let difference = f64::from(u - v);
                    *mean += difference;
                    *square += difference * difference;
                }
            }
            lengths += squares.iter().map(|square| square.sqrt()).sum::<f64>();
        }
        let length_of_mean = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
        (lengths - length_of_mean) / rows as f64
    }
}

/// The first `dim` coordinates of all vectors, `[modalities, rows, dim]`, where several families may be
/// one modality.
fn rows_of(families: &[Panels], dim: usize, modalities: usize) -> Array3<f32> {
    let sizes: Vec<usize> = families.iter().map(|family| family.shape.rows).collect();
    let all: usize = sizes.iter().sum();
    let mut rows = Array2::zeros((all, dim));
    let mut first = 0;
    for (family, size) in families.iter().zip(&sizes) {
        family.to_rows(rows.slice_mut(s![first..first + size, ..]));
        first += size;
    }
    let shape = (modalities, all / modalities, dim);
    rows.into_shape_with_order(shape).expect("as many numbers, in one order")
}

/// One over the number of terms of the loss, over all pairs of modalities.
fn one_over_terms(points: &[Panels]) -> f64 {
    let (modalities, rows) = (points.len() as f64, points[0].shape.rows as f64);
    2.0 / (modalities * (modalities - 1.0) * rows * rows)
}

impl Engine for Fused {
    fn name(&self) -> &'static str {
        "fused"
    }

    fn advance(&mut self, epochs: usize, record: Record, history: &mut History) -> Result<()> {
        for _ in 0..epochs {
            if record.xi {
                history.xi.push(self.xi());
            }
            let derivatives = self.differentiate();
            self.descend(&derivatives);
            history.loss.push(derivatives.loss);
            let t = f64::from(self.temperature());
            history.temperature.push(t);
            history.relative_bias.push(self.experiment.bias.kind.relative(self.bias.value.into(), t));
            if record.margin {
                history.margin.push(derivatives.margin);
                history.optimal_relative_bias.push(derivatives.optimal_relative_bias);
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<State> {
        let seen = self.seen();
        Ok(State {
            embeddings: rows_of(seen, seen[0].shape.dim, self.modalities()),
            temperature: self.temperature().into(),
            bias: self.bias.value.into(),
            delta: self.adapter.as_ref().map(|adapter| adapter.delta().into()),
        })
    }
}
