//! Pictures with names, and what a model makes of them: the emoji that ship with the
//! project, or the study's own data, the validation set of ImageNet.

use std::path::{Path, PathBuf};

use constellation::geometry::{Constellation, LabelledGeometry, ModalityGap, xi};
use constellation::numbers::thousands;
use image::{RgbImage, imageops};
use tch::{Device, nn::VarStore};

use crate::dataset::{Dataset, Item, Texts};
use crate::dtype::Dtype;
use crate::embed::{EmbedOptions, embed};
use crate::embedder::{Embedder, in_batches};
use crate::embeddings::Embeddings;
use crate::emoji::{self, embed_emoji};
use crate::error::{Error, Result};
use crate::image::decode;
use crate::model::Siglip;
use crate::progress::EmbedProgress;
use crate::random::seed_generator;
use crate::weights::Weights;

/// Which pictures are embedded, and by which model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Where the pictures and their names come from.
    pub pictures: Pictures,
    /// Folder of a checkpoint in Hugging Face's layout or OpenCLIP's, or a hub id.
    pub model: String,
}

/// Pictures with the names of their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pictures {
    /// 1,000 emoji, drawn by four designers each: pictograms, not photographs.
    Emoji,
    /// The 50,000 photographs of ImageNet's validation set, or a part of them.
    ImageNet {
        /// The tar archive, read in place.
        archive: PathBuf,
        /// The class of the k-th photograph in line k.
        labels: PathBuf,
        /// Where the embeddings are kept, so that they are computed once.
        embeddings: PathBuf,
    },
}

/// What a model makes of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// The embeddings, in one part or several. The model was not trained on the last one,
    /// as far as is known.
    pub parts: Vec<Part>,
    /// Inverse temperature t of the model.
    pub temperature: f64,
    /// Relative bias b_rel of the model.
    pub relative_bias: f64,
}

/// Embeddings with a label.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What was embedded.
    pub label: String,
    /// Pictures and the names of their classes.
    pub embeddings: Embeddings,
}

impl Collection {
    /// The emoji that ship with the project, and `model`.
    pub fn emoji(model: impl Into<String>) -> Self {
        Self { pictures: Pictures::Emoji, model: model.into() }
    }

    /// ImageNet, from a folder with its archive and its labels, and `model`. Embeddings
    /// are kept in that folder.
    ///
    /// # Errors
    /// [`Error::File`] if there is not one `.tar` and one `.txt` file.
    pub fn imagenet(folder: &Path, model: &str) -> Result<Self> {
        let name = model.trim_end_matches('/').rsplit('/').next().unwrap_or(model);
        let pictures = Pictures::ImageNet {
            archive: only(folder, "tar")?,
            labels: only(folder, "txt")?,
            embeddings: folder.join(format!("{name}.npz")),
        };
        Ok(Self { pictures, model: model.to_owned() })
    }

    /// The model's name without its folder or owner.
    pub fn model_name(&self) -> &str {
        self.model.trim_end_matches('/').rsplit('/').next().unwrap_or(&self.model)
    }

