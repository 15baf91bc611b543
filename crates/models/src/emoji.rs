//! The data set that comes with the crate: 1,000 emoji, each drawn by four designers,
//! with their English names.
//!
//! Its layout is ImageNet's in small: classes with one name each and several pictures,
//! some of them held out. These are pictograms, not photographs. Sources and licences are
//! in `data/emoji/NOTICE.md`.

use image::{RgbImage, imageops};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dtype::Dtype;
use crate::embedder::{Embedder, in_batches};
use crate::embeddings::Embeddings;
use crate::error::Result;
use crate::image::decode;

/// How many emoji there are.
pub const CLASSES: usize = 1000;
/// Drawings of each.
pub const DRAWINGS: usize = 4;
/// Side of a drawing, in pixels.
pub const SIDE: u32 = 32;
/// Who drew drawing 0, 1, 2 and 3 of every emoji.
pub const DESIGNERS: [&str; DRAWINGS] = ["Noto", "Twemoji", "Fluent 3D", "EmojiOne"];

/// Sheets of 40 x 25 cells; alpha was laid over white when they were made.
const SHEETS: [&[u8]; DRAWINGS] = [
    include_bytes!("../data/emoji/noto.png"),
    include_bytes!("../data/emoji/twemoji.png"),
    include_bytes!("../data/emoji/fluent.png"),
    include_bytes!("../data/emoji/emojione.png"),
];
const CAPTIONS: &str = include_str!("../data/emoji/captions.tsv");
const COLUMNS: u32 = 40;
/// Chooses the held-out drawings, of every training alike.
const SPLIT_SEED: u64 = 2025;

/// The emoji.
#[derive(Debug, Clone)]
pub struct Emoji {
    /// What is drawn, in order of code points.
    pub classes: Vec<Class>,
    /// Drawing k of class c is at `DRAWINGS * c + k`.
    drawings: Vec<RgbImage>,
}

/// One emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Unicode code points in hexadecimal, joined by `-`.
    pub codepoints: String,
    /// English name (Unicode CLDR).
    pub name: String,
    /// Group, such as `Animals & Nature`.
    pub group: String,
    /// Part of the group, such as `animal-mammal`.
    pub subgroup: String,
    /// Which of the four drawings is not trained on.
    pub held_out: usize,
}

/// Unit embeddings of all drawings and names by one checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EmojiEmbeddings {
    /// The 3,000 drawings that the project's own checkpoints were trained on.
    pub training: Embeddings,
    /// The other 1,000.
    pub held_out: Embeddings,
    /// Inverse temperature t of the checkpoint.
    pub temperature: f64,
    /// Relative bias b_rel of the checkpoint.
    pub relative_bias: f64,
}

/// Reads the emoji, which are part of the program.
///
/// # Errors
/// None that a user could cause.
pub fn load() -> Result<Emoji> {
    let mut split = ChaCha8Rng::seed_from_u64(SPLIT_SEED);
    let class = |line: &str| {
        let mut fields = line.split('\t').skip(1).map(str::to_owned);
        let mut field = || fields.next().expect("captions.tsv has six columns");
        let (codepoints, name, group, subgroup) = (field(), field(), field(), field());
        Class { codepoints, name, group, subgroup, held_out: split.gen_range(0..DRAWINGS) }
    };
    let classes: Vec<_> = CAPTIONS.lines().skip(1).map(class).collect();
    let sheets = (SHEETS.iter().zip(DESIGNERS))
        .map(|(sheet, designer)| decode(sheet, designer))
        .collect::<Result<Vec<_>>>()?;
    let cell = |sheet: &RgbImage, class: usize| {
        let (column, row) = (class as u32 % COLUMNS, class as u32 / COLUMNS);
        imageops::crop_imm(sheet, column * SIDE, row * SIDE, SIDE, SIDE).to_image()
    };
    let drawings = (0..classes.len()).flat_map(|class| sheets.iter().map(move |sheet| (sheet, class)));
    Ok(Emoji { drawings: drawings.map(|(sheet, class)| cell(sheet, class)).collect(), classes })
}

