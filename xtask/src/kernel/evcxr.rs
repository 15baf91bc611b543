//! evcxr's Jupyter kernel.

use crate::tool::Tool;

/// The program; the directory layout of its version is relied on in [`super::warm`].
///
/// Before a kernel's first cell it analyses all crates, on one thread, and optimised so that takes a seventh
/// less than in the package's own profile.
pub const EVCXR: Tool = Tool {
    name: "evcxr_jupyter",
    version: "0.22.0",
    profile: &[("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2")],
    variant: "-o2",
    proof: ("--help", "--install"),
};
