//! `siglip embed` and, for its parts, `siglip merge`.

use std::path::Path;

use models::{EmbedOptions, EmbedProgress, Vectors, embed_shard, embed_vectors, merge_shards};
use serde_json::json;
use shard::Shard;

use crate::output;
use crate::parts::Parts;

/// What the name of a part ends in.
const PARTS: Parts = Parts { extension: "batches" };

/// Embeds a data set, or a part of it.
pub(crate) fn embed(
    options: &EmbedOptions,
    shard: Shard,
    progress: &mut dyn FnMut(&EmbedProgress),
) -> anyhow::Result<()> {
    if shard.is_whole() {
        return tell(&embed_vectors(options, progress)?);
    }
    files::check_shared_place(&options.out)?;
    let part = PARTS.path(&options.out, shard);
    let done = embed_shard(options, shard, &part, progress)?;
    let (images, texts) = (done.images, done.texts);
    output::print_json(&json!({"shard": shard.to_string(), "part": part, "images": images, "texts": texts}))
}

/// Puts all parts that lie beside `out` together, and writes it.
///
/// # Errors
/// If some are missing, or have not done all: names them.
pub(crate) fn merge(out: &Path) -> anyhow::Result<()> {
    files::check_shared_place(out)?;
    tell(&merge_shards(out, &PARTS.all(out)?)?)
}

/// Whether parts of an embedding lie beside `out`.
pub(crate) fn has_parts(out: &Path) -> bool {
    PARTS.exist(out)
}

fn tell(vectors: &Vectors) -> anyhow::Result<()> {
    let (image, classes, skipped, left_out) = match vectors {
        Vectors::Pairs(all) => (&all.image, &all.classes, &all.skipped, &all.left_out),
        Vectors::Images(all) => (&all.image, &all.classes, &all.skipped, &all.left_out),
    };
    if matches!(vectors, Vectors::Images(_)) {
        output::show(&"Images alone: the model is an image tower without texts");
    }
    if !left_out.is_empty() {
        output::show(left_out);
    }
    output::print_json(&json!({
        "images": image.nrows(),
        "classes": classes.len(),
        "dim": image.ncols(),
        "skipped": skipped,
        "left_out": left_out,
    }))
}
