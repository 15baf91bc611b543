//! The sigmoid loss and its derivatives in blocks of rows: N x N similarities are never stored, on no
//! device.
//!
//! With S = U_b V^T of a block of rows and G the derivative of the loss by S, the block's part is
//! dU_b = G V and dV += G^T U_b. Three matrix products a block, the same work as a dense pass with
//! autograd, in memory that grows with N.

use constellation::loss::PAPER_EPSILON;
use constellation::{BiasKind, Numerics};
use tch::{Kind, TchError, Tensor};

type Result<T> = std::result::Result<T, TchError>;

/// The mean loss of two families, and what it changes by.
pub(crate) struct Pass {
    /// The loss as a function of the arguments to the first order: its value and its gradients are
    /// right, which is all that an optimiser asks for.
    pub(crate) loss: Tensor,
    /// Minimum matching and maximum non-matching similarity.
    pub(crate) extremes: Tensor,
}

/// What logits are made of: inverse temperature and bias, scalars.
pub(crate) struct Parameters<'a> {
    pub(crate) t: &'a Tensor,
    pub(crate) bias: &'a Tensor,
    pub(crate) kind: BiasKind,
    pub(crate) numerics: Numerics,
}

/// Rows of a block with so many columns: 16 MiB of similarities.
pub(crate) fn rows_of_a_block(columns: usize) -> i64 {
    const NUMBERS: usize = 1 << 22;
    (NUMBERS / columns.max(1)).clamp(1, 1 << 14) as i64
}

/// The mean loss of unit vectors `[N, dim]`, row i of `u` matching row i of `v`, in blocks of so many
/// rows.
///
/// # Errors
/// [`TchError`] if the shapes do not fit, or memory is short.
pub(crate) fn sigmoid_in_blocks(u: &Tensor, v: &Tensor, parameters: &Parameters, rows: i64) -> Result<Pass> {
    let Parameters { t, bias, .. } = parameters;
    let leaves = [u, v, *t, *bias];
    let sums = tch::no_grad(|| Sums::of(u, v, parameters, rows))?;
    let mut loss = sums.loss.f_to_kind(u.kind())?;
    for (leaf, gradient) in leaves.into_iter().zip(&sums.gradients) {
        // Nothing is added to the value, and the gradient to the gradient.
        let term = leaf.f_mul(gradient)?.f_sum(None::<Kind>)?;
        loss = loss.f_add(&term.f_sub(&term.f_detach()?)?)?;
    }
    Ok(Pass { loss, extremes: sums.extremes })
}

/// What is added up over the blocks.
struct Sums {
    /// The mean loss, float64.
    loss: Tensor,
    /// By U, V, t and the bias.
    gradients: [Tensor; 4],
    extremes: Tensor,
}

