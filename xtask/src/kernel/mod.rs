//! The Rust kernel of the notebooks: evcxr, with a build directory of its own for every kernel.
//!
//! evcxr compiles each cell as a crate `ctx` in a directory that it normally makes and deletes, so
//! that every start builds all dependencies anew, in the versions that are then the newest. Here
//! each kernel gets a clone of a directory that was built once:
//!
//! ```text
//! .kernels/warm/Cargo.toml   a workspace of two, with the profile that cells are compiled in
//! .kernels/warm/Cargo.lock   the project's
//! .kernels/warm/ctx/         evcxr's directory (EVCXR_TMPDIR)
//! .kernels/warm/locked/      depends on siglip_core, so that cargo keeps the versions locked
//!                            while ctx has no dependency yet
//! .kernels/spare-1, -2       clones that wait for the next kernels
//! .kernels/<process>/        a running kernel's clone, with evcxr's start-up file init.evcxr,
//!                            and <process>.lock, which it holds
//! ```

mod clone;
pub mod evcxr;
pub mod launcher;
pub mod rust_src;
mod spare;
pub mod spec;
pub mod warm;

pub use clone::clone_tree;
