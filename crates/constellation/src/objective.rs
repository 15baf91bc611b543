//! What a description may say beside the paper's own setting: another loss, several documents that
//! match a query, another form of the temperature, a learning rate that changes.
//!
//! All of it is left out of the JSON where it is the default, so that the descriptions and the keys
//! of finished runs stay as they were before there was a choice.

use serde::{Deserialize, Serialize};

/// The loss, with logits z_qj of query q and document j, and P_q the documents that match q.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// `softplus(-z)` of matching and `softplus(z)` of other pairs. Their mean where row i matches row
    /// i; their sum where several documents match a query, as in arXiv 2605.23556.
    #[default]
    Sigmoid,
    /// The mean over queries q and documents j in P_q of `log sum_i exp(z_qi) - z_qj`: a softmax over the
    /// documents, in one direction. It sees no bias, and with k documents a query is never below log k.
    InfoNce,
}

/// The number that stands for the inverse temperature t and that Adam changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemperatureForm {
    /// log t, as the paper and SigLIP have it.
    #[default]
    Logarithm,
    /// t itself.
    Plain,
    /// The temperature 1 / t.
    Reciprocal,
}

impl TemperatureForm {
    /// The number that stands for the inverse temperature `t`.
    pub fn encode(self, t: f64) -> f64 {
        match self {
            Self::Logarithm => t.ln(),
            Self::Plain => t,
            Self::Reciprocal => 1.0 / t,
        }
    }

    /// The inverse temperature that `value` stands for.
    pub fn decode(self, value: f32) -> f32 {
        match self {
            Self::Logarithm => value.exp(),
            Self::Plain => value,
            Self::Reciprocal => 1.0 / value,
        }
    }

    /// A derivative by this number at the inverse temperature `t`, from that by log t.
    pub fn derivative(self, by_log_t: f64, t: f64) -> f64 {
        match self {
            Self::Logarithm => by_log_t,
            Self::Plain => by_log_t / t,
            Self::Reciprocal => -by_log_t * t,
        }
    }
}

/// How the learning rate goes on over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It rises linearly from a tenth over the first twentieth of the steps, then falls along half a
    /// cosine to a hundredth (arXiv 2605.23556).
    Cosine,
}

impl Schedule {
    /// The learning rate of the step numbered `step` from 0 of `steps`, where the highest is `highest`.
    pub fn rate(self, highest: f64, step: usize, steps: usize) -> f64 {
        if self == Self::Constant {
            return highest;
        }
        let (step, warm_up) = (step as f64, WARM_UP * steps as f64);
        if step < warm_up {
            return highest * (START + (1.0 - START) * step / warm_up);
        }
        let turn = std::f64::consts::PI * (step - warm_up) / (steps as f64 - warm_up);
        highest * (END + (1.0 - END) * (1.0 + turn.cos()) / 2.0)
    }
}

/// Share of the steps in which the learning rate rises.
const WARM_UP: f64 = 0.05;
/// Where it starts and ends, as shares of the highest.
const START: f64 = 0.1;
const END: f64 = 0.01;

/// Whether a value is the default, and so is left out of the JSON.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let rate = |step| Schedule::Cosine.rate(0.01, step, 1000);
        for (step, expected) in [(0, 0.001), (25, 0.0055), (50, 0.01), (525, 0.00505), (1000, 0.0001)] {
            assert!((rate(step) - expected).abs() < 1e-12, "step {step}: {}", rate(step));
        }
        assert_eq!(Schedule::Constant.rate(0.01, 999, 1000), 0.01);
    }

    #[test]
    fn derivatives_of_the_forms_are_those_of_their_own_numbers() {
        let loss = |t: f64| (t - 3.0) * (t - 3.0);
        for form in [TemperatureForm::Logarithm, TemperatureForm::Plain, TemperatureForm::Reciprocal] {
            let t = 5.0;
            let decode = |value: f64| match form {
                TemperatureForm::Logarithm => value.exp(),
                TemperatureForm::Plain => value,
                TemperatureForm::Reciprocal => 1.0 / value,
            };
            assert!((f64::from(form.decode(form.encode(t) as f32)) - t).abs() < 1e-5);
            let (value, h) = (form.encode(t), 1e-6);
            let slope = (loss(decode(value + h)) - loss(decode(value - h))) / (2.0 * h);
            let by_log_t = 2.0 * (t - 3.0) * t;
            assert!((form.derivative(by_log_t, t) - slope).abs() < 1e-4, "{form:?}");
        }
    }
}
