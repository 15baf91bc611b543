//! What is recorded at every step of libtorch's engine.

use constellation::{BiasKind, History};
use tch::{Kind, TchError, Tensor};

type Result<T> = std::result::Result<T, TchError>;

/// Numbers of all runs that stay on the device until a chunk of epochs is done: fetching each
/// would make a GPU wait at every step.
#[derive(Default)]
pub(crate) struct Recorded {
    pub(crate) loss: Vec<Tensor>,
    pub(crate) temperature: Vec<Tensor>,
    pub(crate) bias: Vec<Tensor>,
    /// Minimum matching and maximum non-matching similarity, `[2]` or `[2, runs]`.
    pub(crate) extremes: Vec<Tensor>,
    pub(crate) xi: Vec<Tensor>,
}

impl Recorded {
    /// Adds to the history of each run, in their order.
    ///
    /// # Errors
    /// [`TchError`] if the numbers cannot be fetched.
    pub(crate) fn append_to(self, histories: &mut [&mut History], kind: BiasKind) -> Result<()> {
        let runs = histories.len();
        let [loss, temperature, bias] =
            [&self.loss, &self.temperature, &self.bias].map(|column| fetch(column));
        let (loss, temperature, bias) = (loss?, temperature?, bias?);
        let (extremes, xi) = (fetch(&self.extremes)?, fetch(&self.xi)?);
        for (run, history) in histories.iter_mut().enumerate() {
            let of_run = |column: &[f64]| column.iter().skip(run).step_by(runs).copied().collect::<Vec<_>>();
            let (temperature, bias) = (of_run(&temperature), of_run(&bias));
            history.relative_bias.extend(temperature.iter().zip(bias).map(|(&t, b)| kind.relative(b, t)));
            history.temperature.extend(temperature);
            history.loss.extend(of_run(&loss));
            for pair in of_run(&extremes).chunks_exact(2) {
                history.margin.push((pair[0] - pair[1]) / 2.0);
                history.optimal_relative_bias.push((pair[0] + pair[1]) / 2.0);
            }
            history.xi.extend(of_run(&xi));
        }
        Ok(())
    }
}

fn fetch(scalars: &[Tensor]) -> Result<Vec<f64>> {
    if scalars.is_empty() {
        return Ok(Vec::new());
    }
    let column = Tensor::f_stack(scalars, 0)?.f_flatten(0, -1)?.f_to_kind(Kind::Double)?;
    Vec::<f64>::try_from(column)
}

/// Minimum matching and maximum non-matching similarity of each run, `[2]` or `[2, runs]`.
pub(crate) fn extreme_similarities(similarities: &Tensor, matching: Option<&Tensor>) -> Result<Tensor> {
    let own = match matching {
        Some(matching) => similarities.f_masked_select(matching)?,
        None => similarities.f_diagonal(0, -2, -1)?,
    };
    let mask = match matching {
        Some(matching) => matching.shallow_clone(),
        None => {
            Tensor::f_eye(similarities.size()[similarities.dim() - 1], (Kind::Bool, similarities.device()))?
        }
    };
    let others = similarities.f_masked_fill(&mask, f64::NEG_INFINITY)?.f_amax([-2, -1], false)?;
    Tensor::f_stack(&[own.f_amin([-1], false)?, others], 0)
}

/// The extremes over several pairs of modalities.
pub(crate) fn pooled(extremes: &[Tensor]) -> Result<Tensor> {
    let extremes = Tensor::f_stack(extremes, 1)?;
    Tensor::f_stack(&[extremes.f_get(0)?.f_amin([0], false)?, extremes.f_get(1)?.f_amax([0], false)?], 0)
}

/// mean ||U_i - V_i|| - ||mean (U_i - V_i)||, of each run.
pub(crate) fn xi(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    let difference = u.f_sub(v)?;
    let lengths = difference.f_norm_scalaropt_dim(2.0, [-1], false)?.f_mean_dim(-1, false, None)?;
    let mean = difference.f_mean_dim(-2, false, None)?.f_norm_scalaropt_dim(2.0, [-1], false)?;
    lengths.f_sub(&mean)
}
