//! What a listing finds: images, the texts beside them, and all else.

use std::{collections::BTreeMap, collections::HashMap, fmt, path::Path, sync::Arc, time::SystemTime};

use pictures::Format;

use super::item::{Item, Source};

/// What lies beside the images and is not embedded. Nothing vanishes without a word.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// How many files end so, in small letters and with the dot; `hidden` counts those whose own
    /// name, or whose folder's, says that they are no data.
    pub endings: BTreeMap<String, usize>,
    /// Folders without an image in them, or below; and classes of which every image was skipped.
    pub empty: Vec<String>,
    /// Folders that are hidden or a system's own, and links to a folder that they lie in.
    pub passed_by: Vec<String>,
}

impl LeftOut {
    /// Whether all that was found is embedded.
    pub fn is_empty(&self) -> bool {
        self.endings.is_empty() && self.empty.is_empty() && self.passed_by.is_empty()
    }
}

/// As a sentence for people.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.endings.is_empty() {
            let counts: Vec<_> =
                self.endings.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
            write!(f, "Left out by their names: {}. ", counts.join(", "))?;
        }
        for (what, names) in [("Without images", &self.empty), ("Passed by", &self.passed_by)] {
            if !names.is_empty() {
                let more = names.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let shown = &names[..names.len().min(SHOWN)];
                write!(f, "{what}: {}{more}. ", shown.join(", "))?;
            }
        }
        Ok(())
    }
}

/// So many folders are named in a sentence.
const SHOWN: usize = 10;

/// Folders of systems and programs, in small letters; those that begin with a dot besides.
const SYSTEM_FOLDERS: [&str; 9] = [
    "__macosx",
    "@eadir",
    "@recycle",
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "system volume information",
    "lost+found",
];

/// Whether a folder of that name holds no data.
pub(super) fn is_system_folder(name: &str) -> bool {
    name.starts_with('.') || SYSTEM_FOLDERS.contains(&name.to_lowercase().as_str())
}

/// Where some bytes are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    /// The `.txt` and `.json`, by their names without that ending.
    pub(super) texts: HashMap<(String, Caption), Place>,
    /// Folders, none of which is a system's.
    pub(super) folders: Vec<String>,
    pub(super) passed_by: Vec<String>,
    endings: BTreeMap<String, usize>,
}

/// The kind of a file with an image's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Caption {
    Txt,
    Json,
}

impl Caption {
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Txt => ".txt",
            Self::Json => ".json",
        }
    }
}

impl Found {
    /// A file of the class `class`, if it lies in a folder. `Err` says why it cannot be read.
    pub(super) fn file(&mut self, name: String, class: Option<&str>, place: Result<Place, String>) {
        let base = name.rsplit('/').next().unwrap_or(&name);
        if base.starts_with('.') {
            self.count("hidden");
        } else if Format::is_named(&name) {
            match place {
                Ok(Place { file, offset, length, modified }) => {
                    let label = class.unwrap_or_default().to_owned();
                    let source = Source::File { file, offset };
                    self.items.push(Item { name, label, length, modified, source });
                }
                Err(reason) => self.broken(name, class, reason),
            }
        } else {
            let ending = ending(base);
            for kind in [Caption::Txt, Caption::Json] {
                if let (true, Ok(place)) = (ending == kind.ending(), &place) {
                    let key = name[..name.len() - ending.len()].to_owned();
                    self.texts.insert((key, kind), place.clone());
                }
            }
            self.count(&ending);
        }
    }

    /// An image, or a folder that may hold some, that cannot be read.
    pub(super) fn broken(&mut self, name: String, class: Option<&str>, reason: String) {
        let label = class.unwrap_or_default().to_owned();
        self.items.push(Item { name, label, length: 0, modified: None, source: Source::Broken(reason) });
    }

    /// Counts a file that is no image.
    pub(super) fn count(&mut self, ending: &str) {
        *self.endings.entry(ending.to_owned()).or_default() += 1;
    }

    /// What is not embedded, when the texts beside the images are of the kind `captioned`.
    pub(super) fn left_out(&mut self, captioned: Option<Caption>) -> LeftOut {
        let mut endings = std::mem::take(&mut self.endings);
        if let Some(kind) = captioned {
            endings.remove(kind.ending());
        }
        self.folders.sort();
        self.folders.dedup();
        let mut empty: Vec<String> = Vec::new();
        for folder in &self.folders {
            let below = format!("{folder}/");
            // Items are in order of their names.
            let first = self.items.partition_point(|item| item.name < below);
            let has_images = self.items.get(first).is_some_and(|item| item.name.starts_with(&below));
            let is_named = empty.iter().any(|parent| below.starts_with(&format!("{parent}/")));
            if !has_images && !is_named {
                empty.push(folder.clone());
            }
        }
        let mut passed_by = std::mem::take(&mut self.passed_by);
        passed_by.sort();
        passed_by.dedup();
        LeftOut { endings, empty, passed_by }
    }
}

/// The ending of a name, with its dot, in small letters.
fn ending(base: &str) -> String {
    match base.rsplit_once('.') {
        Some((_, ending)) => format!(".{}", ending.to_lowercase()),
        None => "without an ending".to_owned(),
    }
}
