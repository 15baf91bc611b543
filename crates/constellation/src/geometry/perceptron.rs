//! The perceptron with which the study shows that images and texts are separable.

use ndarray::ArrayView2;
use serde::Serialize;

use super::hyperplane::{Cloud, Hyperplane, Misclassified, dot};
use crate::error::Result;

/// A perceptron with intercept, trained on images (label -1) and texts (label +1).
///
/// That it misclassifies nothing proves that the two clouds are separable. That it
/// misclassifies something proves nothing: see [`super::Separation`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Perceptron {
    /// Passes over all points.
    pub epochs: usize,
    /// Points on the wrong side after the last pass.
    pub misclassified: Misclassified,
    /// Its hyperplane, texts on the positive side.
    #[serde(skip)]
    pub hyperplane: Hyperplane,
}

/// How a perceptron is trained; the defaults are scikit-learn's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerceptronSettings {
    /// At most so many passes.
    pub max_epochs: usize,
    /// A pass that lowers the mean loss by less than this is without progress; five in
    /// turn end the training.
    pub tolerance: f64,
    /// The state of scikit-learn's shuffle. The default is the one that its default
    /// `random_state=0` gives: the second number that it draws.
    pub shuffle_seed: u32,
}

impl Default for PerceptronSettings {
    fn default() -> Self {
        Self { max_epochs: 1000, tolerance: 1e-3, shuffle_seed: 398_764_591 }
    }
}

/// Passes without progress that end the training.
const PATIENCE: usize = 5;

impl Perceptron {
    /// Trains on images `[n, dim]` followed by texts `[k, dim]`.
    ///
    /// As `sklearn.linear_model.Perceptron` (1.x) with its defaults: start at zero, step 1
    /// on each point with y (w x + b) <= 0, the loss max(0, -y (w x + b)) summed within a
    /// pass while the weights move, its stopping rule, and its shuffle, which permutes the
    /// last order again before each pass. Not the same: sums are in float64 here, where
    /// scikit-learn takes float32 for float32 input.
    ///
    /// # Errors
    /// [`crate::Error::Input`] if a cloud is empty, dimensions differ, or a number is not finite.
    pub fn train(
        images: ArrayView2<f32>,
        texts: ArrayView2<f32>,
        settings: PerceptronSettings,
    ) -> Result<Self> {
        let [images, texts] = Cloud::two(&images, &texts)?;
        let point = |i: usize| match i.checked_sub(images.len()) {
            None => (images.row(i), -1.0),
            Some(text) => (texts.row(text), 1.0),
        };
        let mut hyperplane = Hyperplane { normal: vec![0.0; images.dim()], offset: 0.0 };
        let mut order: Vec<usize> = (0..images.len() + texts.len()).collect();
        let (mut best, mut without_progress, mut epochs) = (f64::INFINITY, 0, 0);
        while epochs < settings.max_epochs && without_progress < PATIENCE {
            shuffle(&mut order, settings.shuffle_seed);
            let loss = pass(&mut hyperplane, order.iter().map(|&i| point(i))) / order.len() as f64;
            without_progress = if loss > best - settings.tolerance { without_progress + 1 } else { 0 };
            best = best.min(loss);
            epochs += 1;
        }
        let positive = |cloud: &Cloud| {
            let projections = cloud.project(&hyperplane.normal);
            projections.into_iter().filter(|projection| projection + hyperplane.offset > 0.0).count()
        };
        let misclassified =
            Misclassified { images: positive(&images), texts: texts.len() - positive(&texts) };
        Ok(Self { epochs, misclassified, hyperplane })
    }
}

/// One pass of the perceptron's rule over labelled points; the loss on the way.
fn pass<'a>(hyperplane: &mut Hyperplane, points: impl Iterator<Item = (&'a [f32], f64)>) -> f64 {
    let mut loss = 0.0;
    for (x, label) in points {
        let agreement = label * (dot(x, &hyperplane.normal) + hyperplane.offset);
        if agreement <= 0.0 {
            loss -= agreement;
            hyperplane.normal.iter_mut().zip(x).for_each(|(w, &x)| *w += label * f64::from(x));
            hyperplane.offset += label;
        }
    }
    loss
}

/// The shuffle of scikit-learn's sequential data sets: Fisher-Yates from the front with
/// Marsaglia's 32-bit xorshift, <https://www.jstatsoft.org/article/view/v008i14>.
pub(super) fn shuffle(order: &mut [usize], seed: u32) {
    let mut state = seed.max(1);
    for i in 0..order.len().saturating_sub(1) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let random = (state & 0x7fff_ffff) as usize;
        order.swap(i, i + random % (order.len() - i));
    }
}
