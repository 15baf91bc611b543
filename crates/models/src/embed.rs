//! `siglip embed`: a whole data set, in batches, and so that it can be left alone.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::UNIX_EPOCH,
};

use constellation::Device;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shard::Shard;

use crate::config::VisionConfig;
use crate::dataset::{Dataset, Item, Texts};
use crate::dtype::Dtype;
use crate::embedder::{Embedder, embed_part};
use crate::embeddings::{Embeddings, ImageEmbeddings};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::image::{Pixels, decode, preprocess};
use crate::image_embedder::ImageEmbedder;
use crate::journal::Journal;
use crate::preprocessor::Preprocessor;
use crate::progress::{Clock, EmbedProgress};
use crate::streams::in_order;
use crate::vision::VisionTower;

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
    /// Images, or texts, that are kept together. On a GPU they go through the model at once; on the processor
    /// each core takes four at a time.
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
/// More would take memory, and lose more when a run is interrupted.
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
/// once. On the processor each core decodes, resizes and embeds images of its own; for a GPU all cores
/// decode while it computes. A run that was interrupted continues where it was, with the same result to
/// the bit.
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
    let pipeline = Pipeline {
        config: &embedder.config.vision_config,
        preprocessor: &embedder.preprocessor,
        weights: &embedder.weights,
    };
    let tower = &embedder.model.vision;
    Ok((class_text, embed_images(tower, pipeline, items, options, shard, journal, progress)?))
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
    let ImageEmbedder { config, tower, preprocessor, weights } = embedder;
    let pipeline = Pipeline { config, preprocessor, weights };
    embed_images(tower, pipeline, items, options, shard, journal, progress)
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
        description(
            options,
            json!(self.config),
            &self.preprocessor,
            &self.weights,
            self.model.vision.device(),
        )
    }
}

impl ImageEmbedder {
    /// What all batches of a run have in common.
    pub(crate) fn description(&self, options: &EmbedOptions) -> Result<Value> {
        description(options, json!(self.config), &self.preprocessor, &self.weights, self.tower.device())
    }
}

/// What images go through before and after a tower.
#[derive(Clone, Copy)]
struct Pipeline<'a> {
    config: &'a VisionConfig,
    preprocessor: &'a Preprocessor,
    weights: &'a [PathBuf],
}

