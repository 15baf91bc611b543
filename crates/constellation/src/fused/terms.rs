//! The entries of the loss: from similarities to terms and their derivatives.

// Registers are indexed: an iterator over them would go through closures, see `Lanes`.
#![allow(clippy::needless_range_loop)]

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;
use crate::Numerics;

/// The loss at the present parameters: `z = scale x - shift` with
/// `x = s - offset`, so that both parametrisations of the bias share one form
/// (relative: offset b_rel, shift 0; absolute: offset 0, shift b).
#[derive(Debug, Clone, Copy)]
pub(super) struct Logits {
    pub(super) t: f32,
    pub(super) offset: f32,
    pub(super) shift: f32,
    pub(super) numerics: Numerics,
}

impl Logits {
    /// An x whose logit is far below 0 and that is below every other: as a
    /// non-matching pair it adds nothing to any sum.
    pub(super) fn silent(&self) -> f32 {
        let lowest = -(4.0 + self.offset.abs());
        ((self.shift - SATURATED) / self.t).min(lowest).max(-1e30)
    }

    /// The counterpart of [`Logits::silent`] for a matching pair.
    pub(super) fn silent_match(&self) -> f32 {
        let highest = 4.0 + self.offset.abs();
        ((self.shift + SATURATED) / self.t).max(highest).min(1e30)
    }
}

/// Beyond this |z| a term is 0 or linear in float32, its derivative 0 or 1.
const SATURATED: f32 = 100.0;
/// Bound of the exponent of 2 in exp(z): keeps all quotients normal.
const MAX_EXPONENT: f32 = 100.0;
/// The paper's constant in `-log(p + 1e-8)`.
const EPSILON: f32 = 1e-8;
/// Vectors whose product is taken before one logarithm or reciprocal.
const GROUP: usize = 4;
/// Groups after which a running product is scaled back.
const GROUPS: usize = 16;

/// Sums over entries of one pass, each of them in float64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// Terms of the loss.
    pub(super) loss: f64,
    /// Derivatives g by the logits.
    pub(super) g: f64,
    /// g x.
    pub(super) gx: f64,
    /// Smallest x of the matching pairs.
    pub(super) min_matching: f32,
    /// Largest x of the others.
    pub(super) max_other: f32,
}

impl Sums {
    pub(super) const EMPTY: Self =
        Self { loss: 0.0, g: 0.0, gx: 0.0, min_matching: f32::INFINITY, max_other: f32::NEG_INFINITY };

    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            g: self.g + other.g,
            gx: self.gx + other.gx,
            min_matching: self.min_matching.min(other.min_matching),
            max_other: self.max_other.max(other.max_other),
        }
    }
}

/// Replaces every x of a tile by the derivative g of its term as a non-matching pair.
pub(super) struct NonMatching<'a> {
    pub(super) logits: Logits,
    pub(super) tile: &'a mut [f32],
}

impl WithSimd for NonMatching<'_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let (tile, _) = S::as_mut_simd_f32s(self.tile);
        match self.logits.numerics {
            Numerics::Paper => others_paper(simd, self.logits, tile),
            Numerics::Exact => others_exact(simd, self.logits, tile),
        }
    }
}

/// Replaces the x of matching pairs by the derivatives of their terms.
pub(super) struct Matching<'a> {
    pub(super) logits: Logits,
    pub(super) diagonal: &'a mut [f32],
}

impl WithSimd for Matching<'_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let (diagonal, _) = S::as_mut_simd_f32s(self.diagonal);
        match self.logits.numerics {
            Numerics::Paper => matching_paper(simd, self.logits, diagonal),
            Numerics::Exact => matching_exact(simd, self.logits, diagonal),
        }
    }
}

