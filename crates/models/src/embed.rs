//! `siglip embed`: a whole data set, in batches, and so that it can be left alone.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::UNIX_EPOCH,
};

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shard::Shard;

use crate::dataset::{Dataset, Item, Texts};
use crate::device::Device;
use crate::embedder::{Dtype, Embedder};
use crate::embeddings::{Embeddings, ImageEmbeddings};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::image::{Pixels, decode, preprocess};
use crate::image_embedder::ImageEmbedder;
use crate::journal::Journal;
use crate::preprocessor::Preprocessor;
use crate::progress::{Clock, EmbedProgress};

/// What to embed, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmbedOptions {
    /// Folder of a checkpoint in Hugging Face's layout or OpenCLIP's, or a hub id.
    pub model: String,
    /// Folder of images, tar archive, or many of them, such as `shard-{000..331}.tar`.
    pub images: PathBuf,
    /// Names the class of the k-th image, in order of names, in line k. Without it an
    /// image's class is the folder that it lies in.
    pub labels: Option<PathBuf>,
    /// Takes each image's text from the `.txt` beside it, if this is `txt`, or else from this
    /// key of the `.json` beside it.
    pub captions: Option<String>,
    /// What is embedded for a class, with `{}` for its name. Of several the embeddings are
    /// averaged, and the mean normalised, as zero-shot classification does; of none, the name
    /// alone is embedded.
    pub templates: Vec<String>,
    /// The `.npz` file to write. Finished batches are kept beside it, in a file with
    /// `.partial` at the end of its name, until all are there.
    pub out: PathBuf,
    /// Images, or texts, that go through the model at once.
    pub batch: usize,
    /// Type of weights and activations.
    pub dtype: Dtype,
    /// Whether images that cannot be decoded are left out; else the first one stops the run.
    pub skip_broken: bool,
    /// Where to compute.
    pub device: Device,
}

impl EmbedOptions {
    /// float32 on the processor, in batches of 16, of class folders; a broken image stops the run.
    pub fn new(model: impl Into<String>, images: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            images: images.into(),
            labels: None,
            captions: None,
            templates: Vec::new(),
            out: out.into(),
            batch: 16,
            dtype: Dtype::F32,
            skip_broken: false,
            device: Device::Cpu,
        }
    }
}

/// Where a template has the class's name.
const PLACE: &str = "{}";
/// More would be slower, and take memory.
const MAX_BATCH: usize = 4096;

/// What a checkpoint can embed of a data set.
#[derive(Debug, Clone, PartialEq)]
pub enum Vectors {
    /// Images and the names of their classes.
    Pairs(Embeddings),
    /// Images alone: the checkpoint is an image tower without texts.
    Images(ImageEmbeddings),
}

/// Embeds images and the names of their classes, and writes them to `options.out`.
///
/// Rows are ordered by class name, then image name. Each distinct class name is embedded
/// once. Images are decoded and resized on all cores while the model computes. A run that
/// was interrupted continues where it was, with the same result to the bit.
///
/// # Errors
/// What [`Embedder::load`] and [`Dataset::open`] find; a broken image, unless they are
/// skipped; a journal of another run at the same place.
pub fn embed(options: &EmbedOptions, progress: &mut dyn FnMut(&EmbedProgress)) -> Result<Embeddings> {
    let items = open(options)?;
    pairs(
        &Embedder::read(&Folder::new(&options.model)?, options.dtype, options.device)?,
        items,
        options,
        progress,
    )
}

/// As [`embed`], and of an image tower alone, which has no texts, the images.
///
/// # Errors
/// As [`embed`].
pub fn embed_vectors(options: &EmbedOptions, progress: &mut dyn FnMut(&EmbedProgress)) -> Result<Vectors> {
    let items = open(options)?;
    let folder = Folder::new(&options.model)?;
    match ImageEmbedder::read(&folder, options.dtype, options.device)? {
        Some(tower) => images_alone(&tower, items, options, progress).map(Vectors::Images),
        None => {
            let embedder = Embedder::read(&folder, options.dtype, options.device)?;
            pairs(&embedder, items, options, progress).map(Vectors::Pairs)
        }
    }
}

