//! Adam (Kingma and Ba, arXiv 1412.6980) as PyTorch computes it, with a state that can
//! be kept: libtorch's own cannot be read from Rust.

use tch::Tensor;

use models::Result;

/// beta_1; beta_2 is lower than usual because a training is short.
const BETAS: (f64, f64) = (0.9, 0.99);
const EPSILON: f64 = 1e-8;

/// Parameters with their running moments.
pub(crate) struct Adam(Vec<Parameter>);

struct Parameter {
    name: String,
    value: Tensor,
    /// Running mean of the gradient.
    first: Tensor,
    /// Running mean of its square.
    second: Tensor,
    learning_rate: f64,
}

impl Adam {
    /// Of named leaves of the graph, each with its learning rate.
    pub(crate) fn new(parameters: impl IntoIterator<Item = (String, Tensor, f64)>) -> Result<Self> {
        let parameter = |(name, value, learning_rate): (String, Tensor, f64)| {
            let zeros = || value.f_zeros_like().map(|moment| moment.set_requires_grad(false));
            Ok(Parameter { first: zeros()?, second: zeros()?, name, value, learning_rate })
        };
        parameters.into_iter().map(parameter).collect::<Result<_>>().map(Self)
    }

    /// Forgets the gradients.
    pub(crate) fn zero_grad(&mut self) {
        self.0.iter_mut().for_each(|parameter| parameter.value.zero_grad());
    }

    /// Moves every parameter against its gradient; `step` counts from 0, and all learning
    /// rates are multiplied with `share`.
    pub(crate) fn step(&mut self, step: usize, share: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let corrections =
            (1.0 - BETAS.0.powf((step + 1) as f64), (1.0 - BETAS.1.powf((step + 1) as f64)).sqrt());
        for Parameter { value, first, second, learning_rate, .. } in &mut self.0 {
            let gradient = value.f_grad()?;
            let _ = first.f_lerp_(&gradient, 1.0 - BETAS.0)?;
            let squared = gradient.f_square()?.f_mul_scalar_(1.0 - BETAS.1)?;
            let _ = second.f_mul_scalar_(BETAS.1)?.f_add_(&squared)?;
            let mut scale = second.f_sqrt()?;
            let _ = scale.f_div_scalar_(corrections.1)?.f_add_scalar_(EPSILON)?;
            let mut change = first.f_div(&scale)?;
            let _ = value.f_sub_(&change.f_mul_scalar_(*learning_rate * share / corrections.0)?)?;
        }
        Ok(())
    }

    /// Everything that has to be kept to go on later, by name.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        let of_parameter = |Parameter { name, value, first, second, .. }: &Parameter| {
            [("value", value), ("first", first), ("second", second)]
                .map(|(what, tensor)| (format!("{what}/{name}"), tensor.shallow_clone()))
        };
        self.0.iter().flat_map(of_parameter).collect()
    }
}

#[cfg(test)]
mod tests {
    use tch::{
        Device, Kind,
        nn::{self, OptimizerConfig},
    };

    use super::*;

    #[test]
    fn steps_are_those_of_libtorch() {
        let start = Tensor::from_slice(&[1.0f32, -2.0, 0.5]);
        let loss = |x: &Tensor, step: usize| {
            ((x * (step + 1) as f64).sin() * Tensor::from_slice(&[1.0f32, 10.0, 1e-3])).sum(Kind::Float)
        };
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var_copy("x", &start);
        let mut libtorch = nn::adam(BETAS.0, BETAS.1, 0.0).build(&store, 1e-2).unwrap();
        let ours = start.copy().set_requires_grad(true);
        let mut adam = Adam::new([("x".to_owned(), ours.shallow_clone(), 1e-2)]).unwrap();
        for step in 0..50 {
            let share = 1.0 / (step + 1) as f64;
            libtorch.set_lr(1e-2 * share);
            libtorch.backward_step(&loss(&theirs, step));
            adam.zero_grad();
            loss(&ours, step).backward();
            adam.step(step, share).unwrap();
        }
        assert!((&ours - &theirs).abs().max().double_value(&[]) < 1e-6);
        assert!((&ours - &start).abs().min().double_value(&[]) > 1e-3);
    }
}
