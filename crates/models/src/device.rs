//! Where models compute.

use constellation::Device;
use tch::Tensor;

use crate::error::{Error, Result};

/// libtorch's name of the device.
///
/// # Errors
/// [`Error::Option`] if there is no CUDA device.
pub(crate) fn in_libtorch(device: Device) -> Result<tch::Device> {
    match (device, tch::Cuda::is_available()) {
        (Device::Cpu, _) | (Device::Auto, false) => Ok(tch::Device::Cpu),
        (_, true) => Ok(tch::Device::Cuda(0)),
        (Device::Cuda, false) => {
            let expected = "`cpu` or `auto`: this libtorch sees no CUDA device";
            Err(Error::Option { option: "device", value: "cuda".to_owned(), expected })
        }
    }
}

/// A tensor of the processor on `device`. What goes to a GPU goes from page-locked memory, so that nobody
/// waits for it; there the tower makes its own type of it.
pub(crate) fn upload(values: Tensor, device: tch::Device) -> Result<Tensor> {
    if device == tch::Device::Cpu {
        return Ok(values);
    }
    let pinned = values.f_pin_memory(device)?;
    Ok(pinned.f_to_device_(device, pinned.kind(), true, false)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_the_same_numbers() {
        let values = [0.1f32, -2.0, 3e-5];
        let device = in_libtorch(Device::Auto).unwrap();
        let there = upload(Tensor::from_slice(&values), device).unwrap();
        assert_eq!(there.device(), device);
        assert_eq!(Vec::<f32>::try_from(there).unwrap(), values);
    }
}
