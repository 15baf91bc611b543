//! Images with their classes: a folder of class folders, a folder and a labels file, or
//! a tar archive, read in place, and a labels file.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::error::{Error, Result};
use crate::json::read_limited;

/// Images in order of their names; nothing is decoded yet.
#[derive(Debug)]
pub struct Dataset {
    /// The images.
    pub items: Vec<Item>,
}

/// One image.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path below the folder, with `/`, or its name in the archive.
    pub name: String,
    /// Its class, which is also the text that is embedded for it.
    pub label: String,
    /// Length in bytes.
    pub length: u64,
    /// When its file, or the archive, was last changed.
    pub modified: Option<SystemTime>,
    file: PathBuf,
    /// Where it begins in `file`.
    offset: u64,
}

/// No encoded photograph is this long.
const MAX_IMAGE_BYTES: u64 = 1 << 30;
/// 2.6 million lines of 100 characters.
const MAX_LABELS_BYTES: u64 = 1 << 28;
/// Deeper folders are a loop of links.
const MAX_DEPTH: usize = 32;

impl Dataset {
    /// Finds the images in `images`, a folder or a tar archive. Line k of `labels` names
    /// the class of the k-th image in order of names; without it, the class of an image
    /// is the folder that it lies in.
    ///
    /// # Errors
    /// If there are no images, or not as many labels; if an archive is damaged,
    /// compressed, or has names that lead out of it.
    pub fn open(images: &Path, labels: Option<&Path>) -> Result<Self> {
        let mut items = match fs::metadata(images) {
            Ok(metadata) if metadata.is_dir() => list_folder(images)?,
            Ok(_) => list_archive(images)?,
            Err(error) => return Err(Error::file(images, error)),
        };
        if items.is_empty() {
            return Err(Error::dataset(images, "holds no image: no name ends in .jpg, .jpeg or .png"));
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = items.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::dataset(images, format!("holds `{}` twice", pair[0].name)));
        }
        match labels {
            Some(file) => set_labels(&mut items, file, images)?,
            None => label_by_folder(&mut items, images)?,
        }
        Ok(Self { items })
    }
}

impl Item {
    /// The encoded image.
    ///
    /// # Errors
    /// If its file cannot be read any more, or is shorter than when it was listed.
    pub fn read(&self) -> Result<Vec<u8>> {
        if self.length > MAX_IMAGE_BYTES {
            return Err(Error::image(&self.name, format!("has {} bytes, expected an image", self.length)));
        }
        let mut bytes = Vec::with_capacity(self.length as usize);
        let mut read = || -> std::io::Result<()> {
            let mut file = File::open(&self.file)?;
            file.seek(SeekFrom::Start(self.offset))?;
            file.take(self.length).read_to_end(&mut bytes)?;
            Ok(())
        };
        read().map_err(|error| Error::image(&self.name, error))?;
        if bytes.len() as u64 != self.length {
            return Err(Error::image(&self.name, "is shorter than it was when the images were listed"));
        }
        Ok(bytes)
    }
}

fn is_image(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let extension = base.rsplit_once('.').map_or("", |(_, extension)| extension);
    !base.starts_with('.') && ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// All images below `root`. Links are followed.
fn list_folder(root: &Path) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(Error::dataset(folder, "lies too deep: do links form a loop?"));
        }
        let io = |error| Error::file(&folder, error);
        for entry in fs::read_dir(&folder).map_err(io)? {
            let file = entry.map_err(io)?.path();
            let base = file.file_name().and_then(|name| name.to_str());
            let base = base.ok_or_else(|| Error::dataset(&file, "has a name that is not UTF-8"))?;
            let name = format!("{prefix}{base}");
            let metadata = match fs::metadata(&file) {
                Ok(metadata) => metadata,
                Err(_) if !is_image(&name) => continue, // a broken link to something else
                Err(error) => return Err(Error::file(file, error)),
            };
            if metadata.is_dir() {
                folders.push((file, format!("{name}/"), depth + 1));
            } else if is_image(&name) {
                let (length, modified) = (metadata.len(), metadata.modified().ok());
                items.push(Item { name, label: String::new(), length, modified, file, offset: 0 });
            }
        }
    }
    Ok(items)
}

/// All images in a tar archive, which is not unpacked.
fn list_archive(archive: &Path) -> Result<Vec<Item>> {
    let io = |error: std::io::Error| {
        let reason =
            format!("is no readable tar archive: {error}. A compressed one has to be decompressed first");
        Error::dataset(archive, reason)
    };
    let file = File::open(archive).map_err(|error| Error::file(archive, error))?;
    let metadata = file.metadata().map_err(|error| Error::file(archive, error))?;
    let mut items = Vec::new();
    let mut archive_reader = tar::Archive::new(file);
    for entry in archive_reader.entries_with_seek().map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Err(Error::dataset(archive, format!("holds `{name}`, which leads out of it")));
        }
        let name = name.trim_start_matches("./").to_owned();
        if !is_image(&name) || entry.header().entry_type().is_dir() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(Error::dataset(
                archive,
                format!("holds `{name}` as a link or in parts, expected a file"),
            ));
        }
        let (offset, length) = (entry.raw_file_position(), entry.size());
        if offset.checked_add(length).is_none_or(|end| end > metadata.len()) {
            return Err(Error::dataset(archive, format!("is truncated: `{name}` does not end within it")));
        }
        let modified = metadata.modified().ok();
        items.push(Item { name, label: String::new(), length, modified, file: archive.to_owned(), offset });
    }
    Ok(items)
}

/// Line k of `file` is the class of the k-th item.
fn set_labels(items: &mut [Item], file: &Path, images: &Path) -> Result<()> {
    let bytes = read_limited(file, MAX_LABELS_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::dataset(file, "is not UTF-8 text"))?;
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').trim_end().lines().map(str::trim).collect();
    if lines.len() != items.len() {
        let (labels, images, count) = (lines.len(), images.display(), items.len());
        return Err(Error::dataset(file, format!("has {labels} labels, and {images} {count} images")));
    }
    for (k, (item, line)) in items.iter_mut().zip(lines).enumerate() {
        if line.is_empty() {
            return Err(Error::dataset(file, format!("has no label in line {}", k + 1)));
        }
        item.label = line.to_owned();
    }
    Ok(())
}

fn label_by_folder(items: &mut [Item], images: &Path) -> Result<()> {
    for item in items {
        let folder = item.name.rsplit('/').nth(1);
        let missing = || {
            Error::dataset(images, format!("holds `{}` in no class folder: give a labels file", item.name))
        };
        item.label = folder.ok_or_else(missing)?.to_owned();
    }
    Ok(())
}
