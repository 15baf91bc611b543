//! Images with their texts: a folder of class folders, a tar archive, read in place, or many of
//! either; and a labels file, or a caption beside each image.

mod archive;
mod folder;
mod found;
mod item;
mod labels;
mod pattern;

use std::{fs, path::Path};

use crate::error::{Error, Result};
use found::Found;
use item::Source;

pub use found::LeftOut;
pub use item::Item;
pub use labels::Texts;

/// Images in order of their names; nothing is decoded yet.
#[derive(Debug)]
pub struct Dataset {
    /// The images.
    pub items: Vec<Item>,
    /// What lies there besides.
    pub left_out: LeftOut,
}

impl Dataset {
    /// Finds the images in `images`: a folder, a tar archive, or a pattern of either, such as
    /// `cc3m-{000..331}.tar`.
    ///
    /// What looks like an image and cannot be read, such as a link that leads nowhere, becomes an
    /// item whose [`Item::read`] is the error.
    ///
    /// # Errors
    /// If there are no images, or not as many labels; if an archive is damaged,
    /// compressed, or has names that lead out of it.
    pub fn open(images: &Path, texts: Texts) -> Result<Self> {
        let mut found = Found::default();
        let sources = pattern::expand(images)?;
        for source in &sources {
            let prefix = match source.file_stem() {
                Some(stem) if sources.len() > 1 => format!("{}/", stem.to_string_lossy()),
                _ => String::new(),
            };
            match fs::metadata(source) {
                Ok(metadata) if metadata.is_dir() => folder::list(source, &prefix, &mut found)?,
                Ok(metadata) if metadata.is_file() => archive::list(source, &prefix, &mut found)?,
                Ok(_) => return Err(Error::dataset(source, "is neither a folder nor an archive")),
                Err(error) => return Err(Error::file(source, error)),
            }
        }
        found.items.sort_by(|a, b| a.name.cmp(&b.name));
        let whole = |item: &&Item| matches!(item.source, Source::File { .. });
        let names: Vec<&str> = found.items.iter().filter(whole).map(|item| item.name.as_str()).collect();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::dataset(images, format!("holds `{}` twice", pair[0])));
        }
        let captioned = if found.items.is_empty() { None } else { labels::set(&mut found, texts, images)? };
        let left_out = found.left_out(captioned);
        if found.items.is_empty() {
            let reason = format!("holds no image: no name ends as one of a format that is read. {left_out}");
            return Err(Error::dataset(images, reason.trim_end()));
        }
        Ok(Self { items: found.items, left_out })
    }
}
