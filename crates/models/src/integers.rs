//! Numbers of bfloat16 as integers of 8 bits.

use pulp::{Arch, Simd, WithSimd};
use tch::{Kind, Tensor};

use crate::error::Result;

/// `x = step (integer - zero)` to half a step.
///
/// The extremes, 0 among them, are 254 steps apart, one fewer than bytes have: the byte that stands for 0 is
/// rounded too. libtorch's operators do this in five passes through memory, with which an image
/// takes 8 % longer.
#[derive(Debug)]
pub(crate) struct Integers {
    /// Of the shape of x, of kind [`Kind::Uint8`].
    pub(crate) integers: Tensor,
    /// Not a number, as all of the result will be, if x has a number that is not finite.
    pub(crate) step: f64,
    pub(crate) zero: i64,
}

/// Steps between the extremes.
const STEPS: f64 = 254.0;
/// Of numbers that are all 0, that any step serves.
const SMALLEST: f64 = 1e-30;

impl Integers {
    /// Of a tensor on the processor; numbers of other kinds are rounded to bfloat16 first.
    pub(crate) fn of(x: &Tensor) -> Result<Self> {
        let bits = x.f_to_kind(Kind::BFloat16)?.f_view_dtype(Kind::Int16)?;
        let mut numbers = vec![0i16; bits.numel()];
        bits.f_copy_data(&mut numbers, bits.numel())?;
        let (least, most) = Arch::new().dispatch(Extremes(&numbers));
        let mut bytes = vec![0; numbers.len()];
        let (mut step, mut zero) = (f64::NAN, 0.0);
        if least.is_finite() && most.is_finite() {
            let (low, high) = (f64::from(least.min(0.0)), f64::from(most.max(0.0)));
            step = ((high - low) / STEPS).max(SMALLEST);
            zero = (-low / step).round();
            let (factor, zero) = (step.recip() as f32, zero as f32);
            Arch::new().dispatch(Round { numbers: &numbers, factor, zero, bytes: &mut bytes });
        }
        let integers = Tensor::f_from_data_size(&bytes, &bits.size(), Kind::Uint8)?;
        Ok(Self { integers, step, zero: zero as i64 })
    }
}

/// The least and the greatest number, or one that is none, given their bits.
struct Extremes<'a>(&'a [i16]);

impl WithSimd for Extremes<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (f32, f32) {
        // As integers that are in the order of the numbers, what is not a number beyond the infinities.
        let (mut least, mut most) = (i16::MAX, i16::MIN);
        for &bits in self.0 {
            let place = in_order(bits);
            least = least.min(place);
            most = most.max(place);
        }
        if self.0.is_empty() { (0.0, 0.0) } else { (number(in_order(least)), number(in_order(most))) }
    }
}

/// Of negative numbers the greater bits are the smaller number. It is its own inverse.
#[inline(always)]
fn in_order(bits: i16) -> i16 {
    bits ^ ((bits >> 15) & i16::MAX)
}

#[inline(always)]
fn number(bits: i16) -> f32 {
    f32::from_bits(u32::from(bits as u16) << 16)
}

/// Rounds `factor x + zero`.
struct Round<'a> {
    numbers: &'a [i16],
    factor: f32,
    zero: f32,
    bytes: &'a mut [u8],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        /// 1.5 * 2^23: a number that is added to it is rounded, and stands in the low bits.
        const ROUNDS: f32 = 12_582_912.0;
        let Self { numbers, factor, zero, bytes } = self;
        for (&bits, byte) in numbers.iter().zip(bytes) {
            // The least may lie half a step below 0, and a little more by the rounding of `factor`.
            let place = (number(bits) * factor + zero).max(0.0);
            *byte = (place + ROUNDS).to_bits() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::*;

    /// What the integers stand for.
    fn restored(x: &Tensor) -> Vec<f64> {
        let Integers { integers, step, zero } = Integers::of(x).unwrap();
        assert_eq!((integers.size(), integers.kind()), (x.size(), Kind::Uint8));
        let integers: Vec<u8> = integers.flatten(0, -1).try_into().unwrap();
        integers.iter().map(|&integer| step * (i64::from(integer) - zero) as f64).collect()
    }

    proptest! {
        #[test]
        fn integers_stand_for_their_numbers_to_half_a_step(
            numbers in proptest::collection::vec(-1.0f32..1.0, 1..200),
            offset in -3.0f32..3.0, exponent in -60i32..126,
        ) {
            let scale = 2f32.powi(exponent);
            let numbers: Vec<f32> = numbers.iter().map(|x| (x + offset) * scale).collect();
            let x = Tensor::from_slice(&numbers).to_kind(Kind::BFloat16);
            let exact: Vec<f64> = x.to_kind(Kind::Double).try_into().unwrap();
            let extreme = |of: fn(f64, f64) -> f64| exact.iter().copied().fold(0.0, of);
            let half = 0.5 * (extreme(f64::max) - extreme(f64::min)) / STEPS;
            for (restored, exact) in restored(&x).iter().zip(&exact) {
                prop_assert!((restored - exact).abs() <= half * 1.001, "{exact} became {restored}");
                prop_assert!(*exact != 0.0 || *restored == 0.0);
            }
        }
    }

    #[test]
    fn numbers_may_be_few_equal_or_not_finite() {
        assert!(restored(&Tensor::zeros([0, 3], (Kind::BFloat16, Device::Cpu))).is_empty());
        assert_eq!(restored(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))), [0.0; 6]);
        for number in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let restored = restored(&Tensor::from_slice(&[1.0, number, -1.0]));
            assert!(restored.iter().all(|x| x.is_nan()), "{number}: {restored:?}");
        }
    }
}
