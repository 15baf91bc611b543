//! A checkpoint that is ready to embed.

use std::path::PathBuf;

use constellation::Device;
use image::RgbImage;
use ndarray::{Array2, Axis, concatenate};
use tch::Tensor;

use crate::checkpoint::Checkpoint;
use crate::config::{Config, VisionConfig};
use crate::device::{in_libtorch, upload};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::image::{Pixels, preprocess};
use crate::model::{Siglip, normalize};
use crate::naflex::Grid;
use crate::preprocessor::Preprocessor;
use crate::streams::side_by_side;
use crate::tokenizer::Tokenizer;
use crate::vision::VisionTower;
use crate::weights::Parameter;

/// A SigLIP model with its tokenizer and preprocessing, on the CPU.
#[derive(Debug)]
pub struct Embedder {
    /// Sizes of the towers.
    pub config: Config,
    /// The towers, temperature and bias.
    pub model: Siglip,
    /// From texts to token ids.
    pub tokenizer: Tokenizer,
    /// From images to pixel values.
    pub preprocessor: Preprocessor,
    /// The files that the weights were read from.
    pub weights: Vec<PathBuf>,
}

impl Embedder {
    /// Reads a checkpoint: a local folder in Hugging Face's layout or OpenCLIP's, or a hub id
    /// such as `google/siglip-base-patch16-224`, which is downloaded unless the cache has it.
    ///
    /// # Errors
    /// If a file is missing, damaged, or belongs to another kind of model.
    pub fn load(model: &str, dtype: Dtype) -> Result<Self> {
        Self::read(&Folder::new(model)?, dtype, Device::Cpu)
    }

    /// The same of a folder that is there, on a device.
    pub(crate) fn read(folder: &Folder, dtype: Dtype, device: Device) -> Result<Self> {
        let config = Config::load(folder)?;
        let tokenizer = Tokenizer::load(folder, &config)?;
        let preprocessor = Preprocessor::load(folder, &config.vision_config)?;
        let checkpoint = Checkpoint::open(folder)?;
        let model = Siglip::read(&checkpoint, &config, dtype, in_libtorch(device)?)?;
        let weights = checkpoint.files().map(PathBuf::from).collect();
        Ok(Self { config, model, tokenizer, preprocessor, weights })
    }

    /// Unit embeddings `[texts, D]`.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn texts<S: AsRef<str>>(&self, texts: &[S]) -> Result<Array2<f32>> {
        let device = self.model.text.device();
        let ids = Parameter(upload(self.tokenizer.encode(texts)?, device)?);
        let (tower, weights) = ((self.model.text.clone(), ids), &self.weights);
        side_by_side(texts.len(), device, tower.0.part(), &tower, |(tower, ids), range| {
            let ids = ids.f_narrow(0, range.start as i64, range.len() as i64)?;
            matrix(&tch::no_grad(|| normalize(&tower.forward(&ids)?))?, weights)
        })
    }

    /// Unit embeddings `[images, D]` of upright images.
    ///
    /// # Errors
    /// If libtorch fails.
    pub fn images(&self, images: &[RgbImage]) -> Result<Array2<f32>> {
        let pixels: Vec<_> = images.iter().map(|image| preprocess(image, &self.preprocessor)).collect();
        embed_pixels(&self.model.vision, &self.config.vision_config, &pixels, &self.weights)
    }
}

/// Unit embeddings `[images, D]` of preprocessed images by a tower that `weights` have led to.
pub(crate) fn embed_pixels(
    tower: &VisionTower,
    config: &VisionConfig,
    images: &[Pixels],
    weights: &[PathBuf],
) -> Result<Array2<f32>> {
    side_by_side(images.len(), tower.device(), tower.part(), tower, |tower, range| {
        embed_part(tower, config, &images[range], weights)
    })
}

/// The same in one pass.
pub(crate) fn embed_part(
    tower: &VisionTower,
    config: &VisionConfig,
    images: &[Pixels],
    weights: &[PathBuf],
) -> Result<Array2<f32>> {
    let tensors = images.iter().map(|pixels| Ok(Tensor::f_from_slice(&pixels.values)?));
    let values = Tensor::f_cat(&tensors.collect::<Result<Vec<_>>>()?, 0)?;
    let values = upload(values, tower.device())?;
    let grids: Vec<Grid> = images.iter().filter_map(|pixels| pixels.grid).collect();
    let VisionConfig { image_size: side, patch_size: patch, .. } = *config;
    let embeddings = tch::no_grad(|| {
        normalize(&if grids.is_empty() {
            tower.forward(&values.f_view([-1, 3, side, side])?)?
        } else {
            tower.forward_patches(&values.f_view([-1, 3 * patch * patch])?, &grids)?
        })
    })?;
    matrix(&embeddings, weights)
}

/// The numbers of a tensor `[rows, columns]`, which `weights` have led to.
fn matrix(embeddings: &Tensor, weights: &[PathBuf]) -> Result<Array2<f32>> {
    let (rows, columns) = embeddings.size2()?;
    let mut values = vec![0.0; (rows * columns) as usize];
    let count = values.len();
    embeddings.f_contiguous()?.f_copy_data(&mut values, count)?;
    if values.iter().any(|value: &f32| !value.is_finite()) {
        let reason = "gives an embedding that is not a finite number: are its weights damaged?";
        return Err(Error::checkpoint(&weights[0], reason));
    }
    let shape = (rows as usize, columns as usize);
    Ok(Array2::from_shape_vec(shape, values).expect("as many values as the size says"))
}

/// Applies `embed` to batches of `size` and joins the rows.
pub(crate) fn in_batches<T>(
    items: &[T],
    size: usize,
    embed: impl Fn(&[T]) -> Result<Array2<f32>>,
) -> Result<Array2<f32>> {
    let batches = items.chunks(size).map(embed).collect::<Result<Vec<_>>>()?;
    let views: Vec<_> = batches.iter().map(|batch| batch.view()).collect();
    Ok(concatenate(Axis(0), &views).expect("all embeddings of a model have one dimension"))
}
