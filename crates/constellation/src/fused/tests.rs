//! The engine against a plain float64 reference, which is checked by finite differences.

use ndarray::{Array3, Axis};
use proptest::prelude::*;

use self::random_runs::{descriptions, directions, norm};
use super::*;
use crate::{Bias, Numerics, Temperature};

mod listed;
mod random_runs;

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

fn reference(experiment: &Experiment, points: &Array3<f32>) -> Reference {
    Reference {
        points: points.mapv(f64::from),
        log_t: f64::from(experiment.temperature.init.ln() as f32),
        bias: f64::from(experiment.bias.init as f32),
        x: f64::from(experiment.adapter.unwrap_or(0.0) as f32),
    }
}

/// Asserts that the engine's derivatives are the reference's on every instruction set.
fn assert_slopes(experiment: &Experiment, points: &Array3<f32>) {
    let want = reference(experiment, points).slopes(experiment, as_float32);
    let mut want_points = want.points.clone();
    if experiment.locked {
        want_points.index_axis_mut(Axis(0), 0).fill(0.0);
    }
    for instructions in InstructionSet::all() {
        let mut engine = Fused::on(instructions, experiment, points.clone(), 1).unwrap();
        let got = engine.differentiate();
        // One rounding of a similarity moves a logit by t times 6e-8, and the derivative by as much.
        let t = experiment.temperature.init;
        let sensitivity = 1.0 + 0.02 * t * (1.0 + experiment.bias.init.abs());
        // The engine holds exp(-|z|) above 2^-100, far below what Adam's epsilon leaves of it.
        let vanishing = 1e-20 * (1.0 + t) * (1.0 + experiment.bias.init.abs());
        let close = |got: f64, want: f64, scale: f64, what: &str| {
            let error = (got - want).abs();
            assert!(
                error <= 1e-5 * sensitivity * want.abs().max(scale) + vanishing,
                "{what}: {got} instead of {want} (scale {scale}) on {:?} for {experiment:?}",
                instructions
            );
        };
        let largest = 1.0 + experiment.bias.init.abs();
        close(got.loss, want.loss, 1e-3, "loss");
        close(got.temperature, want.log_t, 0.1 * want.scale * t * largest, "log t");
        close(
            got.bias,
            want.bias,
            0.1 * want.scale * if experiment.bias.kind == BiasKind::Relative { t } else { 1.0 },
            "bias",
        );
        if experiment.adapter.is_some() {
            // In dimension 1 the extended vectors are two different ones, so that the terms of a row's
            // sum are equal and so are their roundings: a float32 sum of N equal terms is off by up to
            // N / 2^24 of itself. What is left of the sums when those of pairs are taken from those of
            // others may be small against them.
            let coherent =
                if experiment.dim == 1 { experiment.pairs as f64 / 2f64.powi(24) / 1e-5 } else { 0.0 };
            close(got.adapter, want.x, (0.1 + coherent) * want.scale * t, "adapter");
        }
        let difference = norm(&(engine.gradients().mapv(f64::from) - &want_points));
        let scale = norm(&want_points).max(0.1 * want.scale * t / (experiment.pairs as f64).sqrt());
        assert!(
            difference <= 1e-5 * sensitivity * scale + vanishing,
            "vectors: off by {difference} of {scale} on {:?} for {experiment:?}",
            instructions
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn derivatives_are_the_references(experiment in descriptions(), seed in 0..1000_u64) {
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed);
        assert_slopes(&experiment, &points);
    }
}

#[test]
fn the_reference_is_the_derivative_of_its_loss() {
    let exact = |round: f64| round;
    for (seed, json) in [
        r#"{"pairs": 6, "dim": 3, "temperature": {"init": 2}, "bias": {"init": 0.3}}"#,
        r#"{"pairs": 5, "dim": 2, "modalities": 3, "temperature": {"init": 3}, "bias": {"kind": "absolute", "init": 1}}"#,
        r#"{"pairs": 4, "dim": 3, "numerics": "exact", "temperature": {"init": 4}, "bias": {"init": -0.5}}"#,
        r#"{"pairs": 5, "dim": 3, "locked": true, "adapter": 0.4, "temperature": {"init": 3}, "bias": {"init": -0.2}}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let experiment = Experiment::from_json(json).unwrap();
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed as u64 + 1);
        let at = reference(&experiment, &points);
        let slopes = at.slopes(&experiment, exact);
        let check = |derivative: f64, moved: &dyn Fn(f64) -> Reference, what: &str| {
            let h = 1e-5;
            let loss = |step: f64| moved(step).slopes(&experiment, exact).loss;
            let difference = (loss(h) - loss(-h)) / (2.0 * h);
            assert!((derivative - difference).abs() < 1e-8, "{json}: {what} {derivative} {difference}");
        };
        check(slopes.log_t, &|h| Reference { log_t: at.log_t + h, ..at.clone() }, "log t");
        check(slopes.bias, &|h| Reference { bias: at.bias + h, ..at.clone() }, "bias");
        check(slopes.x, &|h| Reference { x: at.x + h, ..at.clone() }, "x");
        for index in ndarray::indices_of(&at.points) {
            let moved = |h: f64| {
                let mut moved = at.clone();
                moved.points[index] += h;
                moved
            };
            check(slopes.points[index], &moved, "point");
        }
    }
}

