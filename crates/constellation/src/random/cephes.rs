//! Logarithm, sine and cosine in float32: the polynomials of Moshier's Cephes library, in
//! the order of operations of PyTorch's kernel for AVX2 (`avx_mathfun.h`, after Pommier
//! and Garberoglio). The compiler fused its products and sums where it could, so each
//! [`f32::mul_add`] here is part of the result.
#![expect(clippy::excessive_precision, reason = "the coefficients as they were published")]

const LOGARITHM: [f32; 9] = [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
];
/// ln 2 in two parts: the product of the first with an exponent is exact.
const LN_2: [f32; 2] = [0.693359375, -2.12194440e-4];
const SINE: [f32; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COSINE: [f32; 3] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
/// pi / 4 in three parts: the products of the first two with an octant are exact.
const QUARTER_PI: [f32; 3] = [0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8];

/// The natural logarithm of a positive normal number.
pub(super) fn ln(x: f32) -> f32 {
    let mantissa = f32::from_bits(x.to_bits() & 0x007f_ffff | 0x3f00_0000); // in [0.5, 1)
    let mut exponent = (x.to_bits() >> 23) as f32 - 126.0;
    let mut x = mantissa - 1.0;
    if mantissa < std::f32::consts::FRAC_1_SQRT_2 {
        exponent -= 1.0;
        x += mantissa;
    }
    let square = x * x;
    let correction = (polynomial(&LOGARITHM, x) * x).mul_add(square, exponent * LN_2[1]);
    exponent * LN_2[0] + (x + (correction - 0.5 * square))
}

/// Sine and cosine of an angle from 0 to 2 pi.
pub(super) fn sin_cos(angle: f32) -> (f32, f32) {
    // The even octant nearest to the angle, and the angle from there: at most pi / 4.
    let octant = ((angle * (4.0 / std::f32::consts::PI)) as u32 + 1) & !1;
    let turned = octant as f32;
    let x = angle - turned * QUARTER_PI[0] - turned * QUARTER_PI[1];
    let x = turned.mul_add(-QUARTER_PI[2], x);
    let square = x * x;
    let sine = (polynomial(&SINE, square) * square).mul_add(x, x);
    let cosine = (polynomial(&COSINE, square) * square).mul_add(square, -0.5 * square) + 1.0;
    match octant {
        2 => (cosine, -sine),
        4 => (-sine, -cosine),
        6 => (-cosine, sine),
        _ => (sine, cosine), // 0 and 8
    }
}

/// Horner's rule: the coefficient of the highest power comes first.
fn polynomial(coefficients: &[f32], x: f32) -> f32 {
    coefficients[1..].iter().fold(coefficients[0], |sum, &coefficient| sum.mul_add(x, coefficient))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all 2^24 uniforms, these two tell whether the last part of the angle is fused.
    #[test]
    fn cosines_near_zero_keep_their_last_bit() {
        for uniform in [12_582_909, 12_582_913] {
            let angle = std::f32::consts::TAU * (uniform as f32 / 16_777_216.0);
            assert_eq!(sin_cos(angle).1, f64::from(angle).cos() as f32);
        }
    }
}
