//! The adapter: one trained number that moves two locked spheres apart.

use super::adam::Scalar;
use super::panels::Panels;

/// The vectors `(delta U_i, sqrt(1 - delta^2))` and `(delta V_i, -sqrt(1 - delta^2))`
/// with `delta = sigmoid(x)`.
#[derive(Debug)]
pub(super) struct Adapter {
    pub(super) x: Scalar,
    /// The extended vectors of both modalities, with one coordinate more.
    pub(super) extended: Vec<Panels>,
}

impl Adapter {
    pub(super) fn new(x: f64, points: &[Panels]) -> Self {
        let extended = points.iter().map(|points| Panels::zeros(points.shape.extended(1))).collect();
        let mut adapter = Self { x: Scalar::new(x), extended };
        adapter.extend(points);
        adapter
    }

    pub(super) fn delta(&self) -> f32 {
        1.0 / (1.0 + (-self.x.value).exp())
    }

    /// Computes the extended vectors anew.
    pub(super) fn extend(&mut self, points: &[Panels]) {
        let delta = self.delta();
        let height = (1.0 - delta * delta).sqrt();
        for ((extended, points), height) in self.extended.iter_mut().zip(points).zip([height, -height]) {
            for panel in 0..points.shape.panels {
                let points = points.panel(panel);
                let (scaled, last) = extended.panel_mut(panel).split_at_mut(points.len());
                for (scaled, x) in scaled.iter_mut().zip(points) {
                    *scaled = delta * x;
                }
                last.fill(height);
            }
            extended.clear_filling();
        }
    }

    /// The derivative of the loss by x: `s = delta^2 (<U_i, V_j> + 1) - 1`, so its
    /// derivative by delta is `2 (s + 1) / delta`. `g_s` is the sum of the derivatives
    /// by the logits times s, `g` the sum of those derivatives.
    pub(super) fn derivative(&self, g: f64, g_s: f64) -> f64 {
        let delta = f64::from(self.delta());
        2.0 * (1.0 - delta) * (g_s + g)
    }
}
