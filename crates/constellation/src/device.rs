//! Where to compute.

use serde::{Deserialize, Serialize};

/// Where a program computes that has libtorch; this crate's own engine is the processor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device.
    Cuda,
    /// The CUDA device where there is one, and else the processor.
    Auto,
}
