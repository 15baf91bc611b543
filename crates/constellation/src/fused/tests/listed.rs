//! Several positives and InfoNCE against the loss in float64 and its finite differences.

use ndarray::{Array2, Array3, Axis, s};
use proptest::prelude::*;

use super::*;
use crate::TemperatureForm;
use crate::points::initial_vectors;

/// The loss of vectors of any length, the queries and then the documents, at the number `value`
/// that stands for t.
fn loss(experiment: &Experiment, points: &Array2<f64>, value: f64, bias: f64) -> f64 {
    let units = points / &points.map_axis(Axis(1), |row| row.dot(&row).sqrt()).insert_axis(Axis(1));
    let queries = units.nrows() - experiment.pairs;
    let t = match experiment.temperature.form {
        TemperatureForm::Logarithm => value.exp(),
        TemperatureForm::Plain => value,
        TemperatureForm::Reciprocal => 1.0 / value,
    };
    let similarities = units.slice(s![..queries, ..]).dot(&units.slice(s![queries.., ..]).t());
    let logits = match experiment.bias.kind {
        BiasKind::Relative => similarities.mapv(|s| t * (s - bias)),
        BiasKind::Absolute => similarities.mapv(|s| t * s - bias),
    };
    let own = experiment.subsets().flat();
    let of_rows = logits.rows().into_iter().zip(own.chunks(experiment.positives));
    match experiment.loss {
        Loss::Sigmoid => {
            of_rows
                .flat_map(|(row, own)| {
                    row.to_vec().into_iter().enumerate().map(|(j, z)| (own.contains(&j), z))
                })
                .map(|(matching, z)| crate::loss::term(z, matching, Numerics::Exact))
                .sum::<f64>()
                / if experiment.is_of_pairs() { (queries * queries) as f64 } else { 1.0 }
        }
        Loss::InfoNce => {
            let of_row = |(row, own): (ndarray::ArrayView1<f64>, &[usize])| {
                let mean = own.iter().map(|&j| row[j]).sum::<f64>() / own.len() as f64;
                row.mapv(f64::exp).sum().ln() - mean
            };
            of_rows.map(of_row).sum::<f64>() / queries as f64
        }
    }
}

/// Asserts that the engine's loss and derivatives are those of the loss above, on every instruction set.
fn assert_derivatives(experiment: &Experiment) {
    experiment.validate().unwrap();
    let initial = initial_vectors(experiment);
    let dim = experiment.dim;
    let rows = initial.len() / dim;
    let flat = initial.clone().into_shape_with_order((rows, dim)).unwrap().mapv(f64::from);
    let value = experiment.temperature.form.encode(experiment.temperature.init);
    let bias = experiment.bias.init;
    let h = 1e-5;
    let slope = |at: &dyn Fn(f64) -> f64| (at(h) - at(-h)) / (2.0 * h);
    let by_value = slope(&|h| loss(experiment, &flat, value + h, bias));
    let by_bias = slope(&|h| loss(experiment, &flat, value, bias + h));
    let by_points = Array2::from_shape_fn((rows, dim), |index| {
        slope(&|h| {
            let mut moved = flat.clone();
            moved[index] += h;
            loss(experiment, &moved, value, bias)
        })
    });
    let expected = loss(experiment, &flat, value, bias);
    // Logits are rounded near t, and derivatives by them near 1, whatever is left of these; for the vectors
    // they are multiplied by t, and for the temperature by the derivative of t.
    let t = experiment.temperature.init.max(1.0);
    let steepness = match experiment.temperature.form {
        TemperatureForm::Logarithm => t,
        TemperatureForm::Plain => 1.0,
        TemperatureForm::Reciprocal => t * t,
    };
    let scale = norm(&by_points.clone().insert_axis(Axis(0)));
    for instructions in InstructionSet::all() {
        let mut engine = Fused::on(instructions, experiment, initial.clone(), 1).unwrap();
        let got = engine.differentiate();
        let close = |got: f64, want: f64, rounding: f64, what: &str| {
            let error = (got - want).abs();
            let allowed = 2e-5 * (want.abs() + expected.abs()) + 2e-7 * rounding;
            assert!(error < allowed, "{what}: {got}, not {want}, on {instructions:?} for {experiment:?}");
        };
        close(got.loss, expected, t, "loss");
        close(got.temperature, by_value, steepness, "temperature");
        if experiment.loss == Loss::Sigmoid {
            close(got.bias, by_bias, t, "bias");
        }
        let gradients = engine.gradients().into_shape_with_order((rows, dim)).unwrap().mapv(f64::from);
        let off = norm(&(gradients - &by_points).insert_axis(Axis(0)));
        assert!(off < 2e-5 * scale + 2e-7 * t, "vectors: off by {off} of {scale} for {experiment:?}");
    }
}

fn described(loss: Loss, pairs: usize, positives: usize, dim: usize) -> Experiment {
    Experiment { loss, pairs, positives, dim, numerics: Numerics::Exact, ..Experiment::default() }
}

