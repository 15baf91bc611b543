//! The one training loop.

mod engine;
mod history;

pub(crate) use engine::{Engine, State};
pub use history::{History, Record};