impl Sums {
    fn of(u: &Tensor, v: &Tensor, parameters: &Parameters, rows: i64) -> Result<Self> {
        let [n, _] = u.size()[..] else { return Err(TchError::Shape(format!("{:?}", u.size()))) };
        let double = (Kind::Double, u.device());
        // All that outlives a block is made before the first one, and changed in place: a small tensor
        // where a block's large ones were would keep their memory from serving the next block.
        let [mut loss, mut by_t, mut by_bias] = [(); 3].map(|()| Tensor::zeros([], double));
        let (by_u, mut by_v) = (Tensor::f_zeros_like(u)?, Tensor::f_zeros_like(v)?);
        let scalar = |value: f64| Tensor::f_full([], value, (u.kind(), u.device()));
        let (least, most) = (scalar(f64::INFINITY)?, scalar(f64::NEG_INFINITY)?);
        for first in (0..n).step_by(rows as usize) {
            let count = rows.min(n - first);
            let u = u.f_narrow(0, first, count)?;
            let s = u.f_matmul(&v.f_transpose(0, 1)?)?;
            let block = Block::of(&s, first, parameters)?;
            let _ = loss.f_add_(&block.loss)?;
            let _ = by_t.f_add_(&block.by_t)?;
            let _ = by_bias.f_add_(&block.by_bias)?;
            by_u.f_narrow(0, first, count)?.f_copy_(&block.by_s.f_matmul(v)?)?;
            let _ = by_v.f_add_(&block.by_s.f_transpose(0, 1)?.f_matmul(&u)?)?;
            let own = s.f_diagonal(first, 0, 1)?;
            least.shallow_clone().f_copy_(&least.f_minimum(&own.f_min()?)?)?;
            let _ = s.f_diagonal(first, 0, 1)?.f_fill_(f64::NEG_INFINITY)?;
            most.shallow_clone().f_copy_(&most.f_maximum(&s.f_max()?)?)?;
        }
        let pairs = (n * n) as f64;
        let mean = |sum: &Tensor| sum.f_div_scalar(pairs);
        let kind = u.kind();
        Ok(Self {
            loss: mean(&loss)?,
            gradients: [
                mean(&by_u)?,
                mean(&by_v)?,
                mean(&by_t)?.f_to_kind(kind)?,
                mean(&by_bias)?.f_to_kind(kind)?,
            ],
            extremes: Tensor::f_stack(&[least, most], 0)?,
        })
    }
}

/// Sums over a block, and the derivative by its similarities.
struct Block {
    loss: Tensor,
    by_s: Tensor,
    by_t: Tensor,
    by_bias: Tensor,
}

impl Block {
    /// Of similarities `[rows, N]` whose row k matches column `first + k`.
    fn of(s: &Tensor, first: i64, parameters: &Parameters) -> Result<Self> {
        let Parameters { t, bias, kind, numerics } = *parameters;
        let z = match kind {
            BiasKind::Relative => s.f_sub(bias)?.f_mul(t)?,
            BiasKind::Absolute => s.f_mul(t)?.f_sub(bias)?,
        };
        // As if none matched, and then those that do.
        let own = z.f_diagonal(first, 0, 1)?;
        let (terms, by_z) = terms_and_derivatives(&z, false, numerics)?;
        let (own_terms, by_own) = terms_and_derivatives(&own, true, numerics)?;
        terms.f_diagonal(first, 0, 1)?.f_copy_(&own_terms)?;
        by_z.f_diagonal(first, 0, 1)?.f_copy_(&by_own)?;
        let sum = |terms: &Tensor| terms.f_sum(Kind::Double);
        let (by_t, by_bias) = match kind {
            BiasKind::Relative => (
                sum(&by_z.f_mul(&s.f_sub(bias)?)?)?,
                sum(&by_z)?.f_mul(&t.f_neg()?.f_to_kind(Kind::Double)?)?,
            ),
            BiasKind::Absolute => (sum(&by_z.f_mul(s)?)?, sum(&by_z)?.f_neg()?),
        };
        Ok(Self { loss: sum(&terms)?, by_s: by_z.f_mul(t)?, by_t, by_bias })
    }
}

