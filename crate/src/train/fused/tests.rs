//! The engine against a plain float64 reference, which is checked by finite differences.

use ndarray::{Array2, Array3, Axis};
use proptest::prelude::*;

use super::*;
use crate::{Bias, EngineChoice, Numerics, Temperature};

/// Everything the loss depends on, in float64. The vectors need not be of unit length.
#[derive(Clone)]
struct Reference {
    points: Array3<f64>,
    log_t: f64,
    bias: f64,
    x: f64,
}

/// Derivatives by the fields of [`Reference`].
struct Slopes {
    loss: f64,
    points: Array3<f64>,
    log_t: f64,
    bias: f64,
    x: f64,
    /// Sums of the absolute values of the terms of `log_t` and `bias`, against which
    /// the rounding of sums that cancel is measured.
    scale: f64,
}

/// A term and its derivative by z. In the paper's form `round` is applied wherever
/// the float32 of PyTorch rounds with consequences: near p = 1, 1 - p is a multiple of 2^-24.
fn term(numerics: Numerics, matching: bool, z: f64, round: fn(f64) -> f64) -> (f64, f64) {
    let p = round(1.0 / round(1.0 + (-z).exp()));
    let q = if z > 0.0 { 1.0 - p } else { round(1.0 - p) };
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    match (numerics, matching) {
        (Numerics::Paper, true) => (-round(p + 1e-8).ln(), -p * q / (p + 1e-8)),
        (Numerics::Paper, false) => (-round(q + 1e-8).ln(), p * q / (q + 1e-8)),
        (Numerics::Exact, true) => (softplus(-z), -1.0 / (1.0 + z.exp())),
        (Numerics::Exact, false) => (softplus(z), 1.0 / (1.0 + (-z).exp())),
    }
}

fn as_float32(x: f64) -> f64 {
    f64::from(x as f32)
}

impl Reference {
    /// What the loss sees: the vectors, extended if there is an adapter, and divided by their norms.
    fn seen(&self, experiment: &Experiment) -> Array3<f64> {
        let (modalities, rows, dim) = self.points.dim();
        let delta = 1.0 / (1.0 + (-self.x).exp());
        let height = (1.0 - delta * delta).sqrt();
        let seen = match experiment.adapter {
            None => self.points.clone(),
            Some(_) => Array3::from_shape_fn((modalities, rows, dim + 1), |(m, i, k)| match k < dim {
                true => delta * self.points[[m, i, k]],
                false => [height, -height][m],
            }),
        };
        let norms = seen.map_axis(Axis(2), |row| row.dot(&row).sqrt()).insert_axis(Axis(2));
        seen / norms
    }

    fn slopes(&self, experiment: &Experiment, round: fn(f64) -> f64) -> Slopes {
        let seen = self.seen(experiment);
        let (modalities, rows, dim) = seen.dim();
        let t = self.log_t.exp();
        let mean = 2.0 / (modalities * (modalities - 1) * rows * rows) as f64;
        let mut by_seen = Array3::<f64>::zeros(seen.raw_dim());
        let (mut loss, mut log_t, mut bias, mut scale) = (0.0, 0.0, 0.0, 0.0);
        for (a, b) in (0..modalities).flat_map(|a| (a + 1..modalities).map(move |b| (a, b))) {
            for (i, j) in (0..rows).flat_map(|i| (0..rows).map(move |j| (i, j))) {
                let s: f64 = (0..dim).map(|k| seen[[a, i, k]] * seen[[b, j, k]]).sum();
                let (z, by_log_t, by_bias) = match experiment.bias.kind {
                    BiasKind::Relative => (t * (s - self.bias), t * (s - self.bias), -t),
                    BiasKind::Absolute => (t * s - self.bias, t * s, -1.0),
                };
                let (value, g) = term(experiment.numerics, i == j, z, round);
                loss += mean * value;
                log_t += mean * g * by_log_t;
                bias += mean * g * by_bias;
                scale += mean * g.abs();
                for k in 0..dim {
                    by_seen[[a, i, k]] += mean * t * g * seen[[b, j, k]];
                    by_seen[[b, j, k]] += mean * t * g * seen[[a, i, k]];
                }
            }
        }
        let (points, x) = self.pull_back(experiment, &seen, by_seen);
        Slopes { loss, points, log_t, bias, x, scale }
    }

    /// From derivatives by the seen unit vectors to those by the points and by x.
    fn pull_back(
        &self,
        experiment: &Experiment,
        seen: &Array3<f64>,
        by_seen: Array3<f64>,
    ) -> (Array3<f64>, f64) {
        let (modalities, rows, dim) = self.points.dim();
        let delta = 1.0 / (1.0 + (-self.x).exp());
        let mut points = Array3::zeros(self.points.raw_dim());
        let mut by_delta = 0.0;
        for (m, i) in (0..modalities).flat_map(|m| (0..rows).map(move |i| (m, i))) {
            let unit = seen.index_axis(Axis(0), m).index_axis(Axis(0), i).to_owned();
            let g = by_seen.index_axis(Axis(0), m).index_axis(Axis(0), i).to_owned();
            let point = self.points.index_axis(Axis(0), m).index_axis(Axis(0), i).to_owned();
            let factor = if experiment.adapter.is_some() { delta } else { 1.0 };
            let extra = if experiment.adapter.is_some() { 1.0 - delta * delta } else { 0.0 };
            let norm = (factor * factor * point.dot(&point) + extra).sqrt();
            let tangent = (&g - &unit * g.dot(&unit)) / norm;
            for k in 0..dim {
                points[[m, i, k]] = factor * tangent[k];
                by_delta += tangent[k] * point[k];
            }
            if experiment.adapter.is_some() {
                let sign = [1.0, -1.0][m];
                by_delta += tangent[dim] * sign * -delta / (1.0 - delta * delta).sqrt();
            }
        }
        (points, by_delta * delta * (1.0 - delta))
    }
}

