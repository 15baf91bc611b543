//! Why a figure cannot be drawn.

/// What was wrong with the values of a figure, or with its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A figure cannot be drawn from these values.
    #[error("figure: {0}")]
    Figure(String),
    /// A figure could not be written.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