const FORMS: [TemperatureForm; 3] =
    [TemperatureForm::Logarithm, TemperatureForm::Plain, TemperatureForm::Reciprocal];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn derivatives_are_finite_differences(
        (pairs, positives) in (2..8_usize).prop_flat_map(|pairs| (Just(pairs), 1..pairs)),
        dim in 1..6_usize, is_sigmoid in any::<bool>(), form in 0..3_usize,
        t in 0.5..8.0_f64, bias in -0.5..0.5_f64, is_absolute in any::<bool>(), seed in 0..1000_u64,
    ) {
        let loss = if is_sigmoid { Loss::Sigmoid } else { Loss::InfoNce };
        let kind = if is_absolute { BiasKind::Absolute } else { BiasKind::Relative };
        let experiment = Experiment {
            temperature: Temperature::trained(t).learned_as(FORMS[form]),
            bias: if is_sigmoid { Bias::trained(kind, bias) } else { Bias::default() },
            seed,
            ..described(loss, pairs, positives, dim)
        };
        assert_derivatives(&experiment);
    }
}

#[test]
fn several_panels_of_documents_and_queries() {
    for (loss, pairs, positives, dim) in
        [(Loss::InfoNce, 250, 1, 2), (Loss::Sigmoid, 24, 2, 3), (Loss::InfoNce, 24, 2, 3)]
    {
        assert_derivatives(&described(loss, pairs, positives, dim));
    }
}

/// The losses of a short training, from other vectors than drawn.
fn losses(experiment: &Experiment, initial: Array3<f32>, threads: usize) -> (History, State) {
    let mut engine = Fused::new(experiment, initial, threads).unwrap();
    let mut history = History::default();
    engine.advance(experiment.epochs, Record::MARGIN, &mut history).unwrap();
    (history, engine.state().unwrap())
}

#[test]
fn neither_a_rotation_nor_the_number_of_threads_matters() {
    for loss in [Loss::Sigmoid, Loss::InfoNce] {
        let experiment = Experiment { epochs: 30, ..described(loss, 40, 2, 12) };
        let initial = initial_vectors(&experiment);
        let (history, state) = losses(&experiment, initial.clone(), 1);
        let (again, same) = losses(&experiment, initial.clone(), 3);
        assert_eq!((&history, &state.embeddings), (&again, &same.embeddings), "{loss:?}");
        // A rotation of the first two coordinates by an angle of cosine 0.6. Adam is not equivariant,
        // so only the first loss, the gradients' length and the margin are the same.
        let mut rotated = initial.clone();
        rotated
            .slice_mut(s![.., .., 0])
            .assign(&(0.6 * &initial.slice(s![.., .., 0]) - 0.8 * &initial.slice(s![.., .., 1])));
        rotated
            .slice_mut(s![.., .., 1])
            .assign(&(0.8 * &initial.slice(s![.., .., 0]) + 0.6 * &initial.slice(s![.., .., 1])));
        let (turned, _) = losses(&experiment, rotated, 1);
        assert!((turned.loss[0] / history.loss[0] - 1.0).abs() < 1e-6, "{loss:?}");
        assert!((turned.margin[0] - history.margin[0]).abs() < 1e-6, "{loss:?}");
    }
}

#[test]
fn the_order_of_documents_does_not_matter() {
    for loss in [Loss::Sigmoid, Loss::InfoNce] {
        let experiment = Experiment { epochs: 30, ..described(loss, 6, 2, 4) };
        let initial = initial_vectors(&experiment);
        let queries = initial.dim().1 - 6;
        let flat = experiment.subsets().flat();
        let subsets: Vec<&[usize]> = flat.chunks(2).collect();
        // Document j comes to place 5 - j, and each query to the place of its documents.
        let mut permuted = initial.clone();
        for j in 0..6 {
            permuted.slice_mut(s![0, queries + 5 - j, ..]).assign(&initial.slice(s![0, queries + j, ..]));
        }
        for (q, subset) in subsets.iter().enumerate() {
            let place = subsets.iter().position(|other| **other == [5 - subset[1], 5 - subset[0]]).unwrap();
            permuted.slice_mut(s![0, place, ..]).assign(&initial.slice(s![0, q, ..]));
        }
        let ((first, _), (second, _)) = (losses(&experiment, initial, 1), losses(&experiment, permuted, 1));
        for (a, b) in first.loss.iter().zip(&second.loss) {
            assert!((a / b - 1.0).abs() < 1e-4, "{loss:?}: {a} and {b}");
        }
        assert!((first.margin[29] - second.margin[29]).abs() < 1e-4, "{loss:?}");
    }
}

#[test]
fn with_one_positive_the_sigmoid_loss_is_that_of_pairs() {
    let pairs = described(Loss::Sigmoid, 30, 1, 4);
    let initial = initial_vectors(&pairs);
    let mut of_pairs = Fused::new(&pairs, initial.clone(), 1).unwrap();
    let mut listed = Fused::new(&pairs, initial, 1).unwrap();
    let shapes: Vec<Shape> = listed.points.iter().map(|points| points.shape).collect();
    let list = Listed::new(Loss::Sigmoid, pairs.subsets());
    listed.pass = Pass::new(listed.instructions, &shapes, Some(list), 1).unwrap();
    let (want, got) = (of_pairs.differentiate(), listed.differentiate());
    assert!((got.loss / want.loss - 1.0).abs() < 1e-6);
    assert!((got.temperature - want.temperature).abs() < 1e-6 * want.loss);
    assert_eq!((got.margin, got.optimal_relative_bias), (want.margin, want.optimal_relative_bias));
}
