//! Vectors of float32, as wide as the processor has them, chosen at run time.

use std::any::TypeId;
use std::ops::{Add, Div, Mul, Sub};

use pulp::bytemuck::cast;
use pulp::{Arch, Scalar128b, Simd, WithSimd};

use crate::error::{Error, Result};

/// Which vector instructions the kernel runs on.
#[derive(Debug, Clone, Copy)]
pub(super) enum InstructionSet {
    /// The best that pulp found: AVX-512, AVX2 with FMA, NEON, or WebAssembly's.
    Detected(Arch),
    /// Four lanes in plain Rust, for every other processor.
    Portable,
    /// Sixteen lanes in plain Rust: the code of AVX-512 on a machine without it.
    #[cfg(test)]
    Wide,
}

/// Names the vector instructions that an engine shall use instead of the best; see [`super`].
const VARIABLE: &str = "SIGLIP_SIMD";

impl InstructionSet {
    /// Those that the environment names, or the best.
    ///
    /// # Errors
    /// [`Error::Value`] if this processor does not have them.
    pub(super) fn chosen() -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(name) => Self::named(&name),
            Err(_) => Ok(Self::detect()),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let found = match name {
            "portable" => Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            "avx2" => pulp::x86::V3::try_new().map(|avx2| Self::Detected(Arch::V3(avx2))),
            #[cfg(target_arch = "x86_64")]
            "avx512" => pulp::x86::V4::try_new().map(|avx512| Self::Detected(Arch::V4(avx512))),
            #[cfg(target_arch = "aarch64")]
            "neon" => pulp::aarch64::Neon::try_new().map(|neon| Self::Detected(Arch::Neon(neon))),
            _ => None,
        };
        found.ok_or_else(|| Error::Value {
            key: VARIABLE,
            value: name.to_owned(),
            expected: "`portable`, or what this processor has of `avx2`, `avx512` and `neon`",
        })
    }

    /// The best.
    pub(super) fn detect() -> Self {
        match Arch::new() {
            Arch::Scalar => Self::Portable,
            arch => Self::Detected(arch),
        }
    }

    /// Every one that this machine can run.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::detect(), Self::Portable, Self::Wide];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(|avx2| Self::Detected(Arch::V3(avx2))));
        all
    }

    /// Runs `operation`, compiled for these instructions.
    pub(super) fn run<Op: WithSimd>(self, operation: Op) -> Op::Output {
        match self {
            Self::Detected(arch) => arch.dispatch(operation),
            Self::Portable => Scalar128b.vectorize(operation),
            #[cfg(test)]
            Self::Wide => pulp::Scalar512b.vectorize(operation),
        }
    }

    /// Number of float32 in one vector; divides [`MAX_LANES`].
    pub(super) fn lanes(self) -> usize {
        struct Count;
        impl WithSimd for Count {
            type Output = usize;
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        self.run(Count)
    }
}

/// The widest vector, that of AVX-512.
pub(super) const MAX_LANES: usize = 16;

/// One vector of float32 with arithmetic on every lane.
///
/// Each operation of the kernel must be one function in machine code, or its parts lose
/// the processor's features: everything is `inline(always)`, vectors are not passed
/// through closures, which cannot be, and of pulp's methods those are called that are.
pub(super) struct Lanes<S: Simd> {
    simd: S,
    value: S::f32s,
}

