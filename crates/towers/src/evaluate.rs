//! What a checkpoint does to the emoji.

use constellation::geometry::{Constellation, LabelledGeometry};
use constellation::{BiasKind, Numerics};
use models::Result;
use models::emoji::{CLASSES, EmojiEmbeddings};
use serde::{Deserialize, Serialize};
use siglip_core::loss::labelled_sigmoid_loss;
use tch::{Kind, Tensor};

/// The numbers of a checkpoint on the emoji.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TowersSummary {
    /// Loss of the training drawings: a sum over all names, a mean over the drawings.
    pub loss: f64,
    /// Inverse temperature t.
    pub temperature: f64,
    /// Relative bias b_rel.
    pub relative_bias: f64,
    /// Training drawings and names on the wrong side of b_rel, of 3,000,000 pairs.
    pub violating_pairs: usize,
    /// (min matching - max non-matching similarity) / 2 of the training drawings.
    pub margin: f64,
    /// (min matching + max non-matching similarity) / 2 of the training drawings.
    pub optimal_relative_bias: f64,
    /// (mean matching - mean non-matching similarity) / 2 of the training drawings.
    pub half_difference_of_means: f64,
    /// Share of the held-out drawings whose own name is the most similar of all.
    pub held_out_top_1: f64,
    /// Share of those whose own name is among the five most similar.
    pub held_out_top_5: f64,
}

/// The numbers of embedded emoji.
///
/// # Errors
/// If the embeddings are not unit vectors.
pub fn summarize(embeddings: &EmojiEmbeddings) -> Result<TowersSummary> {
    let EmojiEmbeddings { training, held_out, temperature, relative_bias } = embeddings;
    let (images, texts, labels) = (training.image.view(), training.class_text.view(), training.labels());
    let geometry = LabelledGeometry::of(images, texts, &labels)?;
    let bounds = (0.0, *relative_bias);
    let violations = Constellation::check_labelled(images, texts, &labels, bounds, 0)?;
    let retrieval =
        LabelledGeometry::of(held_out.image.view(), held_out.class_text.view(), &held_out.labels())?
            .image_to_text;
    Ok(TowersSummary {
        loss: loss(embeddings)?,
        temperature: *temperature,
        relative_bias: *relative_bias,
        violating_pairs: violations.violating_pairs,
        margin: geometry.margin,
        optimal_relative_bias: geometry.optimal_relative_bias,
        half_difference_of_means: geometry.half_difference_of_means,
        held_out_top_1: retrieval.top_1,
        held_out_top_5: retrieval.top_5,
    })
}

/// The loss of all training drawings with the checkpoint's own t and b_rel.
fn loss(embeddings: &EmojiEmbeddings) -> Result<f64> {
    let EmojiEmbeddings { training, temperature, relative_bias, .. } = embeddings;
    let similarities = Tensor::try_from(&training.image.dot(&training.class_text.t()))?;
    let classes: Vec<i64> = training.labels().iter().map(|&class| class as i64).collect();
    let mean = labelled_sigmoid_loss(
        &similarities.f_to_kind(Kind::Double)?,
        &Tensor::f_from_slice(&classes)?,
        &Tensor::from(*temperature),
        &Tensor::from(*relative_bias),
        BiasKind::Relative,
        Numerics::Exact,
    )?;
    Ok(mean.f_double_value(&[])? * CLASSES as f64)
}
