//! The modality gap: how far the two families of vectors lie apart.

use ndarray::{Array1, ArrayView2};
use serde::Serialize;

use super::families::Families;
use super::hyperplane::Cloud;
use super::perceptron::{Perceptron, PerceptronSettings, shuffle};
use super::separation::Separation;
use crate::error::Result;

/// The three numbers that the study records of trained models. `matching` less `centroids` is
/// [`super::xi_of_squares`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanDistances {
    /// mean_i ||x_i - y_i||^2.
    pub matching: f64,
    /// ||mean_i (x_i - y_i)||^2: the squared distance of the centroids.
    pub centroids: f64,
    /// mean_i ||x_pi(i) - y_i||^2 for a permutation pi.
    pub permuted: f64,
}

impl MeanDistances {
    /// Of two `[pairs, dim]` families and a permutation of the pairs.
    ///
    /// # Panics
    /// If the families differ in shape or `permutation` has an index out of range.
    pub fn of(x: ArrayView2<f32>, y: ArrayView2<f32>, permutation: &[usize]) -> Self {
        let order: Vec<usize> = (0..y.nrows()).collect();
        Self::labelled(x, y, &order, permutation)
    }

    /// Of images x `[n, dim]` with y_i the text `class_of[i]` of `[k, dim]`, and a
    /// permutation of the images.
    ///
    /// # Panics
    /// If dimensions or lengths differ, or an index is out of range.
    pub fn labelled(
        images: ArrayView2<f32>,
        texts: ArrayView2<f32>,
        class_of: &[usize],
        permutation: &[usize],
    ) -> Self {
        assert_eq!(class_of.len(), images.nrows(), "one class for each image");
        let squared = |i: usize, j: usize| -> f64 {
            let (x, y) = (images.row(i), texts.row(class_of[j]));
            x.iter().zip(y).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
        };
        let n = images.nrows() as f64;
        let mut uses = Array1::<f64>::zeros(texts.nrows());
        class_of.iter().for_each(|&class| uses[class] += 1.0);
        let sum_of_images = images
            .rows()
            .into_iter()
            .fold(Array1::zeros(images.ncols()), |sum: Array1<f64>, row| sum + row.mapv(f64::from));
        let centroids = (sum_of_images - uses.dot(&texts.mapv(f64::from))) / n;
        Self {
            matching: (0..images.nrows()).map(|i| squared(i, i)).sum::<f64>() / n,
            centroids: centroids.dot(&centroids),
            permuted: permutation.iter().enumerate().map(|(i, &j)| squared(j, i)).sum::<f64>() / n,
        }
    }
}

/// The modality gap of labelled embeddings: what `siglip geometry` prints of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModalityGap {
    /// The distance of the mean image from the mean of the distinct texts.
    pub centroid_distance: f64,
    /// The study's three numbers, over images and the texts of their classes.
    pub mean_distances: MeanDistances,
    /// The study's perceptron on all images and the distinct texts.
    pub perceptron: Perceptron,
    /// Whether images and texts are linearly separable, and with which margin.
    pub separation: Separation,
}

impl ModalityGap {
    /// Of unit vectors: images `[n, dim]`, distinct texts `[k, dim]`, and the text
    /// `class_of[i]` of each image i. The permutation of [`MeanDistances::permuted`] is
    /// drawn from `seed`.
    ///
    /// # Errors
    /// As [`super::LabelledGeometry::of`].
    pub fn of(
        images: ArrayView2<f32>,
        texts: ArrayView2<f32>,
        class_of: &[usize],
        seed: u32,
    ) -> Result<Self> {
        Families::labelled(&images, &texts, class_of)?;
        let mut permutation: Vec<usize> = (0..images.nrows()).collect();
        shuffle(&mut permutation, seed);
        let [mean_image, mean_text] = Cloud::two(&images, &texts)?.map(|cloud| cloud.mean());
        let squares = mean_image.iter().zip(&mean_text).map(|(a, b)| (a - b).powi(2));
        Ok(Self {
            centroid_distance: squares.sum::<f64>().sqrt(),
            mean_distances: MeanDistances::labelled(images, texts, class_of, &permutation),
            perceptron: Perceptron::train(images, texts, PerceptronSettings::default())?,
            separation: Separation::of(images, texts)?,
        })
    }
}