    /// How figures and their files name the pictures: `emoji` or `imagenet`.
    pub fn name(&self) -> &'static str {
        match self.pictures {
            Pictures::Emoji => "emoji",
            Pictures::ImageNet { .. } => "imagenet",
        }
    }

    /// Embeds everything. ImageNet's embeddings are read if they are there; computing them
    /// takes hours, tells `progress` of each batch, and goes on where it was interrupted.
    ///
    /// # Errors
    /// If the checkpoint or a picture cannot be used.
    pub fn embed(&self, progress: &mut dyn FnMut(&EmbedProgress)) -> Result<Embedded> {
        let part = |what: &str, embeddings: Embeddings| Part {
            label: format!("{} {what}", thousands(embeddings.image.nrows())),
            embeddings,
        };
        match &self.pictures {
            Pictures::Emoji => {
                let all = embed_emoji(&self.model)?;
                let parts =
                    vec![part("training drawings", all.training), part("held-out drawings", all.held_out)];
                Ok(Embedded { parts, temperature: all.temperature, relative_bias: all.relative_bias })
            }
            Pictures::ImageNet { archive, labels, embeddings: file } => {
                let embeddings = if file.exists() {
                    Embeddings::read(file)?
                } else {
                    let options = EmbedOptions::new(&self.model, archive, file);
                    embed(&EmbedOptions { labels: Some(labels.clone()), ..options }, progress)?
                };
                let model = Embedder::load(&self.model, Dtype::F32)?.model;
                let (temperature, relative_bias) = (model.temperature(), model.relative_bias());
                let parts = vec![part("validation photographs", embeddings)];
                Ok(Embedded { parts, temperature, relative_bias })
            }
        }
    }

    /// The control: one picture of each class and all names, embedded by towers of the
    /// model's sizes with weights drawn at random from `seed`.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn embed_untrained(&self, seed: u64) -> Result<Part> {
        const BATCH: usize = 50;
        let mut embedder = Embedder::load(&self.model, Dtype::F32)?;
        let store = VarStore::new(Device::Cpu);
        embedder.model = {
            let _generator = seed_generator(seed);
            Siglip::new(&Weights::random(&store), &embedder.config)?
        };
        let (names, pictures) = self.one_of_each()?;
        let all: Vec<usize> = (0..names.len()).collect();
        let open =
            |batch: &[usize]| batch.iter().map(|&class| pictures.open(class)).collect::<Result<Vec<_>>>();
        let embeddings = Embeddings {
            image: in_batches(&all, BATCH, |batch| embedder.images(&open(batch)?))?,
            class_text: in_batches(&names, BATCH, |batch| embedder.texts(batch))?,
            splits: all,
            classes: names,
            skipped: Vec::new(),
            left_out: Default::default(),
        };
        Ok(Part { label: format!("untrained towers, seed {seed}"), embeddings })
    }

    /// One picture of each of these classes, at most 128 pixels wide and high: a held-out
    /// drawing, or the first photograph in order of names.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no such class; as [`Self::embed`].
    pub fn pictures_of(&self, classes: &[String]) -> Result<Vec<RgbImage>> {
        const SIDE: u32 = 128;
        let (names, pictures) = self.one_of_each()?;
        let unknown = |class: &str| Error::Input {
            what: "classes",
            got: class.to_owned(),
            expected: format!("a class of {}", self.name()),
        };
        let picture = |class: &String| {
            let at = names.iter().position(|name| name == class).ok_or_else(|| unknown(class))?;
            let picture = pictures.open(at)?;
            let fits = picture.width().max(picture.height()) <= SIDE;
            Ok(if fits { picture } else { reduced(&picture, SIDE) })
        };
        classes.iter().map(picture).collect()
    }

    /// The names of the classes, and one picture of each that is in the last part of
    /// [`Self::embed`].
    fn one_of_each(&self) -> Result<(Vec<String>, OneOfEach)> {
        match &self.pictures {
            Pictures::Emoji => {
                let emoji = emoji::load()?;
                Ok((emoji.names(), OneOfEach::Drawings(emoji.held_out())))
            }
            Pictures::ImageNet { archive, labels, .. } => {
                let mut items = Dataset::open(archive, Texts::Lines(labels))?.items;
                items.sort_by(|a, b| (&a.label, &a.name).cmp(&(&b.label, &b.name)));
                items.dedup_by(|later, first| later.label == first.label);
                let names = items.iter().map(|item| item.label.clone()).collect();
                Ok((names, OneOfEach::Photographs(items)))
            }
        }
    }
}

/// A picture of each class. Photographs are large and decoded when they are asked for.
enum OneOfEach {
    Drawings(Vec<RgbImage>),
    Photographs(Vec<Item>),
}

impl OneOfEach {
    fn open(&self, class: usize) -> Result<RgbImage> {
        match self {
            Self::Drawings(drawings) => Ok(drawings[class].clone()),
            Self::Photographs(items) => decode(&items[class].read()?, &items[class].name),
        }
    }
}

/// What made the numbers and figures that follow.
impl std::fmt::Display for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.pictures {
            Pictures::Emoji => write!(
                f,
                "Pictures: 1,000 emoji of four designers each (pictograms, not photographs).\n\
                 Model: {}, trained in this project on three of the four drawings of each.\n\
                 These are not the study's data and not its model.",
                self.model_name()
            ),
            Pictures::ImageNet { .. } => write!(
                f,
                "Pictures: the photographs of ImageNet's validation set, as in the study.\nModel: {}.",
                self.model
            ),
        }
    }
}

impl Part {
    /// Similarities of all pictures with all names.
    ///
    /// # Errors
    /// As [`LabelledGeometry::of`].
    pub fn geometry(&self) -> Result<LabelledGeometry> {
        let embeddings = &self.embeddings;
        Ok(LabelledGeometry::of(embeddings.image.view(), embeddings.class_text.view(), &embeddings.labels())?)
    }

    /// How the pictures lie to the names.
    ///
    /// # Errors
    /// As [`ModalityGap::of`].
    pub fn gap(&self) -> Result<ModalityGap> {
        const SEED: u32 = 1; // of the permutation
        let embeddings = &self.embeddings;
        Ok(ModalityGap::of(
            embeddings.image.view(),
            embeddings.class_text.view(),
            &embeddings.labels(),
            SEED,
        )?)
    }

