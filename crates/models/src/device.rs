//! Where models compute.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a model's weights lie, and its products are made.
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

impl Device {
    /// libtorch's name for it.
    ///
    /// # Errors
    /// [`Error::Option`] if there is no CUDA device.
    pub(crate) fn torch(self) -> Result<tch::Device> {
        match (self, tch::Cuda::is_available()) {
            (Self::Cpu, _) | (Self::Auto, false) => Ok(tch::Device::Cpu),
            (_, true) => Ok(tch::Device::Cuda(0)),
            (Self::Cuda, false) => {
                let expected = "`cpu` or `auto`: this libtorch sees no CUDA device";
                Err(Error::Option { option: "device", value: "cuda".to_owned(), expected })
            }
        }
    }
}
