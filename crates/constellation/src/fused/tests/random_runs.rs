//! Random runs, for the tests of this engine and for those that compare it with libtorch's.

use ndarray::Array3;
use proptest::prelude::*;

use super::{Bias, BiasKind, Experiment, Numerics, Temperature};

/// Unit vectors `[modalities, rows, dim]` from a small generator; they only have to be irregular.
pub(crate) fn directions(modalities: usize, rows: usize, dim: usize, seed: u64) -> Array3<f32> {
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

/// The Euclidean norm of all entries together.
pub(crate) fn norm(a: &Array3<f64>) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Descriptions that take every branch of the engines.
pub(crate) fn descriptions() -> impl Strategy<Value = Experiment> {
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
            ..Experiment::default()
        },
    )
}
