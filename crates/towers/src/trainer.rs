//! The training of the towers.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor, nn::VarStore};
use threads::Threads;

use constellation::train::Progress;
use constellation::{BiasKind, Error};
use models::emoji::{CLASSES, DRAWINGS, Emoji, embed_emoji};
use models::{
    Config, Folder, Preprocessor, Result, Siglip, Tokenizer, Weights, emoji, normalize, preprocess,
    seed_generator,
};
use siglip_core::loss::labelled_sigmoid_loss;

use crate::adam::Adam;
use crate::augment::augment;
use crate::batches::{Pick, Purpose, batch, generator};
use crate::checkpoint;
use crate::config::TowersConfig;
use crate::evaluate::{TowersSummary, summarize};
use crate::state::State;

/// The numbers of a finished training, as `summary.json` in its folder keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// What the towers do to the emoji.
    #[serde(flatten)]
    pub summary: TowersSummary,
    /// Steps made.
    pub steps: usize,
    /// Wall-clock time of the training.
    pub seconds: f64,
}

/// Trains towers on the emoji, and writes them to `folder` as a checkpoint in Hugging
/// Face's layout, with `training.json` and `summary.json` beside it.
///
/// A training that was interrupted goes on where its last state was written, and ends
/// with the same bytes; one that is done is not repeated. `progress` hears of every step.
///
/// # Errors
/// If the description is impossible, the folder holds something else, a file cannot be
/// read or written, or the loss diverges.
pub fn train(config: &TowersConfig, folder: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<Trained> {
    config.validate()?;
    let _threads = Threads::all();
    let emoji = emoji::load()?;
    let _lock = files::lock_folder(folder)?;
    let model = checkpoint::prepare(folder, config, &emoji.names())?;
    if folder.join(checkpoint::WEIGHTS).exists()
        && let Some(trained) = checkpoint::read_json(&folder.join(checkpoint::SUMMARY))?
    {
        return Ok(trained);
    }
    let mut trainer = Trainer::new(config, &model, folder, &emoji)?;
    let before = State::read(folder, config, &mut trainer.adam.state())?;
    let (first, seconds) = before.map_or((0, 0.0), |state| (state.step, state.seconds));
    let start = Instant::now();
    let elapsed = || Duration::from_secs_f64(seconds) + start.elapsed();
    for step in first..config.steps {
        let at = trainer.step(step)?;
        progress(&Progress { elapsed: elapsed(), ..at });
        if (step + 1) % config.checkpoint_every == 0 {
            let seconds = elapsed().as_secs_f64();
            let state = State { config: config.clone(), step: step + 1, seconds };
            state.write(folder, &trainer.adam.state())?;
        }
    }
    let seconds = elapsed().as_secs_f64();
    checkpoint::write_tensors(
        &folder.join(checkpoint::WEIGHTS),
        &trainer.weights()?,
        "format",
        "pt".to_owned(),
    )?;
    let embeddings = embed_emoji(&folder.to_string_lossy())?;
    let trained = Trained { summary: summarize(&embeddings)?, steps: config.steps, seconds };
    files::write_json(&folder.join(checkpoint::SUMMARY), &trained)?;
    remove_if_there(&folder.join(checkpoint::STATE))?;
    Ok(trained)
}

fn remove_if_there(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(files::Error::new(file, error).into())
        }
        _ => Ok(()),
    }
}

/// Model, data and optimiser.
struct Trainer<'a> {
    config: &'a TowersConfig,
    store: VarStore,
    model: Siglip,
    /// b or b_rel. The model's own `logit_bias` follows from it when the weights are saved.
    bias: Tensor,
    adam: Adam,
    /// Training drawings `[CLASSES * (DRAWINGS - 1), 3, S, S]`, in order of the classes.
    pixels: Tensor,
    /// Token ids of all names `[CLASSES, L]`.
    ids: Tensor,
}

impl<'a> Trainer<'a> {
    /// Draws the initial weights; the tokenizer and the preprocessing are the folder's.
    fn new(config: &'a TowersConfig, sizes: &Config, folder: &Path, emoji: &Emoji) -> Result<Self> {
        let store = VarStore::new(Device::Cpu);
        let mut model = {
            let _generator = seed_generator(config.seed);
            Siglip::new(&Weights::random(&store), sizes)?
        };
        let log_t = config.temperature.init.ln();
        let _ = tch::no_grad(|| model.logit_scale.f_fill_(log_t))?;
        let bias = Tensor::f_from_slice(&[config.bias.init as f32])?.f_set_requires_grad(true)?;
        let adam = Adam::new(trained_parameters(config, &store, &bias))?;

        let folder = Folder::new(&folder.to_string_lossy())?;
        let preprocessor = Preprocessor::load(&folder, &sizes.vision_config)?;
        let side = sizes.vision_config.image_size;
        let values: Vec<f32> =
            emoji.training().iter().flat_map(|drawing| preprocess(drawing, &preprocessor).values).collect();
        let pixels = Tensor::f_from_slice(&values)?.f_view([-1, 3, side, side])?;
        let ids = Tokenizer::load(&folder, sizes)?.encode(&emoji.names())?;
        Ok(Self { config, store, model, bias, adam, pixels, ids })
    }

