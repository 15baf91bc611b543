//! What can be wrong with a checkpoint, a data set or a file of embeddings.

use std::path::{Path, PathBuf};

/// What cannot be used; always names the file, and in it the key,
/// tensor or entry, that is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration file is missing a key, or has one that cannot be used.
    #[error("{file}: `{key}` {reason}", file = file.display())]
    Config {
        /// `config.json`, `preprocessor_config.json` or `tokenizer_config.json`.
        file: PathBuf,
        /// Dotted path of the key.
        key: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The weights cannot be used.
    #[error("{file}: {reason}", file = file.display())]
    Checkpoint {
        /// The folder, or the safetensors file.
        file: PathBuf,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A checkpoint could not be had from the Hugging Face hub.
    #[error(
        "cannot get `{id}`, which is not a local folder, from the Hugging Face hub: {reason}. \
         Without network, download it elsewhere (`hf download {id} --local-dir DIR`) and give its folder"
    )]
    Hub {
        /// The id as given, such as `google/siglip-base-patch16-224`.
        id: String,
        /// What the hub's client said.
        reason: String,
    },
    /// A tokenizer cannot be read, or cannot be that of this model.
    #[error("{file}: {reason}", file = file.display())]
    Tokenizer {
        /// `tokenizer.json` or `spiece.model`.
        file: PathBuf,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// An image cannot be decoded.
    #[error("image {name}: {reason}")]
    Image {
        /// Its file, or its name in the archive.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A broken image stopped a run.
    #[error(
        "{image}. {done} of {total} images are done, and kept in {kept}: mend or remove this one, \
         or have broken images skipped, and run again",
        kept = kept.display()
    )]
    Broken {
        /// The image, and what is wrong with it.
        image: String,
        /// Images that are done.
        done: usize,
        /// Images in all.
        total: usize,
        /// The file with the finished batches.
        kept: PathBuf,
    },
    /// Shards of an embedding are not finished.
    #[error("{missing} of {all} batches are missing: run shards {shards} again, then merge")]
    Unfinished {
        /// How many batches no shard has.
        missing: usize,
        /// How many there are.
        all: usize,
        /// Which shards have to do them.
        shards: String,
    },
    /// A folder of images, an archive or a labels file is not of a documented form.
    #[error("{file}: {reason}", file = file.display())]
    Dataset {
        /// The folder or file.
        file: PathBuf,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A file of embeddings is not of the documented form.
    #[error("{file}: `{array}` {reason}", file = file.display())]
    Npz {
        /// The `.npz` file.
        file: PathBuf,
        /// The array in it.
        array: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The run that is to be resumed is another one.
    #[error(
        "{file} holds the finished batches of another run: {reason}. Repeat that run with its own options \
         to finish it, or delete the file to start anew",
        file = file.display()
    )]
    Resume {
        /// The side file.
        file: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Tensors or arrays do not have the shape that was asked for.
    #[error("{what}: got {got}, expected {expected}")]
    Input {
        /// What was being read or computed.
        what: &'static str,
        /// What was given.
        got: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// Worker threads could not be started.
    #[error("worker threads: {0}; ask for fewer")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// libtorch reported an error.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A description, or a geometry, that cannot be used.
    #[error(transparent)]
    Constellation(#[from] constellation::Error),
    /// An option cannot be used.
    #[error("{option} is {value}, expected {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value as given.
        value: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// libtorch makes no products of 8-bit integers, as in builds for other processors than x86.
    #[error("dtype is int8, expected `bf16` or `f32`: this libtorch makes no products of 8-bit integers")]
    Integers(#[source] Box<Error>),
}

/// Shorthand for results with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>, reason: impl Into<files::Reason>) -> Self {
        files::Error::new(path, reason).into()
    }

    pub(crate) fn config(file: impl AsRef<Path>, key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { file: file.as_ref().to_owned(), key: key.into(), reason: reason.into() }
    }

    pub(crate) fn checkpoint(file: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Checkpoint { file: file.as_ref().to_owned(), reason: reason.into() }
    }

    pub(crate) fn tokenizer(file: impl AsRef<Path>, reason: impl ToString) -> Self {
        Self::Tokenizer { file: file.as_ref().to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn image(name: impl Into<String>, reason: impl ToString) -> Self {
        Self::Image { name: name.into(), reason: reason.to_string() }
    }

    pub(crate) fn dataset(file: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Dataset { file: file.as_ref().to_owned(), reason: reason.into() }
    }

    pub(crate) fn npz(file: impl AsRef<Path>, array: impl Into<String>, reason: impl ToString) -> Self {
        Self::Npz { file: file.as_ref().to_owned(), array: array.into(), reason: reason.to_string() }
    }
}