    /// How many pairs of a picture and a name are on the wrong side of `relative_bias`.
    ///
    /// # Errors
    /// As [`LabelledGeometry::of`].
    pub fn violating_pairs(&self, relative_bias: f64) -> Result<usize> {
        let embeddings = &self.embeddings;
        let (images, texts) = (embeddings.image.view(), embeddings.class_text.view());
        let bounds = (0.0, relative_bias);
        Ok(Constellation::check_labelled(images, texts, &embeddings.labels(), bounds, 0)?.violating_pairs)
    }

    /// The xi of the study's synthetic runs ([`xi`]), of each picture and its own name.
    pub fn xi(&self) -> f64 {
        xi(self.embeddings.image.view(), self.embeddings.text().view())
    }
}

impl Embedded {
    /// The part that the model was trained on, where there is one: the drawings of emoji. Of
    /// ImageNet all photographs.
    ///
    /// # Panics
    /// If there are no parts.
    pub fn training(&self) -> &Part {
        self.parts.first().expect("a collection has a part")
    }

    /// The part that the model was not trained on.
    ///
    /// # Panics
    /// If there are no parts.
    pub fn held_out(&self) -> &Part {
        self.parts.last().expect("a collection has a part")
    }
}

impl Part {
    /// The `.npz` files of a folder, in order of their names, as `siglip embed` and the
    /// study's code write them. Each is labelled by its name.
    ///
    /// # Errors
    /// If the folder or a file cannot be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        files(folder, "npz")?
            .into_iter()
            .map(|file| {
                let label = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Self { label, embeddings: Embeddings::read(&file)? })
            })
            .collect()
    }

    /// The numbers of the `count` names that are most similar to picture `row`, best first.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn nearest_names(&self, row: usize, count: usize) -> Vec<usize> {
        let similarities = self.embeddings.class_text.dot(&self.embeddings.image.row(row));
        let mut names: Vec<usize> = (0..similarities.len()).collect();
        names.sort_by(|&a, &b| similarities[b].total_cmp(&similarities[a]));
        names.truncate(count);
        names
    }
}

/// The picture with its longer side `side` pixels long.
fn reduced(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let factor = f64::from(side) / width.max(height);
    let length = |length: f64| ((length * factor).round() as u32).max(1);
    imageops::thumbnail(picture, length(width), length(height))
}

/// The files of `folder` whose names end in `.extension`, in order of their names.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> =
        paths.collect::<std::io::Result<_>>().map_err(|error| Error::file(folder, error))?;
    paths.retain(|path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension)));
    paths.sort();
    Ok(paths)
}

/// The one file of `folder` whose name ends in `.extension`.
fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut found = files(folder, extension)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        count => Err(Error::file(folder, format!("has {count} .{extension} files, expected one"))),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn nearest_names_come_in_order_of_similarity() {
        let embeddings = Embeddings {
            image: arr2(&[[1.0, 0.0], [0.0, 1.0]]),
            class_text: arr2(&[[0.6, 0.8], [1.0, 0.0], [0.8, 0.6]]),
            classes: ["a", "b", "c"].map(str::to_owned).into(),
            splits: vec![0, 1, 2],
            skipped: Vec::new(),
            left_out: Default::default(),
        };
        let part = Part { label: String::new(), embeddings };
        assert_eq!(part.nearest_names(0, 2), [1, 2]);
        assert_eq!(part.nearest_names(1, 9), [0, 2, 1]);
    }

    #[test]
    fn imagenet_needs_its_archive_and_its_labels() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            || Collection::imagenet(folder.path(), "google/siglip-base-patch16-224").unwrap_err().to_string();
        assert!(error().contains("0 .tar files"), "{}", error());
        std::fs::write(folder.path().join("val.tar"), "").unwrap();
        assert!(error().contains("0 .txt files"), "{}", error());
        std::fs::write(folder.path().join("labels.txt"), "").unwrap();
        let collection = Collection::imagenet(folder.path(), "google/siglip-base-patch16-224").unwrap();
        let Pictures::ImageNet { embeddings, .. } = &collection.pictures else { panic!("{collection:?}") };
        assert_eq!(*embeddings, folder.path().join("siglip-base-patch16-224.npz"));
        std::fs::write(folder.path().join("more.txt"), "").unwrap();
        assert!(error().contains("2 .txt files"), "{}", error());
    }

    #[test]
    fn a_reduced_picture_keeps_its_proportions() {
        assert_eq!(reduced(&RgbImage::new(500, 375), 128).dimensions(), (128, 96));
        assert_eq!(reduced(&RgbImage::new(10, 4000), 128).dimensions(), (1, 128));
    }
}