    /// One step of Adam; `elapsed` of the result is not yet known.
    fn step(&mut self, step: usize) -> Result<Progress> {
        let loss = self.loss(step)?;
        self.adam.zero_grad();
        loss.f_backward()?;
        self.adam.step(step, self.config.schedule(step))?;

        let loss = loss.f_double_value(&[])?;
        let temperature = self.model.temperature();
        let relative_bias = self.config.bias.kind.relative(self.bias.f_double_value(&[0])?, temperature);
        if ![loss, temperature, relative_bias].iter().all(|x| x.is_finite()) {
            let seed = self.config.seed;
            return Err(Error::NonFinite { loss, step, temperature, relative_bias, seed }.into());
        }
        let (epoch, epochs) = (step + 1, self.config.steps);
        Ok(Progress { epoch, epochs, loss, temperature, relative_bias, elapsed: Duration::ZERO })
    }

    /// The loss of a batch against all names: a sum over the names, a mean over the
    /// drawings, as SigLIP normalises it.
    fn loss(&self, step: usize) -> Result<Tensor> {
        let TowersConfig { seed, bias, numerics, .. } = *self.config;
        let trained_drawings = DRAWINGS - 1;
        let picks = batch(seed, step, CLASSES, trained_drawings, self.config.batch);
        let indices = |of: &dyn Fn(&Pick) -> usize| {
            Tensor::f_from_slice(&picks.iter().map(|pick| of(pick) as i64).collect::<Vec<_>>())
        };
        let class_of = indices(&|pick| pick.class)?;
        let rows = indices(&|pick| trained_drawings * pick.class + pick.drawing)?;
        let mut pixels = self.pixels.f_index_select(0, &rows)?;
        if step < self.config.augmented_steps {
            pixels = augment(&pixels, &mut generator(seed, Purpose::Augmentation, step))?;
        }
        let images = normalize(&self.model.vision.forward(&pixels)?)?;
        let names = normalize(&self.model.text.forward(&self.ids)?)?;
        let similarities = images.f_matmul(&names.f_transpose(0, 1)?)?;
        let t = self.model.logit_scale.f_exp()?;
        let mean = labelled_sigmoid_loss(&similarities, &class_of, &t, &self.bias, bias.kind, numerics)?;
        Ok(mean.f_mul_scalar(CLASSES as f64)?)
    }

    /// The tensors of the checkpoint, by Hugging Face's names.
    fn weights(&self) -> Result<Vec<(String, Tensor)>> {
        let bias = self.bias.f_double_value(&[0])?;
        let absolute = match self.config.bias.kind {
            BiasKind::Absolute => bias,
            BiasKind::Relative => bias * self.model.temperature(),
        };
        let mut weights = self.store.variables();
        weights.insert(LOGIT_BIAS.to_owned(), Tensor::f_from_slice(&[-absolute as f32])?);
        Ok(weights.into_iter().collect())
    }
}

const LOGIT_SCALE: &str = "logit_scale";
const LOGIT_BIAS: &str = "logit_bias";

/// What Adam moves, in order of the names, with the learning rates.
fn trained_parameters(config: &TowersConfig, store: &VarStore, bias: &Tensor) -> Vec<(String, Tensor, f64)> {
    let mut parameters: Vec<_> = (store.variables().into_iter())
        .filter(|(name, _)| name != LOGIT_BIAS && name != LOGIT_SCALE)
        .map(|(name, tensor)| (name, tensor, config.learning_rate))
        .collect();
    parameters.sort_by(|a, b| a.0.cmp(&b.0));
    let scalar =
        |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone(), config.scalar_learning_rate);
    if config.temperature.trainable {
        let scale = store.root().get(LOGIT_SCALE).expect("the model has put it there");
        parameters.push(scalar(LOGIT_SCALE, &scale));
    }
    if config.bias.trainable {
        parameters.push(scalar("bias", bias));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::{Dtype, Embedder};

    #[test]
    fn a_saved_checkpoint_gives_the_embeddings_of_the_towers_in_training() {
        for config in [TowersConfig::default(), TowersConfig::relative()] {
            let config = config.with(&["batch=20", "warmup_steps=0"]).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let emoji = emoji::load().unwrap();
            let sizes = checkpoint::prepare(folder.path(), &config, &emoji.names()).unwrap();
            let mut trainer = Trainer::new(&config, &sizes, folder.path(), &emoji).unwrap();
            let progress = (0..3).map(|step| trainer.step(step).unwrap()).last().unwrap();
            let file = folder.path().join(checkpoint::WEIGHTS);
            checkpoint::write_tensors(&file, &trainer.weights().unwrap(), "format", "pt".to_owned()).unwrap();

            let loaded = Embedder::load(folder.path().to_str().unwrap(), Dtype::F32).unwrap();
            assert!((loaded.model.temperature() - progress.temperature).abs() < 1e-5);
            assert!((loaded.model.relative_bias() - progress.relative_bias).abs() < 1e-6);
            let texts = Tensor::try_from(&loaded.texts(&emoji.names()).unwrap()).unwrap();
            let images = Tensor::try_from(&loaded.images(&emoji.training()[..9]).unwrap()).unwrap();
            let expected_texts = trainer.model.embed_texts(&trainer.ids).unwrap();
            let expected_images = trainer.model.embed_images(&trainer.pixels.narrow(0, 0, 9)).unwrap();
            assert!((texts - expected_texts).abs().max().double_value(&[]) < 1e-6);
            assert!((images - expected_images).abs().max().double_value(&[]) < 1e-6);
        }
    }
}
