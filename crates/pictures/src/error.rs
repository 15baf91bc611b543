//! Why a picture could not be decoded.

/// As many pixels as Pillow opens without a warning: 256 MiB of RGB.
pub(crate) const MAX_PIXELS: u64 = (1 << 30) / 12;

/// Why a picture could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// No format that is known.
    #[error("is no JPEG, PNG, GIF, BMP, TIFF or WebP, whatever its name says")]
    Unknown,
    /// A pointer in place of the file.
    #[error(
        "is the pointer of Git LFS or git-annex to a picture, not the picture: `git lfs pull`, or `git annex get`"
    )]
    Pointer,
    /// A format, or a kind of one, that is not read.
    #[error("{0}, which is not read: convert it to PNG")]
    Unread(String),
    /// Impossibly many pixels, or none.
    #[error("has {width} x {height} pixels, expected 1 to {MAX_PIXELS} in all")]
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The data end before the picture does.
    #[error("is truncated: the data end before the picture does")]
    Truncated,
    /// The data are not what their format says.
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl Error {
    pub(crate) fn unread(what: impl Into<String>) -> Self {
        Self::Unread(what.into())
    }

    pub(crate) fn damaged(reason: impl ToString) -> Self {
        Self::Damaged(reason.to_string())
    }
}
