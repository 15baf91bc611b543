//! The engine against libtorch's autograd, on random descriptions.

use ndarray::Array3;
use proptest::prelude::*;

use super::tests::{descriptions, directions, gradients, norm};
use super::*;
use crate::Numerics;
use crate::train::libtorch::Libtorch;

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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(30) })]

    #[test]
    fn losses_of_three_hundred_epochs_are_libtorchs(experiment in descriptions(), seed in 0..1000_u64) {
        let points = directions(experiment.modalities, experiment.pairs, experiment.dim, seed);
        let mut histories = [History::default(), History::default()];
        let mut libtorch = Libtorch::new(&experiment, points.clone(), tch::Device::Cpu).unwrap();
        libtorch.advance(300, Record::default(), &mut histories[0]).unwrap();
        let mut fused = Fused::new(&experiment, points, 1).unwrap();
        fused.advance(300, Record::default(), &mut histories[1]).unwrap();
        // In the paper's form a term is only known to the rounding of 1 - p.
        let rounding = if experiment.numerics == Numerics::Paper { 1e-7 } else { 1e-9 };
        for (epoch, (expected, got)) in histories[0].loss.iter().zip(&histories[1].loss).enumerate() {
            let error = (expected - got).abs();
            prop_assert!(error <= 1e-3 * expected + rounding, "epoch {}: {} {}", epoch, got, expected);
        }
    }
}
