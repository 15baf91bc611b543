//! The text of each image.

use std::path::Path;

use serde_json::Value;

use super::found::{Caption, Found, Place};
use super::item::{Item, Source, read_range};
use crate::error::{Error, Result};
use crate::json::read_limited;

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

/// 2.6 million lines of 100 characters.
const MAX_LABELS_BYTES: u64 = 1 << 28;
/// No caption, and no description of a picture, is this long.
const MAX_CAPTION_BYTES: u64 = 1 << 24;
/// The key of captions in the `.json` of published shards.
const CAPTION: &str = "caption";

/// Sets all labels. What kind of file beside the images they come from, if from any.
pub(super) fn set(found: &mut Found, texts: Texts, images: &Path) -> Result<Option<Caption>> {
    let in_no_folder = found.items.iter().find(|item| item.label.is_empty());
    let (kind, key) = match texts {
        Texts::Lines(file) => return set_lines(&mut found.items, file, images).map(|()| None),
        Texts::Captions("txt") => (Caption::Txt, ""),
        Texts::Captions(key) => (Caption::Json, key),
        Texts::Folders => match in_no_folder {
            None => return Ok(None),
            Some(item) => match [Caption::Txt, Caption::Json]
                .into_iter()
                .find(|kind| beside(found, item, *kind).is_some())
            {
                Some(kind) => (kind, CAPTION),
                None => {
                    let name = &item.name;
                    let reason = format!(
                        "holds `{name}` in no class folder, and no caption beside it: give a labels file"
                    );
                    return Err(Error::dataset(images, reason));
                }
            },
        },
    };
    let captions: Vec<_> = found
        .items
        .iter()
        .map(|item| match beside(found, item, kind) {
            Some(place) => caption(place, kind, key),
            None => Err(format!("has no {} beside it", kind.ending())),
        })
        .collect();
    for (item, caption) in found.items.iter_mut().zip(captions) {
        match caption {
            Ok(caption) => item.label = caption,
            Err(reason) => {
                item.label = item.name.clone();
                item.source = Source::Broken(reason);
            }
        }
    }
    Ok(Some(kind))
}

/// The file of the same name but for the ending; shards also have `1.jpg`, `1.small.jpg`, `1.txt`.
fn beside<'a>(found: &'a Found, item: &Item, kind: Caption) -> Option<&'a Place> {
    let name = &item.name;
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let first = name[base..].find('.').map(|dot| &name[..base + dot]);
    let last = name[base..].rfind('.').map(|dot| &name[..base + dot]);
    [last, first].into_iter().flatten().find_map(|key| found.texts.get(&(key.to_owned(), kind)))
}

fn caption(place: &Place, kind: Caption, key: &str) -> Result<String, String> {
    let what = kind.ending();
    if place.length > MAX_CAPTION_BYTES {
        return Err(format!("has a {what} beside it of {} bytes, expected a caption", place.length));
    }
    let bytes = read_range(&place.file, place.offset, place.length)
        .map_err(|error| format!("its {what}: {error}"))?;
    let text =
        String::from_utf8(bytes.unwrap_or_default()).map_err(|_| format!("its {what} is not UTF-8 text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let caption = match kind {
        Caption::Txt => text.to_owned(),
        Caption::Json => {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("its {what}: {error}"))?;
            match &value[key] {
                Value::String(caption) => caption.clone(),
                _ => return Err(format!("its {what} has no text under `{key}`")),
            }
        }
    };
    check_text(caption.trim()).map_err(|reason| format!("its {what} {reason}"))?;
    Ok(caption.trim().to_owned())
}

/// Line k of `file` is the class of the k-th item.
fn set_lines(items: &mut [Item], file: &Path, images: &Path) -> Result<()> {
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
        check_text(line).map_err(|reason| Error::dataset(file, format!("line {} {reason}", k + 1)))?;
        item.label = line.to_owned();
    }
    Ok(())
}

/// numpy takes zeros at the end of a text for padding, so that two texts would become one.
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.contains('\0') { Err("holds the character NUL, which no text has") } else { Ok(()) }
}
