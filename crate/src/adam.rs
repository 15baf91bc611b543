//! Adam (Kingma and Ba, arXiv 1412.6980) step by step as libtorch's own, with a learning rate for each
//! of several runs.

use tch::{Kind, TchError, Tensor};

type Result<T> = std::result::Result<T, TchError>;

const BETAS: (f64, f64) = (0.9, 0.999);
const EPSILON: f64 = 1e-8;

/// Leaves of the graph with their running moments.
pub(crate) struct Adam {
    leaves: Vec<Leaf>,
    steps: i32,
}

struct Leaf {
    value: Tensor,
    /// Running mean of the gradient.
    first: Tensor,
    /// Running mean of its square.
    second: Tensor,
}

impl Adam {
    /// Of these leaves, which share their tensors with it.
    pub(crate) fn new<'a>(leaves: impl IntoIterator<Item = &'a Tensor>) -> Result<Self> {
        let leaf = |value: &Tensor| {
            let zeros = || value.f_zeros_like().map(|moment| moment.set_requires_grad(false));
            Ok(Leaf { value: value.shallow_clone(), first: zeros()?, second: zeros()? })
        };
        Ok(Self { leaves: leaves.into_iter().map(leaf).collect::<Result<_>>()?, steps: 0 })
    }

    /// Forgets the gradients.
    pub(crate) fn zero_grad(&mut self) {
        self.leaves.iter_mut().for_each(|leaf| leaf.value.zero_grad());
    }

    /// Moves every leaf against its gradient, if it has one. `rates`, float64, is a number, or one for
    /// each run in a shape that spreads over every leaf's.
    pub(crate) fn step(&mut self, rates: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let correction = 1.0 - BETAS.0.powi(self.steps);
        let root = (1.0 - BETAS.1.powi(self.steps)).sqrt();
        let rates = rates.f_div_scalar(-correction)?.f_to_kind(Kind::Float)?;
        let share = Tensor::from((1.0 - BETAS.0) as f32).f_to_device(rates.device())?;
        for Leaf { value, first, second } in &mut self.leaves {
            let gradient = value.f_grad()?;
            if !gradient.defined() {
                continue;
            }
            // Each product and the sum after it in one rounding, as libtorch has them.
            let _ = first.f_mul_scalar_(BETAS.0)?.f_addcmul_(&gradient, &share)?;
            let _ = second
                .f_mul_scalar_(BETAS.1)?
                .f_addcmul_(&gradient.f_mul_scalar(1.0 - BETAS.1)?, &gradient)?;
            let scale = second.f_sqrt()?.f_div_scalar_(root)?.f_add_scalar_(EPSILON)?;
            let _ = value.f_add_(&first.f_mul(&rates)?.f_div_(&scale)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use tch::nn::{self, OptimizerConfig};

    use super::*;

    #[test]
    fn steps_are_those_of_libtorch_with_a_rate_for_each_run() {
        tch::manual_seed(1);
        let start = Tensor::randn([3, 5, 4], (Kind::Float, Device::Cpu));
        let factor = Tensor::randn([5, 4], (Kind::Float, Device::Cpu));
        let loss = |x: &Tensor, step: usize| ((x * (step + 1) as f64).sin() * &factor).sum(Kind::Float);
        let rates = [1e-2, 3e-3, 0.1];
        let ours = start.copy().set_requires_grad(true);
        let mut adam = Adam::new([&ours]).unwrap();
        let mut theirs: Vec<_> = rates
            .iter()
            .enumerate()
            .map(|(run, &rate)| {
                let store = nn::VarStore::new(Device::Cpu);
                let leaf = store.root().var_copy("x", &start.get(run as i64));
                let optimizer = nn::Adam::default().build(&store, rate).unwrap();
                (leaf, optimizer)
            })
            .collect();
        let of_runs = Tensor::from_slice(&rates).view([3, 1, 1]);
        for step in 0..50 {
            adam.zero_grad();
            loss(&ours, step).backward();
            adam.step(&of_runs).unwrap();
            for (leaf, optimizer) in &mut theirs {
                optimizer.backward_step(&loss(leaf, step));
            }
        }
        for (run, (theirs, _)) in theirs.iter().enumerate() {
            assert_eq!(ours.get(run as i64), *theirs, "run {run}");
            assert!((theirs - start.get(run as i64)).abs().min().double_value(&[]) > 1e-4);
        }
    }
}
