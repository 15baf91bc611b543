//! The images in a tar archive, which is not unpacked: archives within it, links, and archives one
//! after the other in one file are read as tar reads them.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

use tar::{Archive, EntryType};

use super::found::{Found, Place, is_system_folder};
use super::item::Source;
use crate::error::{Error, Result};

/// An archive within an archive within an archive is a joke, or an attack.
const MAX_DEPTH: usize = 4;
/// Bytes of a header, and what contents are filled up to.
const BLOCK: u64 = 512;

/// Lists the archive `path`.
pub(super) fn list(path: &Path, prefix: &str, found: &mut Found) -> Result<()> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let metadata = file.metadata().map_err(|error| Error::file(path, error))?;
    let mut listing = Listing { path: Arc::from(path), metadata, found, links: Vec::new() };
    let whole = Window { file, start: 0, length: listing.metadata.len(), position: 0 };
    listing.archive(whole, prefix, None, 0)?;
    listing.follow_links();
    Ok(())
}

struct Listing<'a> {
    path: Arc<Path>,
    metadata: Metadata,
    found: &'a mut Found,
    /// Names and classes of links, and the names that they lead to.
    links: Vec<(String, Option<String>, Option<String>)>,
}

/// A part of a file, as if it were all of it.
struct Window {
    file: File,
    start: u64,
    length: u64,
    position: u64,
}

