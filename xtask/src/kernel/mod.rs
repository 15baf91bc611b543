//! The Rust kernels of the notebooks: evcxr, each in a build directory of its own.
//!
//! evcxr compiles each cell as a crate `ctx` in a directory that it normally makes and deletes, so
//! that every start builds all dependencies anew, in the versions that are then the newest. Here set-up
//! builds one directory for each [`Kernel`], and kernels run in copies of it that are kept:
//!
//! ```text
//! .kernels/NAME/warm/Cargo.toml  a workspace of two, with the profile that cells are compiled in
//! .kernels/NAME/warm/Cargo.lock  the project's
//! .kernels/NAME/warm/ctx/        evcxr's directory (EVCXR_TMPDIR)
//! .kernels/NAME/warm/locked/     depends on siglip_core, so that cargo keeps the versions locked
//!                                while ctx has no dependency yet
//! .kernels/NAME/warm.lock        held while the warm directory is built, shared while it is copied
//! .kernels/NAME/slot-1, -2 …     copies in which kernels run, one at a time in each
//! .kernels/NAME/slot-1.lock …    held by all processes of the kernel that runs there
//! ```
//!
//! Where the project's path has a space, `.kernels` is elsewhere: see [`Project::kernels`].

pub mod evcxr;
pub mod launcher;
pub mod rust_src;
pub mod slot;
pub mod spec;
pub mod warm;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;

use crate::project::Project;

/// A kernel, by what its notebooks need of `siglip_core`. The kernelspec that a notebook names chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// Synthetic experiments: pure Rust, with less to read and to build
    Synthetic,
    /// Everything: libtorch, checkpoints, images and texts
    Full,
}

impl Kernel {
    /// All kernels; what one builds the next does not build again.
    pub const ALL: [Self; 2] = [Self::Synthetic, Self::Full];

    /// The kernelspec's name, as the notebooks' metadata have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Synthetic => "siglip-rust-synthetic",
            Self::Full => "siglip-rust",
        }
    }

    /// The name on screen.
    #[must_use]
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Synthetic => "Rust (siglip, synthetic)",
            Self::Full => "Rust (siglip)",
        }
    }

    /// What the notebooks' first cells name, `siglip_core` being in the folder `library`:
    /// `siglip_core = { path = "../crate" }`, for example.
    #[must_use]
    pub fn dependency(self, library: &Path) -> String {
        let features = match self {
            Self::Synthetic => ", default-features = false",
            Self::Full => "",
        };
        // JSON's strings are TOML's, which Rust's own are not: those have `\u{301}`.
        let library = Value::from(library.to_string_lossy());
        format!("siglip_core = {{ path = {library}{features} }}")
    }

    fn folder(self, project: &Project) -> PathBuf {
        project.kernels().join(self.name())
    }

    /// The warm directory.
    #[must_use]
    pub fn warm(self, project: &Project) -> PathBuf {
        self.folder(project).join("warm")
    }
}
