//! evcxr's Jupyter kernel.

use crate::tool::Tool;

/// The program; the directory layout of its version is relied on in [`super::warm`].
///
/// Before a kernel's first cell it analyses all crates, on one thread. Optimised across crates it does so in a
/// fifth less time than in the package's own profile; as a whole, on one core, it would take no less.
pub const EVCXR: Tool = Tool {
    name: "evcxr_jupyter",
    version: "0.22.0",
    profile: &[("CARGO_PROFILE_RELEASE_LTO", "thin"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")],
    variant: "-thin",
    proof: ("--help", "--install"),
};
