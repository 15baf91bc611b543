//! Which engine computes, and where.

use std::num::NonZeroUsize;

use constellation::train::{Batching, Settings, fused_only};
use constellation::{BatchEngine, Device, Engine, EngineChoice, Error, Experiment, Result};
use ndarray::Array3;

use crate::libtorch::Libtorch;

/// Settings with the engines of a device; on a CUDA device only libtorch's runs. A GPU trains a sweep batch
/// by batch. The processor trains each run by itself, so that its numbers are the same to the bit however a
/// sweep is divided; with another limit of its [`Batching`], batches of what libtorch's engine is asked for.
pub fn settings_on(device: Device) -> Settings {
    let settings = Settings::default();
    match device {
        Device::Cpu => {
            let alone = Some(NonZeroUsize::MIN);
            let batching = Some(Batching { most: together_on_cpu, limit: alone, engines: batch_on_cpu });
            Settings { engines: on_cpu, batching, ..settings }
        }
        Device::Auto if !tch::Cuda::is_available() => settings_on(Device::Cpu),
        Device::Cuda | Device::Auto => {
            let most = Libtorch::runs_together;
            let batching = Some(Batching { most, limit: None, engines: batch_on_cuda });
            Settings { engines: on_cuda, threads: 1, batching, ..settings }
        }
    }
}

/// Both engines, on the processor.
pub(crate) fn on_cpu(
    experiment: &Experiment,
    initial: Array3<f32>,
    threads: usize,
) -> Result<Box<dyn Engine>> {
    if experiment.engine != EngineChoice::Libtorch {
        return fused_only(experiment, initial, threads);
    }
    Ok(Box::new(Libtorch::new(experiment, initial, tch::Device::Cpu)?.on_threads(threads)))
}

/// The fused engine is the faster one a run at a time.
fn together_on_cpu(experiment: &Experiment) -> usize {
    match experiment.engine {
        EngineChoice::Libtorch => Libtorch::runs_together(experiment),
        _ => 1,
    }
}

fn batch_on_cpu(
    experiments: &[Experiment],
    initial: Vec<Array3<f32>>,
    threads: usize,
) -> Result<Box<dyn BatchEngine>> {
    Ok(Box::new(Libtorch::batch(experiments, &initial, tch::Device::Cpu)?.on_threads(threads)))
}

/// The libtorch engine, on the first CUDA device.
fn on_cuda(experiment: &Experiment, initial: Array3<f32>, _threads: usize) -> Result<Box<dyn Engine>> {
    let device = cuda_for(experiment)?;
    Ok(Box::new(Libtorch::new(experiment, initial, device)?))
}

fn batch_on_cuda(
    experiments: &[Experiment],
    initial: Vec<Array3<f32>>,
    _threads: usize,
) -> Result<Box<dyn BatchEngine>> {
    let device = experiments.iter().try_fold(tch::Device::Cpu, |_, experiment| cuda_for(experiment))?;
    Ok(Box::new(Libtorch::batch(experiments, &initial, device)?))
}

/// The first CUDA device, if there is one and the run may go there.
fn cuda_for(experiment: &Experiment) -> Result<tch::Device> {
    if experiment.engine == EngineChoice::Fused {
        let expected = "`auto` or `libtorch` on a CUDA device";
        return Err(Error::Value { key: "engine", value: "fused".to_owned(), expected });
    }
    if !tch::Cuda::is_available() {
        let source = "this libtorch sees no CUDA device; leave the device at `cpu`".into();
        return Err(Error::Engine { engine: "libtorch", source });
    }
    Ok(tch::Device::Cuda(0))
}