impl Emoji {
    /// The English names, one a class.
    pub fn names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    /// Drawing `drawing` of class `class`, 32 x 32.
    ///
    /// # Panics
    /// If there is no such class or drawing.
    pub fn drawing(&self, class: usize, drawing: usize) -> &RgbImage {
        assert!(drawing < DRAWINGS, "drawing {drawing} of {DRAWINGS}");
        &self.drawings[DRAWINGS * class + drawing]
    }

    /// The drawings that are trained on, three a class, in order of the classes.
    pub fn training(&self) -> Vec<RgbImage> {
        self.select(|held_out, drawing| drawing != held_out)
    }

    /// The drawings that are not, one a class, in order of the classes.
    pub fn held_out(&self) -> Vec<RgbImage> {
        self.select(|held_out, drawing| drawing == held_out)
    }

    fn select(&self, keep: impl Fn(usize, usize) -> bool) -> Vec<RgbImage> {
        let all = (0..self.classes.len()).flat_map(|class| (0..DRAWINGS).map(move |k| (class, k)));
        all.filter(|&(class, k)| keep(self.classes[class].held_out, k))
            .map(|(class, k)| self.drawing(class, k).clone())
            .collect()
    }
}

/// Embeds all emoji with a checkpoint: a folder or a hub id, of this project's training or
/// any other SigLIP.
///
/// # Errors
/// If the checkpoint cannot be used.
pub fn embed_emoji(model: &str) -> Result<EmojiEmbeddings> {
    const BATCH: usize = 250;
    let embedder = Embedder::load(model, Dtype::F32)?;
    let emoji = load()?;
    let classes = emoji.names();
    let class_text = embedder.texts(&classes)?;
    let embed = |drawings: Vec<RgbImage>| -> Result<Embeddings> {
        Ok(Embeddings {
            image: in_batches(&drawings, BATCH, |batch| embedder.images(batch))?,
            splits: (0..CLASSES).map(|class| class * drawings.len() / CLASSES).collect(),
            class_text: class_text.clone(),
            classes: classes.clone(),
            skipped: Vec::new(),
            left_out: Default::default(),
        })
    };
    Ok(EmojiEmbeddings {
        training: embed(emoji.training())?,
        held_out: embed(emoji.held_out())?,
        temperature: embedder.model.temperature(),
        relative_bias: embedder.model.relative_bias(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_class_has_a_name_of_its_own_and_four_different_drawings() {
        let emoji = load().unwrap();
        assert_eq!(emoji.classes.len(), CLASSES);
        assert_eq!(emoji.names().into_iter().collect::<HashSet<_>>().len(), CLASSES);
        for class in 0..CLASSES {
            let drawings: HashSet<_> = (0..DRAWINGS).map(|k| emoji.drawing(class, k).as_raw()).collect();
            assert_eq!(drawings.len(), DRAWINGS, "{}", emoji.classes[class].name);
        }
    }

    #[test]
    fn a_drawing_is_in_the_cell_of_its_caption() {
        let emoji = load().unwrap();
        let class = emoji.classes.iter().position(|class| class.name == "red heart").unwrap();
        for (drawing, designer) in DESIGNERS.iter().enumerate() {
            let [r, g, b] = emoji.drawing(class, drawing).get_pixel(16, 14).0;
            assert!(r > 100 && r - 100 > g.max(b), "{}: {r} {g} {b}", designer);
            assert!(emoji.drawing(class, drawing).get_pixel(0, 31).0.iter().all(|&level| level > 240));
        }
    }

    #[test]
    fn a_quarter_is_held_out_and_no_designer_is_favoured() {
        let emoji = load().unwrap();
        assert_eq!((emoji.training().len(), emoji.held_out().len()), (3000, 1000));
        let training: HashSet<_> = emoji.training().iter().map(|drawing| drawing.as_raw().clone()).collect();
        assert!(emoji.held_out().iter().all(|drawing| !training.contains(drawing.as_raw())));
        for (drawing, designer) in DESIGNERS.iter().enumerate() {
            let count = emoji.classes.iter().filter(|class| class.held_out == drawing).count();
            assert!((200..300).contains(&count), "{}: {count}", designer);
        }
    }
}
