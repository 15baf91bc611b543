//! The losses as functions of tensors, for autograd: the sigmoid loss of SigLIP, of which
//! [`constellation::loss`] has the formula a term at a time, and InfoNCE.
//!
//! With classes, several images share a text; the mean is then over images and distinct texts.

use constellation::loss::PAPER_EPSILON;
use constellation::{BiasKind, Loss, Numerics};
use tch::{Kind, TchError, Tensor};

/// The mean loss of a matrix of similarities `[N, N]` whose diagonal are the matching
/// pairs, differentiable in all its arguments; `t` and `bias` are scalars. Of several such matrices,
/// `[runs, N, N]`, the loss of each, `[runs]`, with `t` and `bias` as `[runs, 1, 1]`.
///
/// # Errors
/// [`TchError`] if the shapes do not fit.
pub fn sigmoid_loss(
    similarities: &Tensor,
    t: &Tensor,
    bias: &Tensor,
    kind: BiasKind,
    numerics: Numerics,
) -> Result<Tensor, TchError> {
    let pairs = similarities.size().last().copied().unwrap_or_default();
    let matching = Tensor::f_eye(pairs, (Kind::Bool, similarities.device()))?;
    let logits = logits(similarities, t, bias, kind)?;
    log_probabilities(&logits, &matching, numerics)?.f_mean_dim(&[-2i64, -1][..], false, None)?.f_neg()
}

/// The mean loss of similarities `[N, M]` of images and texts, where image i matches text
/// `class_of[i]` and no other; `class_of` is `[N]`, int64. The mean is over all N M pairs.
///
/// # Errors
/// [`TchError`] if the shapes do not fit.
pub fn labelled_sigmoid_loss(
    similarities: &Tensor,
    class_of: &Tensor,
    t: &Tensor,
    bias: &Tensor,
    kind: BiasKind,
    numerics: Numerics,
) -> Result<Tensor, TchError> {
    let logits = logits(similarities, t, bias, kind)?;
    let texts = Tensor::f_arange(similarities.size()[1], (Kind::Int64, similarities.device()))?;
    let matching = class_of.f_unsqueeze(1)?.f_eq_tensor(&texts)?;
    log_probabilities(&logits, &matching, numerics)?.f_mean(None)?.f_neg()
}

/// Logits of similarities.
///
/// # Errors
/// [`TchError`] if the shapes do not fit.
pub fn logits(similarities: &Tensor, t: &Tensor, bias: &Tensor, kind: BiasKind) -> Result<Tensor, TchError> {
    match kind {
        BiasKind::Relative => t.f_mul(&similarities.f_sub(bias)?),
        BiasKind::Absolute => t.f_mul(similarities)?.f_sub(bias),
    }
}

/// The logarithm of the probability of what is true of every pair.
fn log_probabilities(logits: &Tensor, matching: &Tensor, numerics: Numerics) -> Result<Tensor, TchError> {
    match numerics {
        Numerics::Paper => {
            let p = logits.f_sigmoid()?;
            let of_label = p.f_where_self(matching, &p.f_rsub_scalar(1.0)?)?; // 1 - p of the others
            of_label.f_add_scalar(PAPER_EPSILON)?.f_log()
        }
        Numerics::Exact => logits.f_where_self(matching, &logits.f_neg()?)?.f_log_sigmoid(),
    }
}

/// The loss of logits `[queries, documents]` where several documents match a query: the sum of the
/// exact terms, or InfoNCE ([`Loss`]). `matching`, of the same shape, is true where a document matches
/// a query, and has as many of them in every row.
///
/// # Errors
/// [`TchError`] if the shapes do not fit.
pub fn listed_loss(logits: &Tensor, matching: &Tensor, loss: Loss) -> Result<Tensor, TchError> {
    match loss {
        Loss::Sigmoid => log_probabilities(logits, matching, Numerics::Exact)?.f_sum(None)?.f_neg(),
        Loss::InfoNce => {
            let shares = logits.f_log_softmax(1, None)?;
            shares.f_masked_select(matching)?.f_mean(None)?.f_neg()
        }
    }
}

#[cfg(test)]
mod tests {
    use constellation::loss::term;
    use tch::Device;

    use super::*;

    fn loss_of(t: &Tensor, s: &Tensor, bias: &Tensor, kind: BiasKind, numerics: Numerics) -> Tensor {
        sigmoid_loss(s, t, bias, kind, numerics).unwrap()
    }

    #[test]
    fn the_tensor_form_is_the_mean_of_the_terms() {
        let _guard = tch::no_grad_guard();
        let s = Tensor::f_rand([5, 5], (Kind::Double, Device::Cpu)).unwrap() * 2.0 - 1.0;
        let (t, bias) = (Tensor::from(7.0), Tensor::from(0.3));
        for kind in [BiasKind::Relative, BiasKind::Absolute] {
            for numerics in [Numerics::Paper, Numerics::Exact] {
                let mut sum = 0.0;
                for i in 0..5 {
                    for j in 0..5 {
                        let z = 7.0 * (s.double_value(&[i, j]) - kind.relative(0.3, 7.0));
                        sum += term(z, i == j, numerics);
                    }
                }
                let loss = loss_of(&t, &s, &bias, kind, numerics).double_value(&[]);
                assert!((loss - sum / 25.0).abs() < 1e-12, "{kind:?} {numerics:?}");
            }
        }
    }