impl<S: Simd> Clone for Lanes<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Lanes<S> {}

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    pub(super) fn new(simd: S, value: S::f32s) -> Self {
        Self { simd, value }
    }

    #[inline(always)]
    pub(super) fn splat(simd: S, value: f32) -> Self {
        Self { simd, value: simd.splat_f32s(value) }
    }

    /// `value` in every lane.
    #[inline(always)]
    pub(super) fn all(self, value: f32) -> Self {
        Self::splat(self.simd, value)
    }

    #[inline(always)]
    pub(super) fn simd(self) -> S {
        self.simd
    }

    #[inline(always)]
    pub(super) fn get(self) -> S::f32s {
        self.value
    }

    /// `self * factor + term`, rounded once where the processor can.
    #[inline(always)]
    pub(super) fn mul_add(self, factor: Self, term: Self) -> Self {
        // Without the instruction the single rounding would cost a function call a lane. WebAssembly
        // has none, though pulp's vectors for it have the method.
        let plain = [TypeId::of::<Scalar128b>(), TypeId::of::<pulp::Scalar512b>()];
        let vectors_have_it = cfg!(not(target_family = "wasm")) && !plain.contains(&TypeId::of::<S>());
        let has_fma = cfg!(any(target_arch = "aarch64", target_feature = "fma")) || vectors_have_it;
        if has_fma {
            Self { value: self.simd.mul_add_f32s(self.value, factor.value, term.value), ..self }
        } else {
            self * factor + term
        }
    }

    #[inline(always)]
    pub(super) fn min(self, other: Self) -> Self {
        Self { value: self.simd.min_f32s(self.value, other.value), ..self }
    }

    #[inline(always)]
    pub(super) fn max(self, other: Self) -> Self {
        Self { value: self.simd.max_f32s(self.value, other.value), ..self }
    }

    #[inline(always)]
    pub(super) fn abs(self) -> Self {
        let bits = self.simd.and_u32s(cast(self.value), self.simd.splat_u32s(0x7fff_ffff));
        Self { value: cast(bits), ..self }
    }

    #[inline(always)]
    pub(super) fn sqrt(self) -> Self {
        Self { value: self.simd.sqrt_f32s(self.value), ..self }
    }

    /// `positive` in the lanes where `self >= 0`, `negative` in the others.
    #[inline(always)]
    pub(super) fn select(self, positive: Self, negative: Self) -> Self {
        let mask = self.simd.greater_than_or_equal_f32s(self.value, self.simd.splat_f32s(0.0));
        let bits = self.simd.select_u32s(mask, cast(positive.value), cast(negative.value));
        Self { value: cast(bits), ..self }
    }

    /// Sum of the lanes.
    #[inline(always)]
    pub(super) fn sum(self) -> f32 {
        self.simd.reduce_sum_f32s(self.value)
    }

    /// The sums of the lanes of four vectors.
    #[inline(always)]
    pub(super) fn sums(simd: S, vectors: [S::f32s; 4]) -> [f32; 4] {
        // Brings lanes of the same number next to each other, in whatever order of numbers.
        let [a, b, c, d]: [S::f32s; 4] = simd.interleave_shfl_f32s(vectors);
        let sum = [simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))];
        let quads: &[[f32; 4]] = pulp::bytemuck::cast_slice(&sum);
        let mut sums = [0.0; 4];
        for quad in quads {
            for (sum, lane) in sums.iter_mut().zip(quad) {
                *sum += lane;
            }
        }
        sums
    }

    /// Smallest lane.
    #[inline(always)]
    pub(super) fn smallest(self) -> f32 {
        self.simd.reduce_min_f32s(self.value)
    }

    /// Largest lane.
    #[inline(always)]
    pub(super) fn largest(self) -> f32 {
        self.simd.reduce_max_f32s(self.value)
    }

    /// 2^self for lanes in [-126, 126], within 1e-7 relative; exact for whole numbers.
    #[expect(clippy::approx_constant, reason = "a coefficient near ln 2, fitted with the others")]
    #[inline(always)]
    pub(super) fn exp2(self) -> Self {
        let simd = self.simd;
        // Adding 1.5 * 2^23 rounds to a whole number n, which stands in the low bits.
        let rounded = self + self.all(12_582_912.0);
        let f = self - (rounded - self.all(12_582_912.0));
        // Minimax of (2^f - 1) / f, relative to 2^f, on [-1/2, 1/2]: 9.1e-8. The short
        // chain of dependent operations matters more than their number.
        let f2 = f * f;
        let low = f.mul_add(self.all(0.693_147), self.all(1.0));
        let middle = f.mul_add(self.all(0.055_507_337), self.all(0.240_222_42));
        let high = f.mul_add(self.all(0.001_326_472_7), self.all(0.009_671_513));
        let p = f2.mul_add(high, middle).mul_add(f2, low);
        let n = simd.wrapping_dyn_shl_u32s(cast(rounded.value), simd.splat_u32s(23));
        let bits = simd.add_u32s(cast(p.value), n);
        Self::new(simd, cast(bits))
    }

    /// The mantissa in [1, 2) and the biased exponent of positive, normal lanes.
    #[inline(always)]
    pub(super) fn split(self) -> (Self, S::u32s) {
        let simd = self.simd;
        let bits = cast(self.value);
        let fraction = simd.and_u32s(bits, simd.splat_u32s(0x007f_ffff));
        let mantissa = simd.or_u32s(fraction, simd.splat_u32s(0x3f80_0000));
        let exponent = simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(23));
        (Self::new(simd, cast(mantissa)), exponent)
    }

    /// ln(1 + self) for lanes in [0, 1e30], within 2e-7 relative.
    #[inline(always)]
    pub(super) fn ln_1p(self) -> Self {
        let simd = self.simd;
        let one_plus = self + self.all(1.0);
        let lost = self - (one_plus - self.all(1.0));
        // one_plus = 2^k m with m in [sqrt(1/2), sqrt(2)).
        let bits = cast(one_plus.value);
        let above_sqrt_half = simd.sub_u32s(bits, simd.splat_u32s(std::f32::consts::FRAC_1_SQRT_2.to_bits()));
        let k = simd.wrapping_dyn_shr_u32s(above_sqrt_half, simd.splat_u32s(23));
        let m = simd.sub_u32s(bits, simd.wrapping_dyn_shl_u32s(k, simd.splat_u32s(23)));
        let m = Self::new(simd, cast(m));
        // The bits of 2^23 + k, read as a float32.
        let k = simd.or_u32s(k, simd.splat_u32s(8_388_608_f32.to_bits()));
        let k = Self::new(simd, cast(k)) - self.all(8_388_608.0);
        // ln m = 2 artanh s, with |s| < 0.172.
        let s = (m - self.all(1.0)) / (m + self.all(1.0));
        let s2 = s * s;
        let series = s2
            .mul_add(self.all(2.0 / 9.0), self.all(2.0 / 7.0))
            .mul_add(s2, self.all(2.0 / 5.0))
            .mul_add(s2, self.all(2.0 / 3.0))
            .mul_add(s2, self.all(2.0));
        k.mul_add(self.all(std::f32::consts::LN_2), s * series) + lost / one_plus
    }
}

impl<S: Simd> Add for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { value: self.simd.add_f32s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Sub for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { value: self.simd.sub_f32s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Mul for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self { value: self.simd.mul_f32s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Div for Lanes<S> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self { value: self.simd.div_f32s(self.value, other.value), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_found_by_their_names_or_refused() {
        assert_eq!(InstructionSet::named("portable").unwrap().lanes(), 4);
        for (name, lanes) in [("avx2", 8), ("avx512", 16), ("neon", 4)] {
            match InstructionSet::named(name) {
                Ok(instructions) => assert_eq!(instructions.lanes(), lanes, "{name}"),
                // The best is one that has a name.
                Err(_) => assert!(lanes == 4 || InstructionSet::detect().lanes() < lanes, "{name}"),
            }
        }
        let words = InstructionSet::named("sse9").unwrap_err().to_string();
        assert!(
            words.contains("SIGLIP_SIMD") && words.contains("sse9") && words.contains("avx512"),
            "{words}"
        );
    }
}