impl Listing<'_> {
    fn error(&self, reason: impl Into<String>) -> Error {
        Error::dataset(&self.path, reason)
    }

    /// Lists an archive, and what follows its end in the same file. Names begin with `prefix`;
    /// images that lie in no folder of it are of the class `class`.
    fn archive(&mut self, mut window: Window, prefix: &str, class: Option<&str>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("holds archives within archives down to `{prefix}`: unpack it")));
        }
        if let Some(program) = window.compression().map_err(|error| self.error(error.to_string()))? {
            return Err(self.error(format!(
                "is compressed, which cannot be read in place: decompress it first, with `{program}`"
            )));
        }
        let mut inner = Vec::new();
        let mut from = 0;
        loop {
            let part = window.from(from).map_err(|error| self.error(error.to_string()))?;
            from = self.members(part, from, prefix, class, &mut inner)?;
            match window.next_archive(from).map_err(|error| self.error(error.to_string()))? {
                Some(next) => from = next,
                None => break,
            }
        }
        for (name, place) in inner {
            let file = File::open(&self.path).map_err(|error| Error::file(&*self.path, error))?;
            let window = Window { file, start: place.offset, length: place.length, position: 0 };
            let stem =
                name.rsplit('/').next().and_then(|base| base.rsplit_once('.')).map_or("", |(stem, _)| stem);
            let prefix = format!("{}/", name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem));
            self.found.folders.push(prefix.trim_end_matches('/').to_owned());
            self.archive(window, &prefix, Some(stem), depth + 1)?;
        }
        Ok(())
    }

    /// Lists one archive, which begins `from` bytes after `outer`'s beginning, and says where in
    /// that its last member ends. Archives within it go to `inner`.
    fn members(
        &mut self,
        window: Window,
        from: u64,
        prefix: &str,
        class: Option<&str>,
        inner: &mut Vec<(String, Place)>,
    ) -> Result<u64> {
        let (start, length) = (window.start, window.length);
        let mut end = 0;
        let path = self.path.clone();
        let unreadable = |error: io::Error, end: u64| {
            let reason = match from + end {
                0 => format!("is no readable tar archive: {error}"),
                at => format!(
                    "is damaged, or holds what is no archive, from byte {at} on: {error}. \
                               `tar --ignore-zeros --list` shows what it holds; unpack it, and give the folder"
                ),
            };
            Error::dataset(&path, reason)
        };
        let mut archive = Archive::new(window);
        for entry in archive.entries_with_seek().map_err(|error| unreadable(error, 0))? {
            let mut entry = entry.map_err(|error| unreadable(error, end))?;
            let (offset, size, kind) = (entry.raw_file_position(), entry.size(), entry.header().entry_type());
            let sparse = sparse_name(&mut entry).map_err(|error| unreadable(error, end))?;
            let name =
                sparse.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| entry.path_bytes().into());
            let name = Name::new(&name).map_err(|reason| self.error(reason))?;
            let in_parts = kind.is_gnu_sparse() || sparse.is_some();
            // A sparse member is larger than what is stored of it.
            let stored = if kind.is_gnu_sparse() { entry.header().entry_size().unwrap_or(0) } else { size };
            end = offset.saturating_add(stored);
            if end > length {
                return Err(self.error(format!("is truncated: `{}` does not end within it", name.path)));
            }
            end = end.next_multiple_of(BLOCK);
            if let Some(folder) = name.system_folder() {
                self.found.passed_by.push(format!("{prefix}{folder}"));
                continue;
            }
            let (class, path) = (name.folder().or(class), format!("{prefix}{}", name.path));
            let place = || Place {
                file: self.path.clone(),
                offset: start + offset,
                length: size,
                modified: self.metadata.modified().ok(),
            };
            match kind {
                _ if name.path.is_empty() => {}
                EntryType::Directory => self.found.folders.push(path),
                _ if name.is_folder => self.found.folders.push(path),
                _ if name.flaw.is_some() => {
                    let reason = name.flaw.unwrap_or_default();
                    self.found.file(
                        path,
                        class,
                        Err(format!("has a name {reason}: unpack the archive, and rename it")),
                    );
                }
                EntryType::Link | EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    let target = name.target(&target, kind).map(|target| format!("{prefix}{target}"));
                    self.links.push((path, class.map(str::to_owned), target));
                }
                _ if in_parts => {
                    let reason = "is kept in parts (sparse): unpack the archive, and give the folder";
                    self.found.file(path, class, Err(reason.to_owned()));
                }
                EntryType::Regular | EntryType::Continuous if path.to_lowercase().ends_with(".tar") => {
                    inner.push((path, place()));
                }
                EntryType::Regular | EntryType::Continuous => {
                    let place = place();
                    self.found.file(path, class, Ok(place));
                }
                _ => {
                    let reason = "is a pipe or a device, expected a file";
                    self.found.file(path, class, Err(reason.to_owned()));
                }
            }
        }
        Ok(from + end)
    }

    /// Links become images like those that they lead to.
    fn follow_links(&mut self) {
        if self.links.is_empty() {
            return;
        }
        let links = std::mem::take(&mut self.links);
        let next: HashMap<&str, &str> =
            links.iter().filter_map(|(name, _, target)| Some((name.as_str(), target.as_deref()?))).collect();
        let places: HashMap<String, Place> = (self.found.items.iter())
            .filter_map(|item| match &item.source {
                Source::File { file, offset } => {
                    let (file, length, modified) = (file.clone(), item.length, item.modified);
                    Some((item.name.clone(), Place { file, offset: *offset, length, modified }))
                }
                Source::Broken(_) => None,
            })
            .collect();
        for (name, class, target) in &links {
            // A chain is no longer than there are links, unless it is a ring.
            let last = target.as_deref().map(|target| {
                (0..links.len()).fold(target, |target, _| next.get(target).copied().unwrap_or(target))
            });
            let place = last.and_then(|last| places.get(last)).cloned().ok_or_else(|| {
                format!(
                    "is a link to `{}`, which the archive does not hold as an image",
                    target.as_deref().unwrap_or("?")
                )
            });
            self.found.file(name.clone(), class.as_deref(), place);
        }
    }
}

/// A member's name, without what changes nothing about it.
struct Name {
    path: String,
    is_folder: bool,
    /// What no name of a class can have.
    flaw: Option<&'static str>,
}