/// Vectors from a small generator of the test's own; they only have to be irregular.
fn directions(modalities: usize, rows: usize, dim: usize, seed: u64) -> Array3<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut points = Array3::from_shape_simple_fn((modalities, rows, dim), &mut next);
    for mut row in points.rows_mut() {
        row[0] += 1e-3;
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    points
}

fn reference(experiment: &Experiment, points: &Array3<f32>) -> Reference {
    Reference {
        points: points.mapv(f64::from),
        log_t: f64::from(experiment.temperature.init.ln() as f32),
        bias: f64::from(experiment.bias.init as f32),
        x: f64::from(experiment.adapter.unwrap_or(0.0) as f32),
    }
}

const PATHS: [fn() -> Path; 3] = [Path::detect, || Path::Portable, || Path::Wide];

fn gradients(engine: &mut Fused) -> Array3<f64> {
    let (modalities, rows, dim) = (engine.points.len(), engine.experiment.pairs, engine.points[0].shape.dim);
    let mut gradients = Array3::zeros((modalities, rows, dim));
    for (m, panels) in engine.pass.gradients().iter().enumerate() {
        let mut rows = Array2::zeros((rows, dim));
        panels.to_rows(rows.view_mut());
        gradients.index_axis_mut(Axis(0), m).assign(&rows.mapv(f64::from));
    }
    if engine.experiment.locked {
        gradients.index_axis_mut(Axis(0), 0).fill(0.0);
    }
    gradients
}

fn norm(a: &Array3<f64>) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Asserts that the engine's derivatives are the reference's on every path.
fn assert_slopes(experiment: &Experiment, points: &Array3<f32>) {
    let want = reference(experiment, points).slopes(experiment, as_float32);
    let mut want_points = want.points.clone();
    if experiment.locked {
        want_points.index_axis_mut(Axis(0), 0).fill(0.0);
    }
    for path in PATHS {
        let mut engine = Fused::on(path(), experiment, points.clone(), 1).unwrap();
        let got = engine.differentiate();
        // One rounding of a similarity moves a logit by t times 6e-8, and the derivative by as much.
        let t = experiment.temperature.init;
        let sensitivity = 1.0 + 0.02 * t * (1.0 + experiment.bias.init.abs());
        let close = |got: f64, want: f64, scale: f64, what: &str| {
            let error = (got - want).abs();
            assert!(
                error <= 1e-5 * sensitivity * want.abs().max(scale),
                "{what}: {got} instead of {want} (scale {scale}) on {:?} for {experiment:?}",
                path()
            );
        };
        let largest = 1.0 + experiment.bias.init.abs();
        close(got.loss, want.loss, 1e-3, "loss");
        close(got.log_t, want.log_t, 0.1 * want.scale * t * largest, "log t");
        close(
            got.bias,
            want.bias,
            0.1 * want.scale * if experiment.bias.kind == BiasKind::Relative { t } else { 1.0 },
            "bias",
        );
        if experiment.adapter.is_some() {
            close(got.adapter, want.x, 0.1 * want.scale * t, "adapter");
        }
        let difference = norm(&(gradients(&mut engine) - &want_points));
        let scale = norm(&want_points).max(0.1 * want.scale * t / (experiment.pairs as f64).sqrt());
        assert!(
            difference <= 1e-5 * sensitivity * scale + 1e-30,
            "vectors: off by {difference} of {scale} on {:?} for {experiment:?}",
            path()
        );
    }
}

fn descriptions() -> impl Strategy<Value = Experiment> {
    let shape = (2..70_usize, 1..20_usize, 2..4_usize);
    let temperature = (-2.0..2.0_f64).prop_map(f64::exp);
    let bias = (prop_oneof![Just(BiasKind::Relative), Just(BiasKind::Absolute)], -1.5..1.5_f64);
    let numerics = prop_oneof![Just(Numerics::Paper), Just(Numerics::Exact)];
    let locked =
        prop_oneof![Just((false, None)), Just((true, None)), (-2.0..2.0_f64).prop_map(|x| (true, Some(x)))];
    (shape, temperature, bias, numerics, locked).prop_map(
        |(shape, t, (kind, init), numerics, (locked, adapter))| Experiment {
            pairs: shape.0,
            dim: shape.1,
            modalities: if adapter.is_some() { 2 } else { shape.2 },
            temperature: Temperature::trained(t),
            bias: Bias::trained(kind, init * if kind == BiasKind::Relative { 1.0 } else { t }),
            numerics,
            locked,
            adapter,
            engine: EngineChoice::Fused,
            ..Experiment::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn derivatives_are_the_references(experiment in descriptions(), seed in 0..1000_u64) {
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed);
        assert_slopes(&experiment, &points);
    }
}
