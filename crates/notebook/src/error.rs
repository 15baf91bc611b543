//! What can go wrong in a notebook.

/// What a cell's `?` may meet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A published number was missed, or a statement does not hold.
    #[error("{0}")]
    Check(String),
    /// A variable of the environment cannot be used.
    #[error("{variable} {reason}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A run or a geometry.
    #[error(transparent)]
    Constellation(#[from] constellation::Error),
    /// A figure.
    #[error(transparent)]
    Figure(#[from] figures::Error),
    /// An explorer.
    #[error(transparent)]
    Explorer(#[from] explorer::Error),
    /// A model, or the data for it.
    #[cfg(feature = "models")]
    #[error(transparent)]
    Models(#[from] models::Error),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