/// Of logits, all of pairs that match or all of pairs that do not: the terms of the loss
/// ([`constellation::loss::term`]), and their derivatives.
fn terms_and_derivatives(z: &Tensor, matching: bool, numerics: Numerics) -> Result<(Tensor, Tensor)> {
    let sign = if matching { -1.0 } else { 1.0 };
    match numerics {
        Numerics::Exact => {
            let toward = z.f_mul_scalar(sign)?;
            Ok((toward.f_neg()?.f_log_sigmoid()?.f_neg()?, toward.f_sigmoid()?.f_mul_scalar(sign)?))
        }
        Numerics::Paper => {
            let sigmoid = z.f_sigmoid()?;
            let p = if matching { sigmoid.shallow_clone() } else { sigmoid.f_rsub_scalar(1.0)? };
            let shifted = p.f_add_scalar(PAPER_EPSILON)?;
            // The derivative of the sigmoid as autograd has it: s (1 - s).
            let slope = sigmoid.f_mul(&sigmoid.f_rsub_scalar(1.0)?)?;
            Ok((shifted.f_log()?.f_neg()?, slope.f_div(&shifted)?.f_mul_scalar(sign)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::loss::sigmoid_loss;

    const CASES: [(BiasKind, Numerics); 4] = [
        (BiasKind::Relative, Numerics::Paper),
        (BiasKind::Relative, Numerics::Exact),
        (BiasKind::Absolute, Numerics::Paper),
        (BiasKind::Absolute, Numerics::Exact),
    ];

    /// U, V, t and the bias as leaves.
    fn leaves(n: i64, dim: i64, t: f64, bias: f64) -> [Tensor; 4] {
        let double = (Kind::Double, Device::Cpu);
        let unit = |x: Tensor| &x / x.norm_scalaropt_dim(2.0, [-1], true);
        let [u, v] = [(); 2].map(|()| unit(Tensor::randn([n, dim], double)));
        [u, v, Tensor::from(t), Tensor::from(bias)].map(|leaf| leaf.set_requires_grad(true))
    }

    #[test]
    fn blocks_have_the_loss_and_the_gradients_of_the_whole() {
        tch::manual_seed(3);
        for (kind, numerics) in CASES {
            for (n, dim, t) in [(2, 1, 1.0), (7, 3, 5.0), (30, 4, 20.0)] {
                let of_whole = leaves(n, dim, t, 0.3);
                let [u, v, t, bias] = &of_whole;
                let whole = sigmoid_loss(&u.matmul(&v.tr()), t, bias, kind, numerics).unwrap();
                whole.backward();
                for rows in [1, 3, 7, 64] {
                    let in_blocks =
                        of_whole.each_ref().map(|leaf| leaf.detach().copy().set_requires_grad(true));
                    let [u, v, t, bias] = &in_blocks;
                    let parameters = Parameters { t, bias, kind, numerics };
                    let Pass { loss, extremes } = sigmoid_in_blocks(u, v, &parameters, rows).unwrap();
                    loss.backward();
                    assert!((loss.double_value(&[]) - whole.double_value(&[])).abs() < 1e-12);
                    for (ours, theirs) in in_blocks.iter().zip(&of_whole) {
                        let difference = (ours.grad() - theirs.grad()).abs().max().double_value(&[]);
                        assert!(difference < 1e-13, "{kind:?} {numerics:?}: {difference}");
                    }
                    let s = tch::no_grad(|| u.matmul(&v.tr()));
                    let own = Tensor::eye(n, (Kind::Bool, Device::Cpu));
                    let (least, most) = (s.diagonal(0, 0, 1).min(), s.masked_fill(&own, -9.0).max());
                    for (place, expected) in [(0, least), (1, most)] {
                        let difference = extremes.double_value(&[place]) - expected.double_value(&[]);
                        assert!(difference.abs() < 1e-14, "{difference}");
                    }
                }
            }
        }
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        tch::manual_seed(4);
        for (kind, numerics) in CASES {
            let start = leaves(5, 3, 6.0, 0.2);
            let value = |leaves: &[Tensor; 4]| {
                let [u, v, t, bias] = leaves;
                let parameters = Parameters { t, bias, kind, numerics };
                sigmoid_in_blocks(u, v, &parameters, 2).unwrap().loss
            };
            value(&start).backward();
            for (which, leaf) in start.iter().enumerate() {
                for entry in 0..leaf.numel() as i64 {
                    let at = |h: f64| {
                        let moved = start.each_ref().map(|x| x.detach().copy());
                        let _ = moved[which].view(-1).get(entry).g_add_scalar_(h);
                        value(&moved).double_value(&[])
                    };
                    let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let gradient = leaf.grad().view(-1).double_value(&[entry]);
                    assert!((difference - gradient).abs() < 1e-8, "{difference} {gradient}");
                }
            }
        }
    }
}
