//! Tasks of the project: from a fresh clone to executed notebooks.
//!
//! Nothing here links libtorch or `siglip_core`, so that the tasks run before either can be built.

pub mod bench;
pub mod browser;
pub mod doctor;
pub mod environment;
pub mod files;
pub mod fuzz;
pub mod kernel;
pub mod lab;
pub mod libtorch;
mod machine;
pub mod notebook;
pub mod process;
pub mod progress;
pub mod project;
pub mod python;
pub mod report;
pub mod reproduce;
pub mod setup;
pub mod side_environment;
pub mod site;
pub mod test;
pub mod tool;
pub mod torch_sys;