impl Name {
    fn new(bytes: &[u8]) -> Result<Self, String> {
        let text = String::from_utf8_lossy(bytes);
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if text.starts_with('/') || parts.contains(&"..") {
            return Err(format!("holds `{text}`, which leads out of it"));
        }
        let flaw = match std::str::from_utf8(bytes) {
            Err(_) => Some("that is not UTF-8"),
            // See the labels' `check_text`.
            Ok(text) if text.contains('\0') => Some("with the character NUL"),
            Ok(_) => None,
        };
        Ok(Self { path: parts.join("/"), is_folder: text.ends_with('/'), flaw })
    }

    fn folder(&self) -> Option<&str> {
        self.path.rsplit('/').nth(1)
    }

    /// The first folder on its way, or itself, that is a system's.
    fn system_folder(&self) -> Option<&str> {
        let folders = if self.is_folder { self.path.as_str() } else { self.path.rsplit_once('/')?.0 };
        let mut end = 0;
        folders.split('/').find_map(|part| {
            end += part.len() + 1;
            is_system_folder(part).then(|| &folders[..end - 1])
        })
    }

    /// The member that a link of this name leads to: symbolic links say it from their folder.
    fn target(&self, link: &[u8], kind: EntryType) -> Option<String> {
        let text = std::str::from_utf8(link).ok()?;
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = if kind == EntryType::Symlink && !text.starts_with('/') {
            folder.split('/').filter(|part| !part.is_empty()).collect()
        } else {
            Vec::new()
        };
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }
}

/// The name of a member whose contents are a list of parts in PAX's manner, empty if it says none.
fn sparse_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Option<Vec<u8>>> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(None) };
    let mut name = None;
    for extension in extensions.flatten() {
        if extension.key_bytes() == b"GNU.sparse.name" {
            name = Some(extension.value_bytes().to_vec());
        } else if extension.key_bytes().starts_with(b"GNU.sparse.") {
            name = name.or(Some(Vec::new()));
        }
    }
    Ok(name)
}

impl Window {
    /// The program that undoes a compression.
    fn compression(&mut self) -> io::Result<Option<&'static str>> {
        let mut start = Vec::new();
        self.seek(SeekFrom::Start(0))?;
        self.by_ref().take(6).read_to_end(&mut start)?;
        self.seek(SeekFrom::Start(0))?;
        Ok(match start[..] {
            [0x1F, 0x8B, ..] => Some("gunzip"),
            [b'B', b'Z', b'h', ..] => Some("bunzip2"),
            [0xFD, b'7', b'z', b'X', b'Z', ..] => Some("unxz"),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some("unzstd"),
            [0x04, 0x22, 0x4D, 0x18, ..] => Some("unlz4"),
            [b'P', b'K', 3 | 5, ..] => Some("unzip"),
            [b'7', b'z', 0xBC, 0xAF, ..] => Some("7z x"),
            [b'R', b'a', b'r', b'!', ..] => Some("unrar x"),
            _ => None,
        })
    }

    /// What lies from `offset` on.
    fn from(&self, offset: u64) -> io::Result<Self> {
        let length = self.length.saturating_sub(offset);
        Ok(Self { file: self.file.try_clone()?, start: self.start + offset, length, position: 0 })
    }

    /// Where something begins that follows an archive's end, which is marked by zeros.
    fn next_archive(&mut self, end: u64) -> io::Result<Option<u64>> {
        let mut block = [0; BLOCK as usize];
        let mut at = end;
        while at + BLOCK <= self.length {
            self.seek(SeekFrom::Start(at))?;
            self.read_exact(&mut block)?;
            if block.iter().any(|&byte| byte != 0) {
                return Ok(Some(at));
            }
            at += BLOCK;
        }
        Ok(None)
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Clones of a file share its place.
        self.file.seek(SeekFrom::Start(self.start + self.position))?;
        let count = buffer
            .len()
            .min(usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX));
        let count = self.file.read(&mut buffer[..count])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::other("a place before the beginning"))?;
        Ok(self.position)
    }
}
