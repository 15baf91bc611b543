//! Images with their texts: a folder of class folders, a tar archive, read in place, or many of
//! either; and a labels file, or a caption beside each image.

mod archive;
mod folder;
mod found;
mod labels;
mod pattern;

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use crate::error::{Error, Result};
use found::Found;

pub use found::LeftOut;

/// Images in order of their names; nothing is decoded yet.
#[derive(Debug)]
pub struct Dataset {
    /// The images.
    pub items: Vec<Item>,
    /// What lies there besides.
    pub left_out: LeftOut,
}

/// One image.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path below the folder, with `/`, or its name in the archive. Of several archives, the
    /// archive's name comes first.
    pub name: String,
    /// Its class or caption, which is also the text that is embedded for it.
    pub label: String,
    /// Length in bytes.
    pub length: u64,
    /// When its file, or the archive, was last changed.
    pub modified: Option<SystemTime>,
    source: Source,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
enum Source {
    /// From `offset` on in `file`.
    File { file: Arc<Path>, offset: u64 },
    /// Nowhere: they were listed, and cannot be read, for this reason.
    Broken(String),
}

/// Where an image's text comes from.
#[derive(Debug, Clone, Copy, Default)]
pub enum Texts<'a> {
    /// The folder that it lies in; where it lies in none, the `.txt` or the `caption` of the
    /// `.json` beside it.
    #[default]
    Folders,
    /// Line k of this file names the class of the k-th image in order of names.
    Lines(&'a Path),
    /// The `.txt` beside it, if this is `txt`; else this key of the `.json` beside it.
    Captions(&'a str),
}

/// No encoded photograph is this long.
const MAX_IMAGE_BYTES: u64 = 1 << 30;

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

impl Item {
    /// The encoded image.
    ///
    /// # Errors
    /// If its file cannot be read, or is shorter than when it was listed.
    pub fn read(&self) -> Result<Vec<u8>> {
        let (file, offset) = match &self.source {
            Source::File { file, offset } => (file, *offset),
            Source::Broken(reason) => return Err(Error::image(&self.name, reason)),
        };
        if self.length > MAX_IMAGE_BYTES {
            return Err(Error::image(&self.name, format!("has {} bytes, expected an image", self.length)));
        }
        read_range(file, offset, self.length)
            .map_err(|error| Error::image(&self.name, error))?
            .ok_or_else(|| Error::image(&self.name, "is shorter than it was when the images were listed"))
    }
}

/// `length` bytes of `file`, if it has them.
fn read_range(file: &Path, offset: u64, length: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length as usize);
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}
