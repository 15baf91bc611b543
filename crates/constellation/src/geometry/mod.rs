//! What the final vectors look like: margin, constellation, modality gap.
//!
//! Synthetic and pretrained vectors meet here: what is computed of vectors does not ask
//! where they came from.

mod adapter;
mod codes;
mod constellation;
mod distribution;
mod extremes;
mod families;
mod gap;
mod hyperplane;
mod labelled;
mod perceptron;
mod report;
mod separation;
mod similarities;
pub mod theory;

pub use adapter::without_adapter;
pub use constellation::{Certificate, Constellation, Violation};
pub use distribution::{Distribution, Quantile, RESOLUTION};
pub use extremes::Geometry;
pub use gap::{MeanDistances, ModalityGap, xi};
pub use hyperplane::{Hyperplane, Misclassified};
pub use labelled::{LabelledGeometry, Retrieval};
pub use perceptron::{Perceptron, PerceptronSettings};
pub use report::Report;
pub use separation::{Separation, Verdict};
pub use similarities::Similarities;
