//! The entries of the loss: from similarities to terms and their derivatives.

use pulp::Simd;

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

/// [`Sums`] in the making, a lane for each column.
pub(super) struct Accumulator<S: Simd> {
    simd: S,
    logits: Logits,
    sums: Sums,
    g: Lanes<S>,
    gx: Lanes<S>,
    max_other: Lanes<S>,
    /// Terms of the exact loss.
    softplus: Lanes<S>,
    /// Product of the arguments of the paper's logarithms: `mantissa` times 2 to the
    /// sum of the biased exponents.
    mantissa: Lanes<S>,
    exponents: S::u32s,
    /// Number of exponents that were added.
    products: usize,
}

impl<S: Simd> Accumulator<S> {
    #[inline(always)]
    pub(super) fn new(simd: S, logits: Logits) -> Self {
        let zero = Lanes::splat(simd, 0.0);
        Self {
            simd,
            logits,
            sums: Sums::EMPTY,
            g: zero,
            gx: zero,
            max_other: Lanes::splat(simd, f32::NEG_INFINITY),
            softplus: zero,
            mantissa: Lanes::splat(simd, 1.0),
            exponents: simd.splat_u32s(0),
            products: 0,
        }
    }

    /// exp(-z), held within 2^+-100.
    #[inline(always)]
    fn exp_minus(&self, x: Lanes<S>) -> Lanes<S> {
        let log2e = std::f32::consts::LOG2_E;
        let c = |value| Lanes::splat(self.simd, value);
        let y = x.mul_add(c(-self.logits.t * log2e), c(self.logits.shift * log2e));
        y.min(c(MAX_EXPONENT)).max(c(-MAX_EXPONENT)).exp2()
    }

    /// Replaces every x of a tile by the derivative g of its term as a non-matching pair.
    #[inline(always)]
    pub(super) fn others(&mut self, tile: &mut [f32]) {
        let (tile, _) = S::as_mut_simd_f32s(tile);
        match self.logits.numerics {
            Numerics::Paper => self.others_paper(tile),
            Numerics::Exact => self.others_exact(tile),
        }
        self.sums.g += f64::from(self.g.sum());
        self.sums.gx += f64::from(self.gx.sum());
        self.sums.loss += f64::from(self.softplus.sum());
        self.g = Lanes::splat(self.simd, 0.0);
        self.gx = self.g;
        self.softplus = self.g;
    }

    /// `-log(1 - p + 1e-8)`, where every step rounds as PyTorch's float32 does: near
    /// p = 1 the difference `1 - p` is a multiple of 2^-24, and beyond z = 17 it is 0.
    #[inline(always)]
    fn others_paper(&mut self, tile: &mut [S::f32s]) {
        let one = Lanes::splat(self.simd, 1.0);
        let epsilon = Lanes::splat(self.simd, EPSILON);
        for chunk in tile.chunks_mut(GROUP * GROUPS) {
            for group in chunk.chunks_exact_mut(GROUP) {
                let group: &mut [S::f32s; GROUP] = group.try_into().expect("a group");
                let x = group.map(|x| Lanes::new(self.simd, x));
                let p = x.map(|x| one / (one + self.exp_minus(x)));
                let q = p.map(|p| one - p);
                let w = q.map(|q| q + epsilon);
                // One reciprocal and one logarithm serve the four entries; w > 1e-8.
                let (w01, w23) = (w[0] * w[1], w[2] * w[3]);
                let product = w01 * w23;
                let reciprocal = one / product;
                let (r01, r23) = (reciprocal * w23, reciprocal * w01);
                let r = [r01 * w[1], r01 * w[0], r23 * w[3], r23 * w[2]];
                for i in 0..GROUP {
                    let g = p[i] * (q[i] * r[i]);
                    self.add(g, x[i]);
                    self.max_other = self.max_other.max(x[i]);
                    group[i] = g.get();
                }
                self.multiply(product);
            }
            let scaled = std::mem::replace(&mut self.mantissa, one);
            self.multiply(scaled);
        }
    }

