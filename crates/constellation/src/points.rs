//! Points on spheres, in PyTorch's random stream.

use std::sync::{Mutex, MutexGuard};

use ndarray::{Array3, Ix3};
use tch::{Device, Kind, Tensor};

use crate::{Error, Experiment, Result};

/// The initial unit vectors `[modalities, pairs, dim]` of an experiment: the numbers
/// that `torch.manual_seed` and `torch.randn` give in the study's code.
///
/// Two modalities are drawn in turn. With more, the study draws a pair of modalities
/// for each and throws the second away. A locked first modality comes before the
/// draws that `skip` throws away.
///
/// # Errors
/// [`Error::Torch`] if libtorch cannot allocate the vectors.
pub fn initial_vectors(experiment: &Experiment) -> Result<Array3<f32>> {
    let shape = [experiment.pairs as i64, experiment.dim as i64];
    let stream = Stream::seeded(experiment.seed, shape);
    let mut modalities = Vec::with_capacity(experiment.modalities);
    if experiment.locked {
        modalities.push(stream.draw()?);
    }
    for _ in 0..experiment.skip {
        let _ = stream.draw()?;
    }
    while modalities.len() < experiment.modalities {
        modalities.push(stream.draw()?);
        if experiment.modalities > 2 {
            let _ = stream.draw()?;
        }
    }
    let vectors = normalize(&Tensor::f_stack(&modalities, 0)?)?;
    to_array(&vectors)
}

/// Each row of the last axis divided by its norm.
///
/// # Errors
/// [`Error::Torch`] if libtorch reports one.
pub(crate) fn normalize(vectors: &Tensor) -> Result<Tensor> {
    Ok(vectors.f_div(&vectors.f_norm_scalaropt_dim(2.0, [-1], true)?)?)
}

/// A float32 tensor of three axes as an array.
pub(crate) fn to_array(tensor: &Tensor) -> Result<Array3<f32>> {
    let array: ndarray::ArrayD<f32> =
        (&tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous()).try_into()?;
    array.into_dimensionality::<Ix3>().map_err(|_| Error::Shape {
        what: "vectors",
        got: format!("{:?}", tensor.size()),
        expected: "three axes".to_owned(),
    })
}

/// PyTorch's CPU generator belongs to the process, so whoever draws from it holds this.
static GENERATOR: Mutex<()> = Mutex::new(());

/// PyTorch's CPU generator, seeded, for as long as the guard is held.
pub(crate) fn seed_generator(seed: u64) -> MutexGuard<'static, ()> {
    // The lock guards no data that a panic could leave half-written.
    let guard = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    tch::manual_seed(seed as i64); // PyTorch takes the same 64 bits
    guard
}

struct Stream {
    shape: [i64; 2],
    _generator: MutexGuard<'static, ()>,
}

impl Stream {
    fn seeded(seed: u64, shape: [i64; 2]) -> Self {
        Self { shape, _generator: seed_generator(seed) }
    }

    fn draw(&self) -> Result<Tensor> {
        Ok(Tensor::f_randn(self.shape, (Kind::Float, Device::Cpu))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_continues_the_stream() {
        let first = Experiment { pairs: 7, dim: 3, ..Default::default() };
        let second = Experiment { skip: 1, ..first.clone() };
        let (first, second) = (initial_vectors(&first).unwrap(), initial_vectors(&second).unwrap());
        assert_eq!(first.index_axis(ndarray::Axis(0), 1), second.index_axis(ndarray::Axis(0), 0));
    }

    #[test]
    fn a_locked_modality_comes_before_skip() {
        let run = |skip| Experiment { pairs: 5, dim: 4, locked: true, skip, ..Default::default() };
        let (zero, one) = (initial_vectors(&run(0)).unwrap(), initial_vectors(&run(1)).unwrap());
        assert_eq!(zero.index_axis(ndarray::Axis(0), 0), one.index_axis(ndarray::Axis(0), 0));
        assert_ne!(zero.index_axis(ndarray::Axis(0), 1), one.index_axis(ndarray::Axis(0), 1));
    }

    #[test]
    fn rows_are_unit_vectors() {
        let vectors = initial_vectors(&Experiment { pairs: 9, modalities: 3, ..Default::default() }).unwrap();
        for row in vectors.rows() {
            assert!((row.dot(&row) - 1.0).abs() < 1e-6);
        }
    }
}
