//! Adam, and the way back to the sphere.

use pulp::{Simd, WithSimd};

use super::lanes::Lanes;
use super::panels::{MAX_WIDTH, Panels};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

/// The factors of one step of Adam, as `torch.optim.Adam` has them: epsilon is added
/// to the square root of the bias-corrected second moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    rate: f32,
    second_scale: f32,
}

impl Step {
    /// The step numbered `number` from 1.
    pub(super) fn new(learning_rate: f64, number: usize) -> Self {
        let number = number as f64;
        Self {
            rate: (learning_rate / (1.0 - BETA1.powf(number))) as f32,
            second_scale: (1.0 / (1.0 - BETA2.powf(number)).sqrt()) as f32,
        }
    }
}

/// A trained number with its moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    pub(super) value: f32,
    first: f32,
    second: f32,
}

impl Scalar {
    pub(super) fn new(value: f64) -> Self {
        Self { value: value as f32, first: 0.0, second: 0.0 }
    }

    pub(super) fn step(&mut self, step: Step, gradient: f32) {
        self.first += (gradient - self.first) * (1.0 - BETA1) as f32;
        self.second = self.second * BETA2 as f32 + (1.0 - BETA2) as f32 * gradient * gradient;
        self.value -= step.rate * (self.first / (self.second.sqrt() * step.second_scale + EPSILON));
    }
}

/// The moments of a modality's vectors.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) first: Panels,
    pub(super) second: Panels,
}

/// Scales a gradient, and takes from each row's its part along the row's unit vector:
/// the derivative of the normalisation in the loss.
pub(super) struct Tangent<'a> {
    pub(super) points: &'a Panels,
    pub(super) gradient: &'a mut Panels,
    pub(super) scale: f32,
}

impl WithSimd for Tangent<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let shape = self.points.shape;
        let vectors = shape.width / S::F32_LANES;
        let scale = Lanes::splat(simd, self.scale);
        for panel in 0..shape.panels {
            let (points, _) = S::as_simd_f32s(self.points.panel(panel));
            let (gradient, _) = S::as_mut_simd_f32s(self.gradient.panel_mut(panel));
            let mut along = [0.0; MAX_WIDTH];
            let along = &mut S::as_mut_simd_f32s(&mut along).0[..vectors];
            for (x, g) in points.chunks_exact(vectors).zip(gradient.chunks_exact(vectors)) {
                for ((x, g), along) in x.iter().zip(g).zip(&mut *along) {
                    let x = Lanes::new(simd, *x);
                    *along = x.mul_add(Lanes::new(simd, *g), Lanes::new(simd, *along)).get();
                }
            }
            for (x, g) in points.chunks_exact(vectors).zip(gradient.chunks_exact_mut(vectors)) {
                for ((x, g), along) in x.iter().zip(g).zip(&*along) {
                    let across = Lanes::new(simd, *g) - Lanes::new(simd, *along) * Lanes::new(simd, *x);
                    *g = (across * scale).get();
                }
            }
        }
    }
}

/// One step of Adam on a modality's vectors; then each is divided by its norm.
pub(super) struct Descend<'a> {
    pub(super) points: &'a mut Panels,
    pub(super) gradient: &'a Panels,
    pub(super) moments: &'a mut Moments,
    pub(super) step: Step,
}

impl WithSimd for Descend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let shape = self.points.shape;
        let vectors = shape.width / S::F32_LANES;
        let zero = Lanes::splat(simd, 0.0);
        let new1 = zero.all((1.0 - BETA1) as f32);
        let (keep2, new2) = (zero.all(BETA2 as f32), zero.all((1.0 - BETA2) as f32));
        let (rate, second_scale) = (zero.all(self.step.rate), zero.all(self.step.second_scale));
        let epsilon = zero.all(EPSILON);
        for panel in 0..shape.panels {
            let (points, _) = S::as_mut_simd_f32s(self.points.panel_mut(panel));
            let (first, _) = S::as_mut_simd_f32s(self.moments.first.panel_mut(panel));
            let (second, _) = S::as_mut_simd_f32s(self.moments.second.panel_mut(panel));
            // The gradient may have one coordinate more, that of the adapter.
            let (gradient, _) = S::as_simd_f32s(self.gradient.panel(panel));
            let mut norms2 = [0.0; MAX_WIDTH];
            let norms2 = &mut S::as_mut_simd_f32s(&mut norms2).0[..vectors];
            for k in 0..shape.dim {
                let of_k = k * vectors..(k + 1) * vectors;
                let moments = first[of_k.clone()].iter_mut().zip(&mut second[of_k.clone()]);
                let values = points[of_k.clone()].iter_mut().zip(&gradient[of_k]).zip(&mut *norms2);
                for ((first, second), ((point, g), norm2)) in moments.zip(values) {
                    let (x, g) = (Lanes::new(simd, *point), Lanes::new(simd, *g));
                    let m = Lanes::new(simd, *first);
                    let m = (g - m).mul_add(new1, m);
                    let v = (g * g).mul_add(new2, Lanes::new(simd, *second) * keep2);
                    let x = x - rate * (m / v.sqrt().mul_add(second_scale, epsilon));
                    *norm2 = x.mul_add(x, Lanes::new(simd, *norm2)).get();
                    (*point, *first, *second) = (x.get(), m.get(), v.get());
                }
            }
            for norm2 in &mut *norms2 {
                // The filling has norm 0 and stays 0.
                let norm = Lanes::new(simd, *norm2).sqrt().max(zero.all(1e-12));
                *norm2 = (zero.all(1.0) / norm).get();
            }
            for point in points.chunks_exact_mut(vectors) {
                for (x, inverse) in point.iter_mut().zip(&*norms2) {
                    *x = (Lanes::new(simd, *x) * Lanes::new(simd, *inverse)).get();
                }
            }
        }
    }
}
