//! What the final vectors look like: margin, constellation, modality gap.
//!
//! Synthetic and pretrained vectors meet here: what is computed of vectors does not ask
//! where they came from. [`Separation`] and what contains one need the feature `separation`.

mod adapter;
mod codes;
mod column;
mod constellation;
mod counts;
mod differences;
#[cfg(feature = "separation")]
mod direction;
mod distribution;
mod extremes;
mod families;
#[cfg(feature = "separation")]
mod gap;
mod hyperplane;
mod labelled;
mod part;
mod perceptron;
#[cfg(feature = "separation")]
mod report;
mod retrieval;
#[cfg(feature = "separation")]
mod separation;
mod similarities;
pub mod theory;
mod tile;
mod triplet;
mod vectors;

pub use adapter::without_adapter;
pub use constellation::{Certificate, Constellation, Violation};
pub use differences::{xi, xi_of_squares};
#[cfg(feature = "separation")]
pub use direction::Direction;
pub use distribution::{Distribution, Quantile, RESOLUTION};
pub use extremes::Geometry;
#[cfg(feature = "separation")]
pub use gap::{MeanDistances, ModalityGap};
pub use hyperplane::{Hyperplane, Misclassified};
pub use labelled::{LabelledGeometry, Retrieval};
pub use part::{SimilarityPart, SimilarityReport};
pub use perceptron::{Perceptron, PerceptronSettings};
#[cfg(feature = "separation")]
pub use report::Report;
pub use retrieval::{SubsetRetrieval, retrieval_failures};
#[cfg(feature = "separation")]
pub use separation::{Separation, Verdict};
pub use similarities::Similarities;
pub use triplet::triplet_loss;
pub use vectors::{InFile, Vectors};
