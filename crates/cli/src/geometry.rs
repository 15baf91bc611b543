//! `siglip geometry` and, for its parts, `siglip merge`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use constellation::Run;
use constellation::geometry::{InFile, Report, SimilarityPart, Vectors};
use files::npz::NpzReader;
use models::Embeddings;
use serde_json::json;
use shard::Shard;

use crate::output::{self, Progress};
use crate::parts::Parts;

/// Of what, and how much of it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A file of embeddings (npz), from `embed`, `train` or elsewhere.
    embeddings: PathBuf,
    /// Only what the similarities tell, without the gap: of any number of vectors, which are read from
    /// the file a part at a time.
    #[arg(long)]
    similarities: bool,
    /// Count the pairs on the wrong side of this relative bias; with `--similarities`.
    #[arg(long, value_name = "B_REL", requires = "similarities", allow_negative_numbers = true)]
    relative_bias: Option<f64>,
    /// Write to this file instead of standard output.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Count only the K-th of N stretches of rows, from 0, or in a Slurm array that of this task
    /// (`slurm`); `siglip merge OUT` adds them up.
    #[arg(long, value_name = "K/N|slurm", default_value_t, requires_all = ["similarities", "out"])]
    shard: Shard,
}

/// What the name of a part ends in.
const PARTS: Parts = Parts { extension: "part" };

/// Prints the geometry of a file, or writes a part of it.
pub(crate) fn print(arguments: &Arguments, progress: &mut Progress) -> anyhow::Result<()> {
    let Arguments { embeddings, similarities, relative_bias, out, shard } = arguments;
    let check = if shard.is_whole() { files::check_place } else { files::check_shared_place };
    out.as_deref().map_or(Ok(()), check)?;
    if !similarities {
        return print_all(embeddings, out.as_deref());
    }
    if relative_bias.is_some_and(|bias| !bias.is_finite()) {
        bail!("`--relative-bias` is {relative_bias:?}, expected a finite number");
    }
    let path = out.as_deref().filter(|_| !shard.is_whole()).map(|out| PARTS.path(out, *shard));
    let part = count(embeddings, *relative_bias, *shard, path.as_deref(), progress)?;
    match path {
        Some(path) => output::print_json(&json!({"shard": shard.to_string(), "part": path})),
        None => result(&part.report()?, out.as_deref()),
    }
}

/// Adds up all parts that lie beside `out`, and writes it.
///
/// # Errors
/// If some are missing: names them.
pub(crate) fn merge(out: &Path) -> anyhow::Result<()> {
    files::check_shared_place(out)?;
    let paths = PARTS.all(out)?;
    let again = |number: usize| format!("run shard {number}/{} again, then merge", paths.len());
    let mut sum: Option<SimilarityPart> = None;
    for (number, path) in paths.iter().enumerate() {
        let part = SimilarityPart::read(path).with_context(|| again(number))?;
        match &mut sum {
            Some(sum) => sum.add(part).with_context(|| path.display().to_string())?,
            sum => *sum = Some(part),
        }
    }
    let sum = sum.context("there is no part")?;
    result(&sum.report()?, Some(out))
}

/// Whether parts of a geometry lie beside `out`.
pub(crate) fn has_parts(out: &Path) -> bool {
    PARTS.exist(out)
}

/// Files of `train` have a report for each pair of modalities, those of `embed` one.
fn print_all(path: &Path, out: Option<&Path>) -> anyhow::Result<()> {
    if let Some(vectors) = Run::read_embeddings(path)? {
        return result(&Report::of_modalities(vectors.view())?, out);
    }
    let embeddings = Embeddings::read(path)?;
    let (images, texts) = (embeddings.image.view(), embeddings.class_text.view());
    result(&Report::labelled(images, texts, &embeddings.labels())?, out)
}

/// Counts the similarities of a shard of the rows of a file, and writes them to `part`, if they are not
/// there already.
fn count(
    path: &Path,
    relative_bias: Option<f64>,
    shard: Shard,
    part: Option<&Path>,
    progress: &mut Progress,
) -> anyhow::Result<SimilarityPart> {
    let mut npz = NpzReader::open(path).with_context(|| path.display().to_string())?;
    let named =
        |name: &'static str| move |reason: String| anyhow::anyhow!("{}: `{name}` {reason}", path.display());
    let mut count = |name: &str, families: [&dyn Vectors; 2], class_of: &[usize]| {
        if let Some(part) = part
            && let Some(counted) =
                SimilarityPart::read_if_of(part, name, families, class_of, relative_bias, shard)?
        {
            progress.show(&format_args!("{} is there already", part.display()));
            return Ok(counted);
        }
        let show = &mut |done, of| progress.show(&format_args!("rows {done} of {of}"));
        let counted = SimilarityPart::count(name, families, class_of, relative_bias, shard, show)?;
        part.map_or(Ok(()), |part| counted.write(part))?;
        Ok::<_, constellation::Error>(counted)
    };
    if let Ok(both) = npz.matrix("embeddings") {
        let [2, pairs, _] = *both.shape() else {
            bail!(
                "{}: `embeddings` has shape {:?}, expected [2, pairs, dimension]",
                path.display(),
                both.shape()
            );
        };
        let [u, v] = [0, 1].map(|modality| InFile::new(path, &both, modality * pairs, pairs));
        let order: Vec<usize> = (0..pairs).collect();
        return Ok(count(&format!("{:08x}", both.checksum()), [&u, &v], &order)?);
    }
    let image = npz.matrix("image").map_err(named("image"))?;
    let text = npz.matrix("text").map_err(named("text"))?;
    let [rows, _] = *image.shape() else {
        bail!("{}: `image` has shape {:?}, expected [images, dimension]", path.display(), image.shape());
    };
    if text.shape() != image.shape() {
        bail!("{}: `text` has shape {:?}, `image` {:?}", path.display(), text.shape(), image.shape());
    }
    let splits = npz.array("splits").and_then(|splits| splits.indices()).map_err(named("splits"))?;
    let class_of = models::classes_of_rows(&splits, rows).map_err(named("splits"))?;
    let images = InFile::new(path, &image, 0, rows);
    let texts = InFile::picked(path, &text, &splits);
    let name = format!("{:08x}-{:08x}", image.checksum(), text.checksum());
    Ok(count(&name, [&images, &texts], &class_of)?)
}

/// Writes a result as a line of JSON, or prints it.
fn result(value: &impl serde::Serialize, out: Option<&Path>) -> anyhow::Result<()> {
    let Some(out) = out else { return output::print_json(value) };
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    files::write_whole(out, |file| Ok(file.write_all(&line)?))?;
    output::print_json(&json!({ "out": out }))
}
