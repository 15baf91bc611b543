//! The engine against libtorch's autograd, on random descriptions.

use ndarray::Array3;
use proptest::prelude::*;

use super::tests::{descriptions, directions, gradients, norm};
use super::*;
use crate::train::libtorch::Libtorch;
use crate::{Bias, BiasKind, EngineChoice, Numerics, Temperature};

/// How much larger than one a logit's rounding makes the relative error of a derivative.
fn sensitivity(experiment: &Experiment) -> f64 {
    1.0 + 0.02 * experiment.temperature.init * (1.0 + experiment.bias.init.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn gradients_are_autograds(experiment in descriptions(), seed in 0..1000_u64) {
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed);
        let mut libtorch = Libtorch::new(&experiment, points.clone(), tch::Device::Cpu).unwrap();
        libtorch.advance(1, Record::default(), &mut History::default()).unwrap();
        let expected = libtorch.gradients().unwrap().mapv(f64::from);
        let mut fused = Fused::new(&experiment, points, 1).unwrap();
        let loss = fused.differentiate().loss;
        let got: Array3<f64> = gradients(&mut fused);
        let t = experiment.temperature.init;
        let scale = norm(&expected).max(0.01 * t * loss.min(1.0) / (experiment.pairs as f64).sqrt());
        let error = norm(&(got - &expected));
        prop_assert!(error <= 1e-5 * sensitivity(&experiment) * scale + 1e-12, "{} of {}", error, scale);
    }
}

/// Both engines from the same points, over 300 epochs.
fn losses_agree(experiment: &Experiment, seed: u64) -> Result<(), TestCaseError> {
    let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed);
    let libtorch = |points: Array3<f32>| {
        let mut history = History::default();
        let mut engine = Libtorch::new(experiment, points, tch::Device::Cpu).unwrap();
        engine.advance(300, Record::default(), &mut history).unwrap();
        history.loss
    };
    let expected = libtorch(points.clone());
    // Some trainings are chaotic: of these no engine can tell more than what is left of a difference in
    // the seventh digit, in which gradients of both differ.
    let mut sign = 1.0;
    let nearby = libtorch(points.mapv(|value| {
        sign = -sign;
        value * (1.0 + sign * 1e-6)
    }));
    let mut history = History::default();
    let mut fused = Fused::new(experiment, points, 1).unwrap();
    fused.advance(300, Record::default(), &mut history).unwrap();
    // In the paper's form a term is only known to the rounding of 1 - p.
    let rounding = if experiment.numerics == Numerics::Paper { 1e-7 } else { 1e-9 };
    let mut chaos = 0.0_f64;
    for (epoch, (expected, got)) in expected.iter().zip(&history.loss).enumerate() {
        chaos = chaos.max((expected - nearby[epoch]).abs());
        let most = 1e-3 * expected + rounding + 3.0 * chaos;
        let error = (expected - got).abs();
        prop_assert!(error <= most, "epoch {}: {} {}, chaos {}", epoch, got, expected, chaos);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn losses_of_three_hundred_epochs_are_libtorchs(experiment in descriptions(), seed in 0..1000_u64) {
        losses_agree(&experiment, seed)?;
    }
}

/// One that differs by 0.17 % at epoch 287.
#[test]
fn losses_of_a_chaotic_training_are_libtorchs_as_far_as_they_are_known() {
    let experiment = Experiment {
        pairs: 23,
        dim: 14,
        modalities: 3,
        temperature: Temperature::trained(5.412191676066731),
        bias: Bias::trained(BiasKind::Absolute, -2.9052865087533046),
        locked: true,
        engine: EngineChoice::Fused,
        ..Experiment::default()
    };
    losses_agree(&experiment, 912).unwrap();
}
