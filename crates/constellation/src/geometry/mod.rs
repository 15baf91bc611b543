//! What the final vectors look like: margin, constellation, modality gap.
//!
//! Synthetic and pretrained vectors meet here: what is computed of vectors does not ask
//! where they came from. In WebAssembly there is no [`Separation`], whose solver does not come along,
//! and nothing that contains one.

mod adapter;
mod codes;
mod constellation;
#[cfg(not(target_family = "wasm"))]
mod direction;
mod distribution;
mod extremes;
mod families;
#[cfg(not(target_family = "wasm"))]
mod gap;
mod hyperplane;
mod labelled;
mod perceptron;
#[cfg(not(target_family = "wasm"))]
mod report;
mod retrieval;
#[cfg(not(target_family = "wasm"))]
mod separation;
mod similarities;
pub mod theory;
mod triplet;

pub use adapter::without_adapter;
pub use constellation::{Certificate, Constellation, Violation};
#[cfg(not(target_family = "wasm"))]
pub use direction::Direction;
pub use distribution::{Distribution, Quantile, RESOLUTION};
pub use extremes::Geometry;
#[cfg(not(target_family = "wasm"))]
pub use gap::{MeanDistances, ModalityGap, xi, xi_of_squares};
pub use hyperplane::{Hyperplane, Misclassified};
pub use labelled::{LabelledGeometry, Retrieval};
pub use perceptron::{Perceptron, PerceptronSettings};
#[cfg(not(target_family = "wasm"))]
pub use report::Report;
pub use retrieval::retrieval_failures;
#[cfg(not(target_family = "wasm"))]
pub use separation::{Separation, Verdict};
pub use similarities::Similarities;
pub use triplet::triplet_loss;