/// Vectors that coincide, oppose each other, or are all the same.
fn degenerate(modalities: usize, rows: usize, dim: usize) -> Array3<f32> {
    let mut points = directions(modalities, rows, dim, 9);
    for m in 0..modalities {
        let first = points.index_axis(Axis(0), 0).row(0).to_owned();
        points.index_axis_mut(Axis(0), m).row_mut(0).assign(&first);
        points.index_axis_mut(Axis(0), m).row_mut(rows - 1).assign(&(-&first));
    }
    points
}

#[test]
fn extremes_are_finite_and_the_references() {
    for numerics in ["exact", "paper"] {
        for (pairs, dim) in [(2, 1), (2, 2), (3, 1), (17, 2), (33, 5), (130, 3)] {
            for (t, kind, bias) in [
                (1e-3, "relative", 0.0),
                (1e-3, "absolute", 100.0),
                (1e-3, "absolute", -100.0),
                (1.0, "relative", 100.0),
                (1.0, "relative", -100.0),
                (1e5, "relative", 0.1),
                (1e5, "absolute", 100.0),
                (1e5, "absolute", -100.0),
            ] {
                let json = format!(
                    r#"{{"pairs": {pairs}, "dim": {dim}, "numerics": "{numerics}", "temperature": {{"init": {t}}},
                        "bias": {{"kind": "{kind}", "init": {bias}, "trainable": true}}}}"#
                );
                let experiment = Experiment::from_json(&json).unwrap();
                assert_slopes(&experiment, &degenerate(2, pairs, dim));
                for instructions in InstructionSet::all() {
                    let mut engine =
                        Fused::on(instructions, &experiment, degenerate(2, pairs, dim), 1).unwrap();
                    let mut history = History::default();
                    engine.advance(20, Record { margin: true, xi: true }, &mut history).unwrap();
                    for (name, column) in history.columns() {
                        assert!(column.iter().all(|x| x.is_finite()), "{name} of {json}");
                    }
                }
            }
        }
    }
}

#[test]
fn several_panels_and_shares_are_the_references() {
    for (pairs, dim, modalities) in [(257, 3, 2), (300, 40, 3), (129, 200, 2), (1030, 2, 2)] {
        let experiment = Experiment {
            pairs,
            dim,
            modalities,
            temperature: Temperature::trained(5.0),
            bias: Bias::trained(BiasKind::Relative, 0.2),
            ..Experiment::default()
        };
        assert_slopes(&experiment, &directions(modalities, pairs, dim, 5));
    }
}

fn trained(
    instructions: InstructionSet,
    experiment: &Experiment,
    threads: usize,
    epochs: usize,
) -> (History, State) {
    let initial = directions(experiment.modalities, experiment.pairs, experiment.dim, 3);
    let mut engine = Fused::on(instructions, experiment, initial, threads).unwrap();
    let mut history = History::default();
    engine.advance(epochs, Record { margin: true, xi: true }, &mut history).unwrap();
    let state = engine.state().unwrap();
    (history, state)
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for (pairs, dim, modalities) in [(700, 20, 2), (300, 10, 5)] {
        let experiment = Experiment {
            pairs,
            dim,
            modalities,
            bias: Bias::trained(BiasKind::Relative, 0.0),
            ..Experiment::default()
        };
        let (history, state) = trained(InstructionSet::detect(), &experiment, 1, 5);
        for threads in [2, 3, 64] {
            let (other_history, other_state) = trained(InstructionSet::detect(), &experiment, threads, 5);
            assert_eq!(history, other_history);
            assert_eq!(state.embeddings, other_state.embeddings);
        }
    }
}

