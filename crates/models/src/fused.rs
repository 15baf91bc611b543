//! Linear layers whose weights oneDNN lays out once for its kernels, with what follows the product done
//! while it is in the cache: a GELU, or a sum with another tensor.
//!
//! libtorch has operators for it, `mkldnn::_linear_pointwise`, which PyTorch's compiler calls. tch has
//! no functions for them, but it runs TorchScript, which can name every operator.

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use tch::{CModule, Device, IValue, Kind, TchError, Tensor};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::error::Error;
use crate::weights::Parameter;

/// `x W^T + b` with weights W that never change, on a processor for which libtorch has oneDNN.
#[derive(Clone)]
pub(crate) struct FusedLinear {
    /// In oneDNN's layout, that no other operator reads.
    weight: Parameter,
    bias: Parameter,
}

impl FusedLinear {
    /// Of W `[out, in]` and b `[out]`; none where libtorch has no such operators, as in builds for
    /// other processors than x86, or none for the kind of number, as bfloat16 without AVX-512.
    pub(crate) fn new(weight: &Tensor, bias: &Tensor) -> Option<Self> {
        let is_known = matches!(weight.kind(), Kind::Float | Kind::BFloat16);
        if weight.device() == Device::Cpu && is_known { Self::packed(weight, bias).ok() } else { None }
    }

    fn packed(weight: &Tensor, bias: &Tensor) -> Result<Self, Error> {
        /// For which oneDNN chooses the layout; any number of rows is right.
        const ROWS: i64 = 1024;
        let arguments = [IValue::Tensor(weight.f_contiguous()?), IValue::Int(ROWS)];
        let fused =
            Self { weight: Parameter(call("pack", arguments)?), bias: Parameter(bias.shallow_clone()) };
        let _tried = fused.forward(&Tensor::f_zeros([1, weight.size()[1]], (weight.kind(), Device::Cpu))?)?;
        Ok(fused)
    }

    /// `[.., in]` to `[.., out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        self.call("forward", x, None)
    }

    /// The GELU of it, with libtorch's name of the approximation.
    pub(crate) fn with_gelu(&self, x: &Tensor, approximation: &str) -> Result<Tensor, Error> {
        self.call("with_gelu", x, Some(IValue::String(approximation.to_owned())))
    }

    /// Its sum with another tensor `[.., out]`.
    pub(crate) fn with_sum(&self, x: &Tensor, other: &Tensor) -> Result<Tensor, Error> {
        self.call("with_sum", x, Some(IValue::Tensor(other.shallow_clone())))
    }

    fn call(&self, method: &str, x: &Tensor, more: Option<IValue>) -> Result<Tensor, Error> {
        let tensors = [x, &*self.weight, &*self.bias].map(|tensor| IValue::Tensor(tensor.shallow_clone()));
        Ok(call(method, tensors.into_iter().chain(more))?)
    }
}

/// The numbers of the weight cannot be shown.
impl std::fmt::Debug for FusedLinear {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("FusedLinear").field("outputs", &self.bias.size()).finish_non_exhaustive()
    }
}

/// Calls a method of `fused.py`.
pub(crate) fn call(method: &str, arguments: impl IntoIterator<Item = IValue>) -> Result<Tensor, TchError> {
    static MODULE: LazyLock<Result<CModule, String>> =
        LazyLock::new(|| module().map_err(|error| error.to_string()));
    let module = MODULE.as_ref().map_err(|error| TchError::Torch(error.clone()))?;
    let arguments: Vec<IValue> = arguments.into_iter().collect();
    match module.method_is(method, &arguments)? {
        IValue::Tensor(tensor) => Ok(tensor),
        other => Err(TchError::Torch(format!("{method} gave no tensor: {other:?}"))),
    }
}

/// The methods of `fused.py` as a module, in the archive that `torch.jit.save` writes.
fn module() -> Result<CModule, Box<dyn std::error::Error>> {
    /// A pickled object of class `__torch__.Fused` with no attributes, by pickle's second protocol.
    const OBJECT: &[u8] = b"\x80\x02c__torch__\nFused\n)\x81}b.";
    const EMPTY_TUPLE: &[u8] = b"\x80\x02).";
    let files: [(&str, &[u8]); 4] = [
        ("fused/data.pkl", OBJECT),
        ("fused/code/__torch__.py", include_bytes!("fused.py")),
        ("fused/constants.pkl", EMPTY_TUPLE),
        ("fused/version", b"3\n"),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(name, stored)?;
        archive.write_all(content)?;
    }
    Ok(CModule::load_data(&mut Cursor::new(archive.finish()?.into_inner()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fused_layer_is_the_layer_and_what_follows_it() {
        tch::manual_seed(5);
        // Of numbers beyond 1 relative: a bfloat16 has eight bits, and is rounded twice.
        for (kind, tolerance) in [(Kind::Float, 2e-6), (Kind::BFloat16, 2f64.powi(-7))] {
            let random = |size: &[i64]| Tensor::randn(size, (kind, Device::Cpu));
            let (weight, bias) = (random(&[24, 40]) / 40f64.sqrt(), random(&[24]));
            let fused = match FusedLinear::packed(&weight, &bias) {
                Ok(fused) => fused,
                Err(error) => {
                    assert!(kind != Kind::Float || !cfg!(target_arch = "x86_64"), "{error}");
                    eprintln!("skipped: {error}");
                    continue;
                }
            };
            // Fewer and more rows than the layout was chosen for.
            for rows in [[1, 1], [3, 7], [40, 50]] {
                let (x, other) = (random(&[rows[0], rows[1], 40]), random(&[rows[0], rows[1], 24]));
                let [weight, bias, x_float, other_float] =
                    [&weight, &bias, &x, &other].map(|tensor| tensor.to_kind(Kind::Float));
                let plain = x_float.linear(&weight, Some(&bias));
                let is_close = |fused: Result<Tensor, Error>, plain: &Tensor| {
                    let fused = fused.unwrap();
                    assert_eq!((fused.size(), fused.kind()), (plain.size(), kind));
                    let difference = (fused.to_kind(Kind::Float) - plain).abs() / plain.abs().clamp_min(1.0);
                    let most = difference.max().double_value(&[]);
                    assert!(most < tolerance, "{kind:?} {rows:?}: {most}");
                };
                is_close(fused.forward(&x), &plain);
                is_close(fused.with_gelu(&x, "tanh"), &plain.gelu("tanh"));
                is_close(fused.with_gelu(&x, "none"), &plain.gelu("none"));
                is_close(fused.with_sum(&x, &other), &(&other_float + &plain));
            }
        }
    }
}