    /// `softplus(z) = max(z, 0) + log(1 + exp(-|z|))`.
    #[inline(always)]
    fn others_exact(&mut self, tile: &mut [S::f32s]) {
        let simd = self.simd;
        let c = |value| Lanes::splat(simd, value);
        let (zero, one, log2e) = (c(0.0), c(1.0), c(-std::f32::consts::LOG2_E));
        let (t, shift) = (c(self.logits.t), c(-self.logits.shift));
        for chunk in tile.chunks_mut(GROUP * GROUPS) {
            // 1 + `product` is the product of all 1 + exp(-|z|), without the loss of
            // small exponentials against the 1.
            let mut product = zero;
            for entry in chunk {
                let x = Lanes::new(self.simd, *entry);
                let z = x.mul_add(t, shift);
                let e = (z.abs() * log2e).max(c(-MAX_EXPONENT)).exp2();
                let r = one / (one + e);
                let g = z.select(r, e * r);
                product = product.mul_add(e, product + e);
                self.softplus = self.softplus + z.max(zero);
                self.add(g, x);
                self.max_other = self.max_other.max(x);
                *entry = g.get();
            }
            self.softplus = self.softplus + product.ln_1p();
        }
    }

    /// Replaces the x of matching pairs by the derivatives of their terms.
    #[inline(always)]
    pub(super) fn matching(&mut self, diagonal: &mut [f32]) {
        let one = Lanes::splat(self.simd, 1.0);
        let epsilon = Lanes::splat(self.simd, EPSILON);
        for entry in S::as_mut_simd_f32s(diagonal).0 {
            let x = Lanes::new(self.simd, *entry);
            let e = self.exp_minus(x);
            let p = one / (one + e);
            let g = match self.logits.numerics {
                Numerics::Paper => {
                    let w = p + epsilon;
                    self.multiply(w);
                    (p - one) * p / w
                }
                Numerics::Exact => {
                    let log2e = Lanes::splat(self.simd, -std::f32::consts::LOG2_E);
                    let z = x.mul_add(
                        Lanes::splat(self.simd, self.logits.t),
                        Lanes::splat(self.simd, -self.logits.shift),
                    );
                    let small = (z.abs() * log2e).max(Lanes::splat(self.simd, -MAX_EXPONENT)).exp2();
                    let zero = Lanes::splat(self.simd, 0.0);
                    self.softplus = self.softplus + ((zero - z).max(zero) + small.ln_1p());
                    zero - e * p
                }
            };
            self.add(g, x);
            self.sums.min_matching = self.sums.min_matching.min(x.smallest());
            *entry = g.get();
        }
    }

    #[inline(always)]
    fn add(&mut self, g: Lanes<S>, x: Lanes<S>) {
        self.g = self.g + g;
        self.gx = g.mul_add(x, self.gx);
    }

    /// Multiplies the running product by positive, normal numbers.
    #[inline(always)]
    fn multiply(&mut self, factor: Lanes<S>) {
        let (mantissa, exponent) = factor.split();
        self.mantissa = self.mantissa * mantissa;
        self.exponents = self.simd.add_u32s(self.exponents, exponent);
        self.products += 1;
    }

    /// The sums of all entries.
    #[inline(always)]
    pub(super) fn finish(mut self) -> Sums {
        self.others(&mut []);
        let mut sums = self.sums;
        sums.max_other = self.max_other.largest();
        let exponents = [self.exponents];
        let exponents: &[u32] = pulp::bytemuck::cast_slice(&exponents);
        let mantissas = [self.mantissa.get()];
        let mantissas: &[f32] = pulp::bytemuck::cast_slice(&mantissas);
        // At most 2^(5 + 5 lanes), with the few factors since the last scaling.
        let mantissa: f64 = mantissas.iter().map(|&m| f64::from(m)).product();
        let bias = 127 * self.products as u64 * exponents.len() as u64;
        let exponent = exponents.iter().map(|&e| u64::from(e)).sum::<u64>() as f64 - bias as f64;
        sums.loss -= mantissa.ln() + exponent * std::f64::consts::LN_2;
        sums
    }
}
