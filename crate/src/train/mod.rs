//! The one training loop.

mod engine;
mod fused;
mod history;

pub(crate) use engine::{Engine, State};
pub use history::{History, Record};