/// Images that go through the tower together.
struct Part<'a> {
    items: &'a [Item],
    /// Those of its batch, which is kept when its last part is there.
    batch: &'a [Item],
    /// The number of the batch's first image.
    first: usize,
    is_last: bool,
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
    device: tch::Device,
) -> Result<Value> {
    let stamp = |file: &PathBuf| {
        let metadata = file.metadata().map_err(|error| Error::file(file, error))?;
        Ok(json!([metadata.len(), metadata.modified().ok().map(nanoseconds)]))
    };
    Ok(json!({
        "format": 2, // of the numbers: another grouping of images moved their last bits
        "model": options.model,
        "config": config,
        "preprocessor": preprocessor,
        "weights": weights.iter().map(stamp).collect::<Result<Vec<_>>>()?,
        "dtype": options.dtype,
        "device": if device == tch::Device::Cpu { "cpu" } else { "cuda" },
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
    tower: &VisionTower,
    pipeline: Pipeline,
    items: &[Item],
    options: &EmbedOptions,
    shard: Shard,
    journal: &mut Journal,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<Array2<f32>> {
    let width = pipeline.config.hidden_size as usize;
    let mut rows = Rows::new(items.len(), width);
    let batches = share(items, options.batch, shard);
    let mut clock = Clock::start("images", batches.iter().map(|(_, items)| items.len()).sum());
    let mut unfinished = Vec::new();
    for (first, items) in batches {
        match journal.take(&image_key(items), width * items.len()) {
            Some(values) if options.skip_broken || values.iter().all(|value| value.is_finite()) => {
                rows.set(first, &values);
                clock.resumed(items.len());
            }
            _ => unfinished.push((first, items)),
        }
    }
    progress(&clock.now());
    let is_processor = tower.device() == tch::Device::Cpu;
    let size = if is_processor { tower.part() } else { options.batch };
    let parts: Vec<Part> =
        unfinished.iter().flat_map(|(first, batch)| in_parts(*first, batch, size)).collect();
    let mut values = Vec::new();
    let receive = |part: &Part, embedded: Result<Embedded>| {
        values.extend(embedded?.map_err(|image| stopped(&image, &clock, journal))?);
        if part.is_last {
            let values = std::mem::take(&mut values);
            journal.append(&image_key(part.batch), &values)?;
            rows.set(part.first, &values);
            clock.computed(part.batch.len());
            progress(&clock.now());
        }
        Ok(())
    };
    if is_processor {
        let work = |tower: &VisionTower, part: &Part| {
            let pixels = part.items.iter().map(|item| pipeline.read(item)).collect();
            pipeline.embed(tower, pixels, options.skip_broken)
        };
        in_order(&parts, tower, work, receive)?;
    } else {
        embed_ahead(tower, pipeline, &parts, options.skip_broken, receive)?;
    }
    Ok(rows.into_matrix())
}

fn in_parts<'a>(first: usize, batch: &'a [Item], size: usize) -> impl Iterator<Item = Part<'a>> {
    let count = batch.len().div_ceil(size);
    let parts = batch.chunks(size).enumerate();
    parts.map(move |(k, items)| Part { items, batch, first, is_last: k + 1 == count })
}

/// Embeds part after part on a device, for which all cores decode: while one part is computed another
/// waits, and a third is being decoded.
fn embed_ahead(
    tower: &VisionTower,
    pipeline: Pipeline,
    parts: &[Part],
    skip_broken: bool,
    mut receive: impl FnMut(&Part, Result<Embedded>) -> Result<()>,
) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().build()?;
    let (sender, receiver) = sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || pool.install(|| pipeline.prepare(parts, &sender)));
        let mut prepared = parts.iter().zip(receiver);
        prepared.try_for_each(|(part, pixels)| receive(part, pipeline.embed(tower, pixels, skip_broken)))
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

/// Embeddings of a part, row after row, or the broken image that stops the run.
type Embedded = std::result::Result<Vec<f32>, Error>;

impl Pipeline<'_> {
    fn read(&self, item: &Item) -> Prepared {
        Ok(preprocess(&decode(&item.read()?, &item.name)?, self.preprocessor))
    }

    /// Decodes and resizes part by part, each on all threads of the pool, until nobody receives any more.
    fn prepare(&self, parts: &[Part], sender: &SyncSender<Vec<Prepared>>) {
        for part in parts {
            if sender.send(part.items.par_iter().map(|item| self.read(item)).collect()).is_err() {
                return;
            }
        }
    }

    /// Embeddings of a part by `tower`; that of a broken image is not a number, if it is skipped. A blank image is computed in its place, because the size of a part moves the last bits
    /// of all.
    fn embed(&self, tower: &VisionTower, pixels: Vec<Prepared>, skip_broken: bool) -> Result<Embedded> {
        let mut broken = Vec::new();
        let mut whole = Vec::with_capacity(pixels.len());
        for (row, pixels) in pixels.into_iter().enumerate() {
            match pixels {
                Ok(pixels) => whole.push(pixels),
                Err(error) if !skip_broken => return Ok(Err(error)),
                Err(_) => {
                    broken.push(row);
                    whole.push(Pixels::blank(self.preprocessor));
                }
            }
        }
        let mut rows = embed_part(tower, self.config, &whole, self.weights)?;
        broken.into_iter().for_each(|row| rows.row_mut(row).fill(f32::NAN));
        Ok(Ok(rows.into_raw_vec_and_offset().0))
    }
}

/// The error of a run that a broken image stops.
fn stopped(image: &Error, clock: &Clock, journal: &Journal) -> Error {
    let EmbedProgress { done, total, .. } = clock.now();
    Error::Broken { image: image.to_string(), done, total, kept: journal.path().to_owned() }
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
