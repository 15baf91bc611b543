//! Linear layers whose products are of integers of 8 bits. The weights of an output share a scale that is
//! found once, and the inputs one that is found at every call.

use tch::{Device, IValue, Kind, Tensor};

use crate::error::{Error, Result};
use crate::fused::call;
use crate::integers::Integers;
use crate::weights::Parameter;

/// `x W^T + b` in bfloat16, with integers in place of x and W.
///
/// All of `x` shares a scale. It has to be of one image or text: else an embedding depends on its neighbours.
#[derive(Clone)]
pub(crate) struct QuantizedLinear {
    /// In oneDNN's layout, that no other operator reads.
    weight: Parameter,
    /// What the integer 1 stands for in the weights of an output, `[out]`.
    scale: Parameter,
    /// The integer that stands for 0: itself, `[out]`.
    zero_point: Parameter,
    /// In float32.
    bias: Parameter,
}

impl QuantizedLinear {
    /// Of W `[out, in]` and b `[out]`.
    ///
    /// # Errors
    /// [`Error::Integers`] where libtorch has no such products, [`Error::Option`] on a GPU.
    pub(crate) fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        if weight.device() != Device::Cpu {
            let expected = "`bf16` or `f32` on a GPU";
            return Err(Error::Option { option: "dtype", value: "int8".to_owned(), expected });
        }
        Self::packed(weight, bias).map_err(|error| Error::Integers(Box::new(error)))
    }

    fn packed(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        /// The integer that stands for the largest weight of an output.
        const LARGEST: f64 = 127.0;
        /// Of an output without weights, that any scale serves.
        const SMALLEST: f64 = 1e-30;
        let weight = weight.f_to_kind(Kind::Float)?;
        let scale = weight.f_abs()?.f_amax([1], false)?.f_div_scalar(LARGEST)?.f_clamp_min(SMALLEST)?;
        let integers = weight.f_div(&scale.f_unsqueeze(1)?)?.f_round()?.f_to_kind(Kind::Int8)?;
        let layer = Self {
            weight: Parameter(call("pack_quantized", [IValue::Tensor(integers)])?),
            zero_point: Parameter(scale.f_zeros_like()?.f_to_kind(Kind::Int)?),
            scale: Parameter(scale),
            bias: Parameter(bias.f_to_kind(Kind::Float)?),
        };
        let _tried = layer.forward(&Tensor::f_zeros([1, weight.size()[1]], (Kind::Float, Device::Cpu))?)?;
        Ok(layer)
    }

    /// `[.., in]` to `[.., out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.call(x, "none", "")
    }

    /// The GELU of it, with libtorch's name of the approximation.
    pub(crate) fn with_gelu(&self, x: &Tensor, approximation: &str) -> Result<Tensor> {
        self.call(x, "gelu", approximation)
    }

    fn call(&self, x: &Tensor, after: &str, approximation: &str) -> Result<Tensor> {
        let Integers { integers, step, zero } = Integers::of(x)?;
        let input = [IValue::Tensor(integers), IValue::Double(step), IValue::Int(zero)];
        let layer = [&self.weight, &self.scale, &self.zero_point, &self.bias];
        let layer = layer.map(|tensor| IValue::Tensor(tensor.shallow_clone()));
        let names = [after, approximation].map(|name| IValue::String(name.to_owned()));
        Ok(call("quantized", input.into_iter().chain(layer).chain(names))?)
    }
}

/// The numbers of the weight cannot be shown.
impl std::fmt::Debug for QuantizedLinear {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("QuantizedLinear").field("outputs", &self.bias.size()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantized_layer_is_the_layer_to_half_a_step_of_its_integers() {
        tch::manual_seed(6);
        let random = |size: &[i64]| Tensor::randn(size, (Kind::Float, Device::Cpu));
        // Outputs of very different sizes, one of them nothing but its bias.
        let sizes = Tensor::from_slice(&[1e3f32, 1.0, 1e-3, 0.0]).repeat([6]).unsqueeze(1);
        let (weight, bias) = (random(&[24, 40]) * &sizes, random(&[24]));
        let layer = match QuantizedLinear::packed(&weight, &bias) {
            Ok(layer) => layer,
            Err(error) if cfg!(target_arch = "x86_64") => panic!("{error}"),
            Err(error) => {
                eprintln!("skipped: {error}");
                return;
            }
        };
        for rows in [1, 7, 196] {
            let x = (random(&[1, rows, 40]) + 3.0).to_kind(Kind::BFloat16).to_kind(Kind::Float);
            let y = x.linear(&weight, Some(&bias));
            // Half a step of a weight times the inputs, half a step of an input times the weights, and both.
            let (input, steps) =
                (x.abs().sum_dim_intlist(-1, true, Kind::Float), weight.abs().amax([1], false) / 127.0);
            let step = f64::try_from(x.max().clamp_min(0.0) - x.min().clamp_max(0.0)).unwrap() / 254.0;
            let weights = weight.abs().sum_dim_intlist(-1, false, Kind::Float) + &steps * 40.0;
            let bound = (input * &steps + weights * step) * 0.5 + y.abs() * 2f64.powi(-8) + 1e-6;
            let check = |obtained: Tensor, expected: &Tensor, slope: f64| {
                assert_eq!((obtained.size(), obtained.kind()), (expected.size(), Kind::BFloat16));
                let ratio = f64::try_from(
                    ((obtained.to_kind(Kind::Float) - expected).abs() / (&bound * slope)).max(),
                );
                assert!(ratio.unwrap() < 1.0, "{rows} rows");
            };
            check(layer.forward(&x).unwrap(), &y, 1.0);
            // No GELU is steeper than 1.13.
            check(layer.with_gelu(&x, "none").unwrap(), &y.gelu("none"), 1.13);
        }
    }
}
