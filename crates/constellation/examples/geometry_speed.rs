//! How long the geometry of embeddings of ImageNet's size takes, on random vectors:
//! `cargo run --release --example geometry_speed [SHIFT]`. About ten seconds on two cores;
//! images and texts are separable for SHIFT = 1 and not for SHIFT = 0.

use std::time::Instant;

use constellation::geometry::{Constellation, LabelledGeometry, Perceptron, PerceptronSettings, Separation};
use ndarray::{Array2, ArrayView2, Axis};

const IMAGES: usize = 50_000;
const TEXTS: usize = 998;
const DIM: usize = 768;

fn main() -> constellation::Result<()> {
    let shift = std::env::args().nth(1).map_or(1.0, |shift| shift.parse().expect("SHIFT is a number"));
    let class_of: Vec<usize> = (0..IMAGES).map(|i| i % TEXTS).collect();
    let (images, texts) = planted(&class_of, shift);
    let (images, texts) = (images.view(), texts.view());

    let start = Instant::now();
    let geometry = LabelledGeometry::of(images, texts, &class_of)?;
    println!("similarities   {:6.2?}  margin {:.4}", start.elapsed(), geometry.margin);
    let start = Instant::now();
    let bounds = (0.0, geometry.midpoint_of_means);
    let constellation = Constellation::check_labelled(images, texts, &class_of, bounds, 10)?;
    println!("violations     {:6.2?}  {}", start.elapsed(), constellation.violating_pairs);
    let start = Instant::now();
    let perceptron = Perceptron::train(images, texts, PerceptronSettings::default())?;
    println!(
        "perceptron     {:6.2?}  {} epochs, {:?}",
        start.elapsed(),
        perceptron.epochs,
        perceptron.misclassified
    );
    let start = Instant::now();
    let Separation { verdict, margin_at_least, margin_at_most, support, .. } = Separation::of(images, texts)?;
    println!(
        "separability   {:6.2?}  {verdict:?} {margin_at_least:.9} {margin_at_most:.9} {support:?}",
        start.elapsed()
    );
    Ok(())
}

/// Random unit vectors: each image lies towards its text, and all images are `shift`
/// along a common direction from all texts.
fn planted(class_of: &[usize], shift: f32) -> (Array2<f32>, Array2<f32>) {
    let mut state = 88_172_645_463_325_252;
    let mut random = |rows| Array2::from_shape_simple_fn((rows, DIM), || normal(&mut state));
    let (texts, gap, mut images) = (random(TEXTS), random(1), random(class_of.len()));
    for (mut image, &class) in images.axis_iter_mut(Axis(0)).zip(class_of) {
        image *= 2.0;
        image += &texts.row(class);
        image.scaled_add(shift, &gap.row(0));
    }
    (unit(images.view()), unit((&texts - &(&gap * shift)).view()))
}

fn unit(vectors: ArrayView2<f32>) -> Array2<f32> {
    let mut vectors = vectors.to_owned();
    for mut row in vectors.rows_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    vectors
}

/// About normal: a sum of four uniform numbers of a xorshift generator.
fn normal(state: &mut u64) -> f32 {
    let mut uniform = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (uniform() + uniform() + uniform() + uniform()) * 3f32.sqrt()
}