#[test]
fn every_path_of_this_processor_is_tested() {
    let lanes: Vec<usize> = InstructionSet::all().into_iter().map(InstructionSet::lanes).collect();
    assert!(lanes.contains(&4) && lanes.contains(&16), "portable and wide: {lanes:?}");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(lanes.contains(&8), std::arch::is_x86_feature_detected!("avx2"), "{lanes:?}");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(lanes[0] == 16, std::arch::is_x86_feature_detected!("avx512vl"), "{lanes:?}");
    #[cfg(target_arch = "aarch64")]
    assert!(matches!(InstructionSet::detect(), InstructionSet::Detected(pulp::Arch::Neon(_))));
}

#[test]
fn all_paths_train_alike() {
    let experiment = Experiment { pairs: 50, dim: 7, modalities: 3, ..Experiment::default() };
    let (detected, _) = trained(InstructionSet::detect(), &experiment, 1, 100);
    for instructions in InstructionSet::all() {
        let (history, _) = trained(instructions, &experiment, 1, 100);
        for ((_, a), (name, b)) in detected.columns().zip(history.columns()) {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= 1e-4 * b.abs().max(0.01), "{name}: {a} {b} on {instructions:?}");
            }
        }
    }
}

#[test]
fn recorders_see_the_vectors_before_the_step() {
    for json in
        [r#"{"pairs": 19, "dim": 4, "modalities": 3}"#, r#"{"pairs": 12, "locked": true, "adapter": 0.3}"#]
    {
        let experiment = Experiment::from_json(json).unwrap();
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, 3);
        let seen = reference(&experiment, &points).seen(&experiment);
        let (history, _) = trained(InstructionSet::detect(), &experiment, 1, 1);
        let (mut matching, mut other) = (f64::INFINITY, f64::NEG_INFINITY);
        for (a, b) in (0..experiment.modalities).flat_map(|a| (0..a).map(move |b| (b, a))) {
            let s = seen.index_axis(Axis(0), a).dot(&seen.index_axis(Axis(0), b).t());
            for ((i, j), &s) in s.indexed_iter() {
                if i == j { matching = matching.min(s) } else { other = other.max(s) }
            }
        }
        let difference = &seen.index_axis(Axis(0), 0) - &seen.index_axis(Axis(0), 1);
        let length = |row: ndarray::ArrayView1<f64>| row.dot(&row).sqrt();
        let mean = difference.mean_axis(Axis(0)).unwrap();
        let lengths = difference.rows().into_iter().map(length).sum::<f64>() / experiment.pairs as f64;
        for (got, want) in [
            (history.margin[0], (matching - other) / 2.0),
            (history.optimal_relative_bias[0], (matching + other) / 2.0),
            (history.xi[0], lengths - length(mean.view())),
        ] {
            assert!((got - want).abs() < 1e-6, "{json}: {got} instead of {want}");
        }
    }
}

#[test]
fn exponential_and_logarithm_are_exact_to_rounding() {
    struct Functions([f32; 16]);
    impl pulp::WithSimd for Functions {
        type Output = [[f32; 16]; 2];
        fn with_simd<S: pulp::Simd>(self, simd: S) -> Self::Output {
            let mut values = [self.0, self.0.map(|x| x.abs().exp2() - 1.0)];
            for x in S::as_mut_simd_f32s(&mut values[0]).0 {
                *x = lanes::Lanes::new(simd, *x).exp2().get();
            }
            for x in S::as_mut_simd_f32s(&mut values[1]).0 {
                *x = lanes::Lanes::new(simd, *x).ln_1p().get();
            }
            values
        }
    }
    for instructions in InstructionSet::all() {
        for k in 0..4000 {
            let scale = [1e-6, 1e-2, 1.0, 90.0][k % 4];
            let x: [f32; 16] = std::array::from_fn(|i| scale * ((k * 16 + i) as f32 * 0.618_034).sin());
            let [exponentials, logarithms] = instructions.run(Functions(x));
            for i in 0..16 {
                let exponential = f64::from(x[i]).exp2();
                assert!((f64::from(exponentials[i]) / exponential - 1.0).abs() < 2.5e-7, "2^{}", x[i]);
                let logarithm = f64::from(x[i].abs().exp2() - 1.0).ln_1p();
                let error = (f64::from(logarithms[i]) - logarithm).abs();
                assert!(error <= 3e-7 * logarithm, "ln(1 + {})", x[i].abs().exp2() - 1.0);
            }
        }
    }
}
