//! `preprocessor_config.json`: what is done to an image before the tower sees it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::VisionConfig;
use crate::error::{Error, Result};
use crate::folder::{Folder, Layout};
use crate::json;
use crate::open_clip::Description;
use crate::resize::Filter;

/// How images are resized and normalised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preprocessor {
    /// What images are resized to.
    #[serde(flatten)]
    pub resolution: Resolution,
    /// Kernel of the resize.
    pub filter: Filter,
    /// What levels 0 to 255 are multiplied with.
    pub rescale_factor: f64,
    /// Then subtracted, per channel.
    pub mean: [f64; 3],
    /// Then divided by, per channel.
    pub std: [f64; 3],
}

/// What images are resized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Resolution {
    /// A square, straight, without regard to their proportions.
    Fixed {
        /// Its side S, in pixels.
        image_size: u32,
    },
    /// As many whole patches as allowed, in their proportions (SigLIP 2 NaFlex).
    Variable {
        /// Side of a patch, in pixels.
        patch_size: u32,
        /// Patches of an image, at most.
        max_num_patches: u32,
    },
}

/// The keys of the file that matter here. Absent ones are those of transformers' classes.
#[derive(Deserialize)]
#[serde(default)]
struct File {
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
    do_center_crop: Option<bool>,
    do_pad: Option<bool>,
    size: Option<Size>,
    patch_size: Option<i64>,
    max_num_patches: i64,
    resample: Option<Filter>,
    rescale_factor: f64,
    image_mean: [f64; 3],
    image_std: [f64; 3],
}

#[derive(Deserialize)]
struct Size {
    height: i64,
    width: i64,
}

/// Pixels of an image after resizing: as many as those of the largest fixed resolution.
const MAX_PIXELS: i64 = 1 << 26;

/// Version 5 of transformers nests the same keys.
#[derive(Deserialize)]
struct ProcessorFile {
    image_processor: File,
}

impl Default for File {
    fn default() -> Self {
        Self {
            do_resize: None,
            do_rescale: None,
            do_normalize: None,
            do_center_crop: None,
            do_pad: None,
            size: None,
            patch_size: None,
            max_num_patches: 256,
            resample: None,
            rescale_factor: 1.0 / 255.0,
            image_mean: [0.5; 3],
            image_std: [0.5; 3],
        }
    }
}

impl Preprocessor {
    /// SigLIP's own: bicubic, to -1..1.
    pub fn siglip(image_size: u32) -> Self {
        let File { rescale_factor, image_mean: mean, image_std: std, .. } = File::default();
        let resolution = Resolution::Fixed { image_size };
        Self { resolution, filter: Filter::Bicubic, rescale_factor, mean, std }
    }

    /// Reads `preprocessor_config.json`, or else `processor_config.json`, or OpenCLIP's file.
    ///
    /// Of variable resolution, the numbers of the file hold, as with transformers' image processor.
    /// Its `Siglip2Processor` puts 256 patches of 16 pixels in their place, which published
    /// checkpoints have anyway.
    ///
    /// # Errors
    /// If there is neither, if a key asks for what SigLIP does not do, or if a size is
    /// not that of `config`.
    pub fn load(folder: &Folder, config: &VisionConfig) -> Result<Self> {
        if folder.layout() == Layout::OpenClip {
            let (mean, std, filter) = Description::read(folder)?.preprocessing()?;
            let usual = Self::siglip(config.image_size as u32);
            return Ok(Self { filter, mean, std, ..usual });
        }
        let (path, file) = match folder.find("preprocessor_config.json") {
            Some(path) => (path.clone(), json::read::<File>(&path)?),
            None => {
                let path = folder.require("processor_config.json")?;
                (path.clone(), json::read::<ProcessorFile>(&path)?.image_processor)
            }
        };
        file.check(&path)?;
        let resolution = file.resolution(&path, config)?;
        let usual = match resolution {
            Resolution::Fixed { .. } => Filter::Bicubic,
            Resolution::Variable { .. } => Filter::Bilinear,
        };
        Ok(Self {
            resolution,
            filter: file.resample.unwrap_or(usual),
            rescale_factor: file.rescale_factor,
            mean: file.image_mean,
            std: file.image_std,
        })
    }

    /// Pixel value of each level, per channel, rounded as transformers rounds it.
    pub(crate) fn tables(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            let (mean, std) = (self.mean[channel] as f32, self.std[channel] as f32);
            std::array::from_fn(|level| ((level as f64 * self.rescale_factor) as f32 - mean) / std)
        })
    }
}

impl File {
    fn resolution(&self, path: &Path, config: &VisionConfig) -> Result<Resolution> {
        let side = config.image_size;
        if config.num_patches.is_none() {
            return match self.size {
                Some(Size { height, width }) if (height, width) != (side, side) => {
                    let reason = format!("is {height} x {width}; vision_config.image_size is {side}");
                    Err(Error::config(path, "size", reason))
                }
                _ => Ok(Resolution::Fixed { image_size: side as u32 }),
            };
        }
        let patch = config.patch_size;
        if let Some(given) = self.patch_size
            && given != patch
        {
            let reason = format!("is {given}; vision_config.patch_size is {patch}");
            return Err(Error::config(path, "patch_size", reason));
        }
        let most = MAX_PIXELS / (patch * patch);
        if !(1..=most).contains(&self.max_num_patches) {
            let reason = format!("is {}, expected 1 to {most}", self.max_num_patches);
            return Err(Error::config(path, "max_num_patches", reason));
        }
        let max_num_patches = self.max_num_patches as u32;
        Ok(Resolution::Variable { patch_size: patch as u32, max_num_patches })
    }

    fn check(&self, path: &Path) -> Result<()> {
        for (key, value, expected) in [
            ("do_resize", self.do_resize, true),
            ("do_rescale", self.do_rescale, true),
            ("do_normalize", self.do_normalize, true),
            ("do_center_crop", self.do_center_crop, false),
            ("do_pad", self.do_pad, false),
        ] {
            if value.is_some_and(|value| value != expected) {
                return Err(Error::config(path, key, format!("is {}, expected {expected}", !expected)));
            }
        }
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        for (key, valid, expected) in [
            (
                "rescale_factor",
                finite(&[self.rescale_factor]) && self.rescale_factor > 0.0,
                "a positive number",
            ),
            ("image_mean", finite(&self.image_mean), "finite numbers"),
            (
                "image_std",
                finite(&self.image_std) && self.image_std.iter().all(|&x| x > 0.0),
                "positive numbers",
            ),
        ] {
            if !valid {
                return Err(Error::config(path, key, format!("is impossible, expected {expected}")));
            }
        }
        Ok(())
    }
}
