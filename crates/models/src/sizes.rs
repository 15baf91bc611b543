//! Sizes of the towers of a checkpoint, whatever its layout.

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::error::Result;
use crate::folder::{Folder, Layout};
use crate::open_clip::Description;

impl Config {
    /// Those of a checkpoint in any layout. OpenCLIP's file is not complete, so the weights
    /// are looked at.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn load(folder: &Folder) -> Result<Self> {
        match folder.layout() {
            Layout::HuggingFace => Self::read(&folder.require("config.json")?),
            Layout::OpenClip => {
                let description = Description::read(folder)?;
                let checkpoint = Checkpoint::open(folder)?;
                description.config(|name| checkpoint.shape(name))
            }
        }
    }
}
