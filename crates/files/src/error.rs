//! Why a file could not be read or written.

use std::path::PathBuf;

/// Why a file could not be read or written.
pub type Reason = Box<dyn std::error::Error + Send + Sync>;

/// A file that could not be read or written, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub reason: Reason,
}

impl Error {
    /// An error about `path`.
    pub fn new(path: impl Into<PathBuf>, reason: impl Into<Reason>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}
