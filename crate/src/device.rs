//! Which engine computes, and where.

use constellation::train::{Settings, fused_only};
use constellation::{Engine, EngineChoice, Error, Experiment, Result};
use ndarray::Array3;

use crate::libtorch::Libtorch;

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device; only the libtorch engine runs there.
    Cuda,
    /// The CUDA device where there is one, and else the processor.
    Auto,
}

impl Device {
    /// Settings with this device's engines. A GPU trains one run at a time.
    pub fn settings(self) -> Settings {
        let settings = Settings::default();
        match self {
            Self::Cpu => Settings { engines: on_cpu, ..settings },
            Self::Auto if !tch::Cuda::is_available() => Self::Cpu.settings(),
            Self::Cuda | Self::Auto => Settings { engines: on_cuda, threads: 1, ..settings },
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
    Ok(Box::new(Libtorch::new(experiment, initial, tch::Device::Cpu)?))
}

/// The libtorch engine, on the first CUDA device.
fn on_cuda(experiment: &Experiment, initial: Array3<f32>, _threads: usize) -> Result<Box<dyn Engine>> {
    if experiment.engine == EngineChoice::Fused {
        let expected = "`auto` or `libtorch` on a CUDA device";
        return Err(Error::Value { key: "engine", value: "fused".to_owned(), expected });
    }
    if !tch::Cuda::is_available() {
        let source = "this libtorch sees no CUDA device; leave the device at `cpu`".into();
        return Err(Error::Engine { engine: "libtorch", source });
    }
    Ok(Box::new(Libtorch::new(experiment, initial, tch::Device::Cuda(0))?))
}