/// `-log(1 - p + 1e-8)`, where every step rounds as PyTorch's float32 does: near p = 1
/// the difference `1 - p` is a multiple of 2^-24, and beyond z = 17 it is 0.
#[inline(always)]
fn others_paper<S: Simd>(simd: S, logits: Logits, tile: &mut [S::f32s]) -> Sums {
    let one = Lanes::splat(simd, 1.0);
    let epsilon = one.all(EPSILON);
    let mut total = Totals::new(simd);
    let mut product = Product::new(simd);
    let (groups, _) = tile.as_chunks_mut::<GROUP>();
    let mut ahead = match groups.first() {
        Some(first) => probabilities::<S>(logits, one, first),
        None => [one.get(); GROUP],
    };
    for k in 0..groups.len() {
        let p = ahead;
        // A chain of dependent operations of one group is longer than what a processor looks ahead:
        // the next group's exponentials and quotients run beside this one's products.
        if let Some(next) = groups.get(k + 1) {
            ahead = probabilities::<S>(logits, one, next);
        }
        let group = &mut groups[k];
        let (mut q, mut w) = ([one; GROUP], [one; GROUP]);
        for i in 0..GROUP {
            q[i] = one - Lanes::new(simd, p[i]);
            w[i] = q[i] + epsilon;
        }
        // One reciprocal and one logarithm serve the four entries; w > 1e-8.
        let (w01, w23) = (w[0] * w[1], w[2] * w[3]);
        let all = w01 * w23;
        let reciprocal = one / all;
        let (r01, r23) = (reciprocal * w23, reciprocal * w01);
        let r = [r01 * w[1], r01 * w[0], r23 * w[3], r23 * w[2]];
        for i in 0..GROUP {
            let g = Lanes::new(simd, p[i]) * q[i] * r[i];
            total.add(g, Lanes::new(simd, group[i]));
            group[i] = g.get();
        }
        product.multiply(all);
        if (k + 1) % GROUPS == 0 {
            product.scale();
            total.carry();
        }
    }
    product.scale();
    let (loss, max_other) = (-product.ln(), total.max.largest());
    Sums { loss, max_other, ..total.sums() }
}

/// p = 1 / (1 + exp(-z)) of four x.
#[inline(always)]
fn probabilities<S: Simd>(logits: Logits, one: Lanes<S>, x: &[S::f32s; GROUP]) -> [S::f32s; GROUP] {
    let mut p = [one.get(); GROUP];
    for i in 0..GROUP {
        p[i] = (one / (one + exp_minus(logits, Lanes::new(one.simd(), x[i])))).get();
    }
    p
}

/// `softplus(z) = max(z, 0) + log(1 + exp(-|z|))`.
#[inline(always)]
fn others_exact<S: Simd>(simd: S, logits: Logits, tile: &mut [S::f32s]) -> Sums {
    let (zero, one) = (Lanes::splat(simd, 0.0), Lanes::splat(simd, 1.0));
    let mut total = Totals::new(simd);
    let mut softplus = zero;
    for chunk in tile.chunks_mut(GROUP * GROUPS) {
        // 1 + `product` is the product of all 1 + exp(-|z|), without the loss of small
        // exponentials against the 1.
        let mut product = zero;
        for entry in chunk {
            let x = Lanes::new(simd, *entry);
            let z = logit(logits, x);
            let e = exp_minus_abs(z);
            let r = one / (one + e);
            let g = z.select(r, e * r);
            product = product.mul_add(e, product + e);
            softplus = softplus + z.max(zero);
            total.add(g, x);
            *entry = g.get();
        }
        softplus = softplus + product.ln_1p();
        total.carry();
    }
    let (loss, max_other) = (softplus.sum().into(), total.max.largest());
    Sums { loss, max_other, ..total.sums() }
}

/// `-log(p + 1e-8)`.
#[inline(always)]
fn matching_paper<S: Simd>(simd: S, logits: Logits, diagonal: &mut [S::f32s]) -> Sums {
    let one = Lanes::splat(simd, 1.0);
    let mut total = Totals::new(simd);
    let mut product = Product::new(simd);
    for entry in diagonal {
        let x = Lanes::new(simd, *entry);
        let p = one / (one + exp_minus(logits, x));
        let w = p + one.all(EPSILON);
        let g = (p - one) * p / w;
        product.multiply(w);
        total.add(g, x);
        *entry = g.get();
    }
    let (loss, min_matching) = (-product.ln(), total.min.smallest());
    Sums { loss, min_matching, ..total.sums() }
}

/// `softplus(-z)`.
#[inline(always)]
fn matching_exact<S: Simd>(simd: S, logits: Logits, diagonal: &mut [S::f32s]) -> Sums {
    let (zero, one) = (Lanes::splat(simd, 0.0), Lanes::splat(simd, 1.0));
    let mut total = Totals::new(simd);
    let mut softplus = zero;
    for entry in diagonal {
        let x = Lanes::new(simd, *entry);
        let minus_z = zero - logit(logits, x);
        let e = exp_minus_abs(minus_z);
        let r = one / (one + e);
        let g = zero - minus_z.select(r, e * r);
        softplus = softplus + (minus_z.max(zero) + e.ln_1p());
        total.add(g, x);
        *entry = g.get();
    }
    let (loss, min_matching) = (softplus.sum().into(), total.min.smallest());
    Sums { loss, min_matching, ..total.sums() }
}