    #[test]
    fn a_labelled_loss_is_the_mean_of_the_terms() {
        let similarities = Tensor::f_rand([4, 3], (Kind::Double, Device::Cpu)).unwrap();
        let (t, bias) = (Tensor::from(7.0), Tensor::from(0.3));
        let class_of = [2usize, 0, 0, 1];
        let classes = Tensor::from_slice(&class_of.map(|class| class as i64));
        let loss =
            labelled_sigmoid_loss(&similarities, &classes, &t, &bias, BiasKind::Relative, Numerics::Exact);
        let mut sum = 0.0;
        for (i, class) in class_of.into_iter().enumerate() {
            for j in 0..3 {
                let z = 7.0 * (similarities.double_value(&[i as i64, j as i64]) - 0.3);
                sum += term(z, j == class, Numerics::Exact);
            }
        }
        assert!((loss.unwrap().double_value(&[]) - sum / 12.0).abs() < 1e-12);
    }

    #[test]
    fn gradients_of_several_positives_agree_with_finite_differences() {
        let start = Tensor::rand([3, 4], (Kind::Double, Device::Cpu)) * 4.0 - 2.0;
        let rows = [[1i64, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]].concat();
        let matching = Tensor::from_slice(&rows).view([3, 4]).to_kind(Kind::Bool);
        for loss in [Loss::Sigmoid, Loss::InfoNce] {
            let leaf = start.copy().set_requires_grad(true);
            listed_loss(&leaf, &matching, loss).unwrap().backward();
            for entry in 0..12 {
                let at = |h: f64| {
                    let moved = start.copy();
                    let _ = moved.view(-1).get(entry).g_add_scalar_(h);
                    listed_loss(&moved, &matching, loss).unwrap().double_value(&[])
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                let gradient = leaf.grad().view(-1).double_value(&[entry]);
                assert!((gradient - difference).abs() < 1e-8, "{loss:?} {entry}: {gradient} {difference}");
            }
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let double = (Kind::Double, Device::Cpu);
        for kind in [BiasKind::Relative, BiasKind::Absolute] {
            for numerics in [Numerics::Paper, Numerics::Exact] {
                let start = [Tensor::rand([4, 4], double), Tensor::from(5.0), Tensor::from(0.4)];
                let leaves = start.each_ref().map(|x| x.detach().copy().set_requires_grad(true));
                loss_of(&leaves[1], &leaves[0], &leaves[2], kind, numerics).backward();
                for (which, leaf) in leaves.iter().enumerate() {
                    for entry in 0..leaf.numel() as i64 {
                        let at = |h: f64| {
                            let moved = start.each_ref().map(|x| x.copy());
                            let _ = moved[which].view(-1).get(entry).g_add_scalar_(h);
                            loss_of(&moved[1], &moved[0], &moved[2], kind, numerics).double_value(&[])
                        };
                        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                        let gradient = leaf.grad().view(-1).double_value(&[entry]);
                        assert!((difference - gradient).abs() < 1e-8, "{difference} {gradient}");
                    }
                }
            }
        }
    }

    #[test]
    fn losses_and_gradients_of_several_runs_are_those_of_each() {
        let double = (Kind::Double, Device::Cpu);
        let numbers = |numbers: [f64; 3]| Tensor::from_slice(&numbers).view([3, 1, 1]);
        for kind in [BiasKind::Relative, BiasKind::Absolute] {
            for numerics in [Numerics::Paper, Numerics::Exact] {
                let start =
                    [Tensor::rand([3, 4, 4], double), numbers([5.0, 2.0, 9.0]), numbers([0.4, -1.0, 0.0])];
                let leaves = start.each_ref().map(|x| x.detach().copy().set_requires_grad(true));
                let losses = loss_of(&leaves[1], &leaves[0], &leaves[2], kind, numerics);
                losses.sum(Kind::Double).backward();
                for run in 0..3 {
                    let own = start.each_ref().map(|x| x.get(run));
                    let value = |own: &[Tensor; 3]| {
                        let [s, t, bias] = own;
                        loss_of(&t.squeeze(), s, &bias.squeeze(), kind, numerics).double_value(&[])
                    };
                    assert!((losses.double_value(&[run]) - value(&own)).abs() < 1e-14);
                    for (which, leaf) in leaves.iter().enumerate() {
                        for entry in 0..own[which].numel() as i64 {
                            let at = |h: f64| {
                                let moved = own.each_ref().map(|x| x.copy());
                                let _ = moved[which].view(-1).get(entry).g_add_scalar_(h);
                                value(&moved)
                            };
                            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                            let gradient = leaf.grad().get(run).view(-1).double_value(&[entry]);
                            assert!((difference - gradient).abs() < 1e-8, "{difference} {gradient}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_common_rotation_or_permutation_changes_nothing() {
        let _guard = tch::no_grad_guard();
        let double = (Kind::Double, Device::Cpu);
        tch::manual_seed(1);
        let unit = |x: Tensor| &x / x.norm_scalaropt_dim(2.0, [-1], true);
        let (u, v) = (unit(Tensor::randn([6, 4], double)), unit(Tensor::randn([6, 4], double)));
        let (rotation, _) = Tensor::linalg_qr(&Tensor::randn([4, 4], double), "reduced");
        let permutation = Tensor::from_slice(&[3i64, 0, 5, 1, 4, 2]);
        for numerics in [Numerics::Paper, Numerics::Exact] {
            let of = |u: &Tensor, v: &Tensor| {
                let (t, bias) = (Tensor::from(20.0), Tensor::from(0.1));
                loss_of(&t, &u.matmul(&v.tr()), &bias, BiasKind::Relative, numerics).double_value(&[])
            };
            let loss = of(&u, &v);
            let rotated = of(&u.matmul(&rotation), &v.matmul(&rotation));
            let permuted = of(&u.index_select(0, &permutation), &v.index_select(0, &permutation));
            let apart = of(&u.index_select(0, &permutation), &v);
            assert!((loss - rotated).abs() < 1e-12 && (loss - permuted).abs() < 1e-12);
            assert!((loss - apart).abs() > 1e-3, "only a permutation of both is harmless");
        }
    }
}
