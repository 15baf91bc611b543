//! SigLIP in OpenCLIP's layout: `open_clip_config.json`. The models are those that transformers has, with two
//! exceptions: some have the exact GELU there, and texts are cleaned in another way.

mod clean;
mod description;

pub(crate) use clean::Cleaning;
pub(crate) use description::Description;