#[inline(always)]
fn logit<S: Simd>(logits: Logits, x: Lanes<S>) -> Lanes<S> {
    x.mul_add(x.all(logits.t), x.all(-logits.shift))
}

/// exp(-z), held within 2^+-100.
#[inline(always)]
fn exp_minus<S: Simd>(logits: Logits, x: Lanes<S>) -> Lanes<S> {
    let log2e = std::f32::consts::LOG2_E;
    let y = x.mul_add(x.all(-logits.t * log2e), x.all(logits.shift * log2e));
    y.min(x.all(MAX_EXPONENT)).max(x.all(-MAX_EXPONENT)).exp2()
}

/// exp(-|z|), at least 2^-100.
#[inline(always)]
fn exp_minus_abs<S: Simd>(z: Lanes<S>) -> Lanes<S> {
    (z.abs() * z.all(-std::f32::consts::LOG2_E)).max(z.all(-MAX_EXPONENT)).exp2()
}

/// Sums over the entries of one tile, a lane for each column.
struct Totals<S: Simd> {
    g: Lanes<S>,
    gx: Lanes<S>,
    carried_g: Lanes<S>,
    carried_gx: Lanes<S>,
    max: Lanes<S>,
    min: Lanes<S>,
}

impl<S: Simd> Totals<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let zero = Lanes::splat(simd, 0.0);
        let (max, min) = (zero.all(f32::NEG_INFINITY), zero.all(f32::INFINITY));
        Self { g: zero, gx: zero, carried_g: zero, carried_gx: zero, max, min }
    }

    #[inline(always)]
    fn add(&mut self, g: Lanes<S>, x: Lanes<S>) {
        self.g = self.g + g;
        self.gx = g.mul_add(x, self.gx);
        self.max = self.max.max(x);
        self.min = self.min.min(x);
    }

    /// To be called every now and then: sums of few numbers round less.
    #[inline(always)]
    fn carry(&mut self) {
        self.carried_g = self.carried_g + self.g;
        self.carried_gx = self.carried_gx + self.gx;
        self.g = self.g.all(0.0);
        self.gx = self.g;
    }

    #[inline(always)]
    fn sums(mut self) -> Sums {
        self.carry();
        Sums { g: self.carried_g.sum().into(), gx: self.carried_gx.sum().into(), ..Sums::EMPTY }
    }
}

/// A product of positive numbers that neither overflows nor underflows: mantissas, and
/// the sum of biased exponents.
struct Product<S: Simd> {
    simd: S,
    mantissa: Lanes<S>,
    exponents: S::u32s,
    factors: u64,
}

impl<S: Simd> Product<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        Self { simd, mantissa: Lanes::splat(simd, 1.0), exponents: simd.splat_u32s(0), factors: 0 }
    }

    /// At most 100 times between two calls of [`Product::scale`].
    #[inline(always)]
    fn multiply(&mut self, factor: Lanes<S>) {
        let (mantissa, exponent) = factor.split();
        self.mantissa = self.mantissa * mantissa;
        self.exponents = self.simd.add_u32s(self.exponents, exponent);
        self.factors += 1;
    }

    /// Moves the exponents of the mantissas to where they belong.
    #[inline(always)]
    fn scale(&mut self) {
        let product = self.mantissa;
        self.mantissa = product.all(1.0);
        self.multiply(product);
    }

    /// Logarithm of the product over all lanes.
    #[inline(always)]
    fn ln(&self) -> f64 {
        let (exponents, mantissas) = ([self.exponents], [self.mantissa.get()]);
        let exponents: &[u32] = pulp::bytemuck::cast_slice(&exponents);
        let mantissas: &[f32] = pulp::bytemuck::cast_slice(&mantissas);
        let (mut product, mut exponent) = (1.0, 0);
        for (&mantissa, &exponents) in mantissas.iter().zip(exponents) {
            product *= f64::from(mantissa);
            exponent += i64::from(exponents) - 127 * self.factors as i64;
        }
        product.ln() + exponent as f64 * std::f64::consts::LN_2
    }
}
