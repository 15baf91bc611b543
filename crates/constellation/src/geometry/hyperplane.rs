//! Hyperplanes between two clouds of points.

use ndarray::{ArrayView2, CowArray, Ix2};
use rayon::prelude::*;

use crate::error::{Error, Result};

/// The hyperplane {x : normal x + offset = 0}. The second of the two clouds that it was
/// found for lies, if it separates them, on the positive side.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyperplane {
    /// Its normal, of any length.
    pub normal: Vec<f64>,
    /// Its offset, in units of the normal's length.
    pub offset: f64,
}

/// How many points lie on the wrong side of a hyperplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Misclassified {
    /// Of the first cloud (images), which belongs on the negative side or on the plane.
    pub images: usize,
    /// Of the second cloud (texts), which belongs on the positive side.
    pub texts: usize,
}

impl Hyperplane {
    /// The signed distance of each row of `points` `[n, dim]`. Zeros if the normal is zero.
    ///
    /// # Errors
    /// [`Error::Input`] if the points have another dimension than the normal.
    pub fn positions(&self, points: ArrayView2<f32>) -> Result<Vec<f64>> {
        if points.ncols() != self.normal.len() {
            return Err(Error::Input {
                what: "points",
                got: format!("{:?}", points.shape()),
                expected: format!("[n, {}], as the hyperplane", self.normal.len()),
            });
        }
        let length = self.normal.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        let projections = Cloud::new(&points).project(&self.normal);
        Ok(projections.into_iter().map(|projection| (projection + self.offset) * scale).collect())
    }
}

/// Points `[n, dim]` whose rows lie in memory one after the other.
pub(super) struct Cloud<'a>(CowArray<'a, f32, Ix2>);

impl<'a> Cloud<'a> {
    fn new(points: &'a ArrayView2<f32>) -> Self {
        Self(points.as_standard_layout())
    }

    /// Two clouds of finite points of the same dimension, neither empty.
    ///
    /// # Errors
    /// [`Error::Input`] naming what is wrong.
    pub(super) fn two(images: &'a ArrayView2<f32>, texts: &'a ArrayView2<f32>) -> Result<[Self; 2]> {
        let (shapes, dim) = ([images.shape(), texts.shape()], images.ncols());
        if images.nrows() == 0 || texts.nrows() == 0 || dim == 0 || texts.ncols() != dim {
            return Err(Error::Input {
                what: "two clouds of points",
                got: format!("{:?} and {:?}", shapes[0], shapes[1]),
                expected: "[n, dim] and [k, dim] with one point and one dimension or more".to_owned(),
            });
        }
        let clouds = [Self::new(images), Self::new(texts)];
        for (cloud, what) in clouds.iter().zip(["images", "texts"]) {
            let bad =
                (0..cloud.len()).into_par_iter().find_first(|&i| cloud.row(i).iter().any(|x| !x.is_finite()));
            if let Some(row) = bad {
                let (got, expected) =
                    (format!("row {row} with NaN or infinity"), "finite numbers".to_owned());
                return Err(Error::Input { what, got, expected });
            }
        }
        Ok(clouds)
    }

    pub(super) fn len(&self) -> usize {
        self.0.nrows()
    }

    pub(super) fn dim(&self) -> usize {
        self.0.ncols()
    }

    pub(super) fn row(&self, i: usize) -> &[f32] {
        let dim = self.dim();
        let all = self.0.as_slice().expect("clouds are in standard layout");
        &all[i * dim..(i + 1) * dim]
    }

    /// The mean of the points.
    #[cfg_attr(not(feature = "separation"), expect(dead_code, reason = "only the modality gap asks for it"))]
    pub(super) fn mean(&self) -> Vec<f64> {
        let sum = self.0.rows().into_iter().fold(vec![0.0; self.dim()], |mut sum, row| {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            sum
        });
        sum.into_iter().map(|x| x / self.len() as f64).collect()
    }

    /// The inner product of each point with `direction`.
    pub(super) fn project(&self, direction: &[f64]) -> Vec<f64> {
        (0..self.len()).into_par_iter().map(|i| dot(self.row(i), direction)).collect()
    }
}

/// The inner product in float64, in eight interleaved sums that fit in vector registers.
pub(super) fn dot(x: &[f32], y: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (x, y) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f64 = x.remainder().iter().zip(y.remainder()).map(|(&x, &y)| f64::from(x) * y).sum();
    for (x, y) in x.zip(y) {
        for ((sum, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *sum += f64::from(x) * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}
