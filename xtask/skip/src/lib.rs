//! How a test says that it does not run here. It depends on nothing, and tests depend on it.
//!
//! ```
//! # fn find_node() -> Option<()> { None }
//! fn node_computes_the_same() {
//!     let Some(node) = find_node() else { return skip::because("node is not installed") };
//! }
//! ```

use std::{
    fmt::Display,
    io::{self, Write},
    thread,
};

/// Says that the running test is skipped, and why.
///
/// The line is seen under a plain `cargo test` too, which hides what tests that pass have printed, and
/// `cargo xtask test` counts it.
pub fn because(reason: impl Display) {
    let thread = thread::current();
    let line = format!("skipped {}: {reason}\n", thread.name().unwrap_or("a test"));
    // At once, so that no other test's line comes between; and not by a macro, whose text is hidden.
    let _ = io::stderr().write_all(line.as_bytes());
}
