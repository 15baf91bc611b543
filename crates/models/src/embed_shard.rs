//! `siglip embed --shard`: a data set embedded by several processes, and what they made put together.
//!
//! A shard is a stretch of the batches that one process would compute: of the class names, and of the
//! images. Its part is the file of its finished batches, so that it goes on where it was killed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::{Value, json};
use shard::Shard;

use crate::dataset::Dataset;
use crate::embed::{self, EmbedOptions, Rows, Vectors};
use crate::embedder::Embedder;
use crate::embeddings::Embeddings;
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::image_embedder::ImageEmbedder;
use crate::journal::Journal;
use crate::progress::EmbedProgress;

/// How much of a data set a shard has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedShard {
    /// How many images.
    pub images: usize,
    /// How many class names.
    pub texts: usize,
}

/// Embeds a shard of what [`crate::embed_vectors`] embeds, into the file `part`. Images, labels and a
/// model that is a folder have to be where [`merge_shards`] finds them under the same names.
///
/// # Errors
/// As [`crate::embed_vectors`], and if a path is not UTF-8.
pub fn embed_shard(
    options: &EmbedOptions,
    shard: Shard,
    part: &Path,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> Result<EmbeddedShard> {
    files::check_shared_place(part)?;
    let options = &absolute(options)?;
    let Dataset { items, .. } = embed::open(options)?;
    let folder = Folder::new(&options.model)?;
    let done = |all: usize| {
        embed::share(&vec![(); all], options.batch, shard).iter().map(|(_, part)| part.len()).sum()
    };
    let images = done(items.len());
    if let Some(tower) = ImageEmbedder::read(&folder, options.dtype, options.device)? {
        embed::refuse_templates(options)?;
        let mut journal =
            Journal::open(part.to_owned(), &header(tower.description(options)?, options, None)?)?;
        embed::embed_images_alone(&tower, &items, options, shard, &mut journal, progress)?;
        return Ok(EmbeddedShard { images, texts: 0 });
    }
    let embedder = Embedder::read(&folder, options.dtype, options.device)?;
    let width = embedder.config.embedding_size();
    let header = header(embedder.description(options)?, options, Some(width))?;
    let mut journal = Journal::open(part.to_owned(), &header)?;
    embed::embed_pairs(&embedder, &items, options, shard, &mut journal, progress)?;
    Ok(EmbeddedShard { images, texts: done(embed::classes(&items).len()) })
}

/// Puts the parts of all shards together, in their order, and writes to `out` the very file of one
/// process. Nothing is computed; the data set is listed once more.
///
/// # Errors
/// [`Error::Unfinished`] names the shards whose batches are missing, [`Error::Resume`] a part that is of
/// another run.
pub fn merge_shards(out: &Path, parts: &[PathBuf]) -> Result<Vectors> {
    let mut finished = HashMap::new();
    let mut common: Option<Value> = None;
    for part in parts {
        let (header, batches) = Journal::read(part)?;
        if let Some(common) = common.as_ref().filter(|common| **common != header) {
            let differs = |(key, value): (&String, &Value)| {
                let other = &header[key.as_str()];
                (other != value)
                    .then(|| format!("its `{key}` is {other}, that of the parts before it {value}"))
            };
            let reason = common.as_object().and_then(|keys| keys.iter().find_map(differs));
            let reason = reason.unwrap_or_else(|| "its description is another".to_owned());
            return Err(Error::Resume { file: part.clone(), reason });
        }
        common = Some(header);
        finished.extend(batches);
    }
    let none = || Error::file(out, "there are no parts beside it");
    let common = common.ok_or_else(none)?;
    let options: EmbedOptions = serde_json::from_value(common["options"].clone())
        .map_err(|error| Error::file(&parts[0], format!("is no part of an embedding: {error}")))?;
    let dataset = embed::open(&options)?;
    let classes = if common["text_width"].is_null() { Vec::new() } else { embed::classes(&dataset.items) };

    let mut missing = Missing { shards: parts.len(), missing: 0, all: 0, of: Vec::new() };
    let class_text = missing
        .collect(&classes, options.batch, &mut finished, |texts| embed::text_key(texts, &options.templates));
    let image = missing.collect(&dataset.items, options.batch, &mut finished, embed::image_key);
    let (Some(class_text), Some(image)) = (class_text, image) else { return Err(missing.error()) };
    if classes.is_empty() {
        let (embeddings, _) = embed::group(dataset, image)?;
        embeddings.write(out)?;
        return Ok(Vectors::Images(embeddings));
    }
    let embeddings = Embeddings::of(dataset, image, &class_text)?;
    embeddings.write(out)?;
    Ok(Vectors::Pairs(embeddings))
}

/// Which batches no part has.
struct Missing {
    shards: usize,
    missing: usize,
    all: usize,
    /// The shards that have to do them.
    of: Vec<usize>,
}

impl Missing {
    /// The vectors of all batches; none if one is missing.
    fn collect<T>(
        &mut self,
        all: &[T],
        batch: usize,
        finished: &mut HashMap<String, Vec<f32>>,
        key: impl Fn(&[T]) -> Value,
    ) -> Option<Array2<f32>> {
        let mut rows: Option<Rows> = None;
        let before = self.missing;
        for shard in Shard::all(self.shards) {
            for (first, part) in embed::share(all, batch, shard) {
                self.all += 1;
                match finished.remove(&key(part).to_string()).filter(|values| values.len() % part.len() == 0)
                {
                    Some(values) => {
                        let width = values.len() / part.len();
                        rows.get_or_insert_with(|| Rows::new(all.len(), width)).set(first, &values);
                    }
                    None => {
                        self.missing += 1;
                        self.of.push(shard.number());
                    }
                }
            }
        }
        if self.missing > before {
            return None;
        }
        Some(rows.map_or_else(|| Array2::zeros((0, 1)), Rows::into_matrix))
    }

    fn error(mut self) -> Error {
        self.of.sort_unstable();
        self.of.dedup();
        let shards =
            self.of.iter().map(|number| format!("{number}/{}", self.shards)).collect::<Vec<_>>().join(", ");
        Error::Unfinished { missing: self.missing, all: self.all, shards }
    }
}

/// What all parts have in common.
fn header(mut description: Value, options: &EmbedOptions, text_width: Option<i64>) -> Result<Value> {
    let not_text = |error| Error::Option {
        option: "images",
        value: format!("{} ({error})", options.images.display()),
        expected: "a path in UTF-8, to be told to `siglip merge`",
    };
    description["options"] = serde_json::to_value(options).map_err(not_text)?;
    description["text_width"] = json!(text_width);
    Ok(description)
}

/// The options as another process, in another folder, understands them.
fn absolute(options: &EmbedOptions) -> Result<EmbedOptions> {
    let whole = |path: &Path| std::path::absolute(path).map_err(|error| Error::file(path, error));
    let model = match fs::metadata(&options.model) {
        Ok(_) => whole(options.model.as_ref())?.to_string_lossy().into_owned(),
        Err(_) => options.model.clone(),
    };
    Ok(EmbedOptions {
        model,
        images: whole(&options.images)?,
        labels: options.labels.as_deref().map(whole).transpose()?,
        out: PathBuf::new(),
        ..options.clone()
    })
}
