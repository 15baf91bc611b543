//! Why a page cannot be made.

/// What was wrong with the data of a page, or with its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data cannot be shown.
    #[error("explorer: {0}")]
    Data(String),
    /// A page could not be written.
    #[error(transparent)]
    File(#[from] files::Error),
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
