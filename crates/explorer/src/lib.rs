//! The explorer: one self-contained HTML page in which temperature, bias and the epochs of a
//! training are turned by hand, and in which the run is trained anew with other settings.
//!
//! Rust packs moments of a run into JSON; the files in `page/` draw them. The page contains the
//! training loop as WebAssembly (`engine/`), needs no network and shares nothing but that with other
//! explorers beside it. Where workers are forbidden it trains between its frames, without WebAssembly
//! it shows what was recorded, and without scripts a picture. Of the workspace this crate
//! depends on `constellation`, whose runs it shows, and on `files`.
//!
//! ```
//! use constellation::Experiment;
//! use explorer::{Explorer, ExplorerData};
//!
//! let run = Experiment { pairs: 4, dim: 3, epochs: 50, ..Experiment::default() }.train()?;
//! let page = Explorer::new(&ExplorerData::of(&run, Vec::new()))?;
//! assert!(page.html().contains("<script>") && page.html().len() < Explorer::MAX_BYTES);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axes;
mod data;
mod error;
mod explorer;
mod front;
mod page;
mod payload;
mod similarities;

pub use data::{ExplorerData, Frame};
pub use error::{Error, Result};
pub use explorer::Explorer;
pub use front::{Entry, write_front};
pub use page::escape;

#[cfg(test)]
mod tests;
