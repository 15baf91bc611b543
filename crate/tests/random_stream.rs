//! The initial vectors are those of the study's code, bit for bit.
#![cfg(feature = "libtorch")]

use constellation::Experiment;
use constellation::points::initial_vectors;
use tch::{Device, Kind, Tensor};

/// What the study draws with `torch.manual_seed` and `torch.randn`, divided by the norms, in the order
/// of the modalities: with more than two of them, each with a second draw that is thrown away.
fn drawn_by_libtorch(experiment: &Experiment) -> Vec<f32> {
    let Experiment { pairs, dim, modalities, locked, skip, .. } = *experiment;
    let draw = || Tensor::randn([pairs as i64, dim as i64], (Kind::Float, Device::Cpu));
    tch::manual_seed(experiment.seed as i64); // PyTorch takes the same 64 bits
    let mut drawn: Vec<Tensor> = (0..usize::from(locked)).map(|_| draw()).collect();
    (0..skip).for_each(|_| drop(draw()));
    while drawn.len() < modalities {
        drawn.push(draw());
        if modalities > 2 {
            drop(draw());
        }
    }
    let vectors = Tensor::stack(&drawn, 0);
    let unit = &vectors / vectors.norm_scalaropt_dim(2.0, [-1], true);
    Vec::try_from(unit.flatten(0, -1)).unwrap()
}

/// Draws of fewer than 16 numbers, of 16, of whole blocks of 16 and of others; seeds beyond 32 bits.
#[test]
fn initial_vectors_are_libtorchs_bit_for_bit() {
    #[cfg(target_arch = "x86_64")]
    let vectorised = std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let vectorised = false;
    if !vectorised {
        let reason = "libtorch has other kernels on processors without AVX2";
        return testing::skip("initial_vectors_are_libtorchs_bit_for_bit", reason);
    }
    let shapes = [(2, 1), (5, 3), (4, 4), (8, 2), (17, 1), (20, 3), (33, 5), (100, 10), (64, 33), (7, 129)];
    for seed in [0, 1, 50, 2025, u64::from(u32::MAX), (1 << 32) + 50, u64::MAX] {
        for (pairs, dim) in shapes {
            for (modalities, locked, skip) in [
                (2, false, 0),
                (2, false, 3),
                (2, true, 0),
                (2, true, 1),
                (3, false, 0),
                (4, true, 2),
                (5, false, 4),
            ] {
                let experiment =
                    Experiment { pairs, dim, modalities, seed, locked, skip, ..Experiment::default() };
                let (got, expected) = (initial_vectors(&experiment), drawn_by_libtorch(&experiment));
                assert_eq!(got.len(), expected.len());
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert!(bits(got.as_slice().unwrap()) == bits(&expected), "{experiment:?}");
            }
        }
    }
}
