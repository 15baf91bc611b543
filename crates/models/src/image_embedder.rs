//! An image tower alone that is ready to embed.

use std::path::PathBuf;

use constellation::Device;
use image::RgbImage;
use ndarray::Array2;
use tch::nn::VarStore;

use crate::checkpoint::Checkpoint;
use crate::config::VisionConfig;
use crate::device::in_libtorch;
use crate::dtype::Dtype;
use crate::embedder::embed_pixels;
use crate::error::{Error, Result};
use crate::folder::{Folder, Layout};
use crate::image::preprocess;
use crate::preprocessor::Preprocessor;
use crate::vision::VisionTower;
use crate::weights::Weights;

/// The image tower of a SigLIP with its preprocessing, on the CPU: transformers'
/// `SiglipVisionModel` or `Siglip2VisionModel`, which has no texts.
#[derive(Debug)]
pub struct ImageEmbedder {
    /// Sizes of the tower.
    pub config: VisionConfig,
    /// The tower.
    pub tower: VisionTower,
    /// From images to pixel values.
    pub preprocessor: Preprocessor,
    /// The files that the weights were read from.
    pub weights: Vec<PathBuf>,
}

/// What the names of its tensors may begin with.
const PREFIX: &str = "vision_model";

impl ImageEmbedder {
    /// Reads a checkpoint that is an image tower alone: a local folder in Hugging Face's layout, or
    /// a hub id.
    ///
    /// # Errors
    /// If it is another one, or a file is missing or damaged.
    pub fn load(model: &str, dtype: Dtype) -> Result<Self> {
        let folder = Folder::new(model)?;
        Self::read(&folder, dtype, Device::Cpu)?.ok_or_else(|| {
            Error::checkpoint(folder.path(), "is not an image tower alone, such as a SiglipVisionModel")
        })
    }

    /// That of a folder that is there; none if it has another model.
    pub(crate) fn read(folder: &Folder, dtype: Dtype, device: Device) -> Result<Option<Self>> {
        if folder.layout() == Layout::OpenClip {
            return Ok(None);
        }
        let Some(config) = VisionConfig::read_alone(&folder.require("config.json")?)? else {
            return Ok(None);
        };
        let preprocessor = Preprocessor::load(folder, &config)?;
        let checkpoint = Checkpoint::open(folder)?;
        let mut store = VarStore::new(in_libtorch(device)?);
        store.set_kind(dtype.kind());
        let mut weights = Weights::read(&store, &checkpoint).quantized(dtype == Dtype::Int8);
        if checkpoint.shape(&format!("{PREFIX}.head.probe")).is_ok() {
            weights = weights.sub(PREFIX);
        }
        let tower = VisionTower::new(&weights, &config)?;
        let weights = checkpoint.files().map(PathBuf::from).collect();
        Ok(Some(Self { config, tower, preprocessor, weights }))
    }

    /// Unit embeddings `[images, D]` of upright images.
    ///
    /// # Errors
    /// If libtorch fails.
    pub fn images(&self, images: &[RgbImage]) -> Result<Array2<f32>> {
        let pixels: Vec<_> = images.iter().map(|image| preprocess(image, &self.preprocessor)).collect();
        embed_pixels(&self.tower, &self.config, &pixels, &self.weights)
    }
}