/// The images, ordered by class name, then image name.
pub(crate) fn open(options: &EmbedOptions) -> Result<Dataset> {
    if !(1..=MAX_BATCH).contains(&options.batch) {
        let value = options.batch.to_string();
        return Err(Error::Option { option: "batch", value, expected: "1 to 4096" });
    }
    if let Some(template) = options.templates.iter().find(|template| !template.contains(PLACE)) {
        let (option, value) = ("template", format!("`{template}`"));
        return Err(Error::Option { option, value, expected: "a text with {} for the class's name" });
    }
    let texts = match (&options.labels, &options.captions) {
        (Some(_), Some(key)) => {
            let expected = "a labels file or captions, not both";
            return Err(Error::Option { option: "captions", value: key.clone(), expected });
        }
        (Some(file), None) => Texts::Lines(file),
        (None, Some(key)) => Texts::Captions(key),
        (None, None) => Texts::Folders,
    };
    let mut dataset = Dataset::open(&options.images, texts)?;
    dataset.items.sort_by(|a, b| (&a.label, &a.name).cmp(&(&b.label, &b.name)));
    Ok(dataset)
}

fn pairs(
    embedder: &Embedder,
    dataset: Dataset,
    options: &EmbedOptions,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<Embeddings> {
    let mut journal = Journal::open(journal_path(&options.out)?, &embedder.description(options)?)?;
    let (class_text, image) =
        embed_pairs(embedder, &dataset.items, options, Shard::WHOLE, &mut journal, progress)?;
    let embeddings = Embeddings::of(dataset, image, &class_text)?;
    embeddings.write(&options.out)?;
    journal.remove()?;
    Ok(embeddings)
}

/// Embeddings of a shard's batches of class names and of images, in matrices of all of them.
pub(crate) fn embed_pairs(
    embedder: &Embedder,
    items: &[Item],
    options: &EmbedOptions,
    shard: Shard,
    journal: &mut Journal,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<(Array2<f32>, Array2<f32>)> {
    let class_text = embed_texts(embedder, &classes(items), options, shard, journal, progress)?;
    let tower = Tower {
        preprocessor: &embedder.preprocessor,
        width: embedder.config.embedding_size() as usize,
        embed: &|pixels| embedder.pixels(pixels),
    };
    Ok((class_text, embed_images(&tower, items, options, shard, journal, progress)?))
}

fn images_alone(
    embedder: &ImageEmbedder,
    dataset: Dataset,
    options: &EmbedOptions,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<ImageEmbeddings> {
    refuse_templates(options)?;
    let mut journal = Journal::open(journal_path(&options.out)?, &embedder.description(options)?)?;
    let image = embed_images_alone(embedder, &dataset.items, options, Shard::WHOLE, &mut journal, progress)?;
    let (embeddings, _) = group(dataset, image)?;
    embeddings.write(&options.out)?;
    journal.remove()?;
    Ok(embeddings)
}

/// Templates are of texts, which an image tower alone has not.
pub(crate) fn refuse_templates(options: &EmbedOptions) -> Result<()> {
    if let Some(template) = options.templates.first() {
        let (option, value) = ("template", format!("`{template}`"));
        return Err(Error::Option {
            option,
            value,
            expected: "none: the model is an image tower without texts",
        });
    }
    Ok(())
}

/// Embeddings of a shard's batches of images, in a matrix of all of them.
pub(crate) fn embed_images_alone(
    embedder: &ImageEmbedder,
    items: &[Item],
    options: &EmbedOptions,
    shard: Shard,
    journal: &mut Journal,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<Array2<f32>> {
    let ImageEmbedder { config, preprocessor, .. } = embedder;
    let tower =
        Tower { preprocessor, width: config.hidden_size as usize, embed: &|pixels| embedder.pixels(pixels) };
    embed_images(&tower, items, options, shard, journal, progress)
}

impl Embeddings {
    /// Of all images of a data set, those that were skipped being no numbers, and of all its classes.
    pub(crate) fn of(dataset: Dataset, image: Array2<f32>, class_text: &Array2<f32>) -> Result<Self> {
        let (images, present) = group(dataset, image)?;
        let ImageEmbeddings { image, classes, splits, skipped, left_out } = images;
        let class_text = class_text.select(Axis(0), &present);
        Ok(Self { image, class_text, classes, splits, skipped, left_out })
    }
}

impl Embedder {
    /// What all batches of a run have in common.
    pub(crate) fn description(&self, options: &EmbedOptions) -> Result<Value> {
        description(options, json!(self.config), &self.preprocessor, &self.weights)
    }
}

impl ImageEmbedder {
    /// What all batches of a run have in common.
    pub(crate) fn description(&self, options: &EmbedOptions) -> Result<Value> {
        description(options, json!(self.config), &self.preprocessor, &self.weights)
    }
}

/// The part of a model that images go through.
struct Tower<'a> {
    preprocessor: &'a Preprocessor,
    /// Dimension D of an embedding.
    width: usize,
    /// Unit embeddings of a batch.
    embed: &'a dyn Fn(&[Pixels]) -> Result<Array2<f32>>,
}

/// The distinct labels, in order.
pub(crate) fn classes(items: &[Item]) -> Vec<String> {
    let mut classes: Vec<String> = items.iter().map(|item| item.label.clone()).collect();
    classes.dedup();
    classes
}

pub(crate) fn journal_path(out: &Path) -> Result<PathBuf> {
    files::check_place(out)?; // better now than after hours
    let mut name = out.file_name().ok_or_else(|| Error::file(out, "is not the name of a file"))?.to_owned();
    name.push(".partial");
    Ok(out.with_file_name(name))
}

/// What all batches of a run have in common.
fn description(
    options: &EmbedOptions,
    config: Value,
    preprocessor: &Preprocessor,
    weights: &[PathBuf],
) -> Result<Value> {
    let stamp = |file: &PathBuf| {
        let metadata = file.metadata().map_err(|error| Error::file(file, error))?;
        Ok(json!([metadata.len(), metadata.modified().ok().map(nanoseconds)]))
    };
    Ok(json!({
        "format": 1,
        "model": options.model,
        "config": config,
        "preprocessor": preprocessor,
        "weights": weights.iter().map(stamp).collect::<Result<Vec<_>>>()?,
        "dtype": options.dtype,
        "batch": options.batch,
    }))
}

fn nanoseconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |duration| duration.as_nanos() as u64)
}

/// Embeddings `[texts, D]`.
fn embed_texts(
    embedder: &Embedder,
    texts: &[String],
    options: &EmbedOptions,
    shard: Shard,
    journal: &mut Journal,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<Array2<f32>> {
    let mut rows = Rows::new(texts.len(), embedder.config.embedding_size() as usize);
    let batches = share(texts, options.batch, shard);
    let mut clock = Clock::start("texts", batches.iter().map(|(_, texts)| texts.len()).sum());
    progress(&clock.now());
    for (first, texts) in batches {
        let key = text_key(texts, &options.templates);
        if let Some(values) = journal.take(&key, rows.width * texts.len()) {
            rows.set(first, &values);
            clock.resumed(texts.len());
        } else {
            let (values, _) = embed_classes(embedder, texts, &options.templates)?.into_raw_vec_and_offset();
            journal.append(&key, &values)?;
            rows.set(first, &values);
            clock.computed(texts.len());
        }
        progress(&clock.now());
    }
    Ok(rows.into_matrix())
}

/// Unit embeddings `[classes, D]` of names, each the normalised mean over all templates.
fn embed_classes(embedder: &Embedder, names: &[String], templates: &[String]) -> Result<Array2<f32>> {
    let filled = |template: &String| {
        let texts: Vec<String> = names.iter().map(|name| template.replace(PLACE, name)).collect();
        embedder.texts(&texts)
    };
    match templates {
        [] => embedder.texts(names),
        [template] => filled(template),
        [first, rest @ ..] => {
            let mut sum = filled(first)?;
            for template in rest {
                sum += &filled(template)?;
            }
            for mut row in sum.rows_mut() {
                let length = row.dot(&row).sqrt();
                row /= length;
            }
            Ok(sum)
        }
    }
}

/// Embeddings `[images, D]`. Rows of images that were skipped are not numbers.
fn embed_images(
    tower: &Tower,
    items: &[Item],
    options: &EmbedOptions,
    shard: Shard,
    journal: &mut Journal,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<Array2<f32>> {
    let mut rows = Rows::new(items.len(), tower.width);
    let batches = share(items, options.batch, shard);
    let mut clock = Clock::start("images", batches.iter().map(|(_, items)| items.len()).sum());
    let mut unfinished = Vec::new();
    for (first, items) in batches {
        match journal.take(&image_key(items), rows.width * items.len()) {
            Some(values) if options.skip_broken || values.iter().all(|value| value.is_finite()) => {
                rows.set(first, &values);
                clock.resumed(items.len());
            }
            _ => unfinished.push((first, items)),
        }
    }
    progress(&clock.now());
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    thread::scope(|scope| {
        // While one batch is computed another waits, and a third is being decoded.
        let (sender, receiver) = sync_channel(1);
        let (batches, preprocessor) = (&unfinished, tower.preprocessor);
        scope.spawn(move || pool.install(|| prepare(batches, preprocessor, &sender)));
        for (&(first, items), pixels) in unfinished.iter().zip(receiver) {
            if !options.skip_broken
                && let Some(position) = pixels.iter().position(Result::is_err)
            {
                return Err(stopped(pixels.into_iter().nth(position), &clock, journal));
            }
            let values = embed_batch(tower, pixels)?;
            journal.append(&image_key(items), &values)?;
            rows.set(first, &values);
            clock.computed(items.len());
            progress(&clock.now());
        }
        Ok(rows.into_matrix())
    })
}

/// The batches of a shard, which lie side by side, each with the number of its first element.
pub(crate) fn share<T>(all: &[T], batch: usize, shard: Shard) -> Vec<(usize, &[T])> {
    let batches = shard.stretch(all.len().div_ceil(batch));
    all.chunks(batch)
        .enumerate()
        .take(batches.end)
        .skip(batches.start)
        .map(|(k, part)| (k * batch, part))
        .collect()
}

/// Identifies a batch of classes.
pub(crate) fn text_key(texts: &[String], templates: &[String]) -> Value {
    match templates {
        [] => json!({ "texts": texts }),
        templates => json!({ "texts": texts, "templates": templates }),
    }
}

/// Identifies a batch of images, so that one whose files have changed is computed anew.
pub(crate) fn image_key(items: &[Item]) -> Value {
    items.iter().map(|item| json!([item.name, item.length, item.modified.map(nanoseconds)])).collect()
}

/// Pixel values of an image, or why there are none.
type Prepared = Result<Pixels>;

/// Decodes and resizes batch by batch, each on all threads of the pool, until nobody
/// receives any more.
fn prepare(batches: &[(usize, &[Item])], preprocessor: &Preprocessor, sender: &SyncSender<Vec<Prepared>>) {
    let read = |item: &Item| Ok(preprocess(&decode(&item.read()?, &item.name)?, preprocessor));
    for (_, items) in batches {
        if sender.send(items.par_iter().map(read).collect()).is_err() {
            return;
        }
    }
}

/// Embeddings of a batch, row after row; that of a broken image is not a number. A blank
/// image is computed in its place, because the size of a batch moves the last bits of all.
fn embed_batch(tower: &Tower, pixels: Vec<Prepared>) -> Result<Vec<f32>> {
    let broken: Vec<bool> = pixels.iter().map(Result::is_err).collect();
    let blank = || Pixels::blank(tower.preprocessor);
    let pixels: Vec<Pixels> = pixels.into_iter().map(|pixels| pixels.unwrap_or_else(|_| blank())).collect();
    let (mut values, _) = (tower.embed)(&pixels)?.into_raw_vec_and_offset();
    for (row, _) in values.chunks_exact_mut(tower.width).zip(broken).filter(|(_, broken)| *broken) {
        row.fill(f32::NAN);
    }
    Ok(values)
}

/// The error of a run that a broken image stops.
fn stopped(image: Option<Prepared>, clock: &Clock, journal: &Journal) -> Error {
    let EmbedProgress { done, total, .. } = clock.now();
    let reason = image.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
    Error::Broken { image: reason, done, total, kept: journal.path().to_owned() }
}

/// Leaves out skipped images, and classes of which none is left; and which of them are.
pub(crate) fn group(dataset: Dataset, image: Array2<f32>) -> Result<(ImageEmbeddings, Vec<usize>)> {
    let Dataset { items, mut left_out } = dataset;
    let classes = classes(&items);
    let whole = |row: &usize| image[[*row, 0]].is_finite();
    let (kept, broken): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(whole);
    if kept.is_empty() {
        return Err(Error::image(&items[0].name, "cannot be decoded, nor can any other"));
    }
    let starts = |k: &usize| *k == 0 || items[kept[*k]].label != items[kept[*k - 1]].label;
    let splits: Vec<usize> = (0..kept.len()).filter(starts).collect();
    let present: Vec<usize> = splits
        .iter()
        .map(|&split| {
            classes.binary_search(&items[kept[split]].label).expect("classes are the labels, in order")
        })
        .collect();
    let lost = (0..classes.len()).filter(|class| present.binary_search(class).is_err());
    left_out.empty.extend(lost.map(|class| classes[class].clone()));
    let embeddings = ImageEmbeddings {
        image: if broken.is_empty() { image } else { image.select(Axis(0), &kept) },
        classes: present.iter().map(|&class| classes[class].clone()).collect(),
        splits,
        skipped: broken.iter().map(|&row| items[row].name.clone()).collect(),
        left_out,
    };
    Ok((embeddings, present))
}

/// Embeddings that are being filled in, row after row.
pub(crate) struct Rows {
    pub(crate) width: usize,
    values: Vec<f32>,
}

impl Rows {
    pub(crate) fn new(rows: usize, width: usize) -> Self {
        Self { width, values: vec![f32::NAN; rows * width] }
    }

    /// Sets rows from `first` on.
    pub(crate) fn set(&mut self, first: usize, values: &[f32]) {
        self.values[first * self.width..][..values.len()].copy_from_slice(values);
    }

    pub(crate) fn into_matrix(self) -> Array2<f32> {
        let rows = self.values.len() / self.width;
        Array2::from_shape_vec((rows, self.width), self.values).expect("whole rows")
    }
}
