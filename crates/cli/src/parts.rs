//! Files that shards write beside the one that they are parts of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use shard::Shard;

/// Parts of a file are named `FILE.K-of-N.EXTENSION`.
pub(crate) struct Parts {
    pub(crate) extension: &'static str,
}

impl Parts {
    /// The part of a shard.
    pub(crate) fn path(&self, out: &Path, shard: Shard) -> PathBuf {
        let mut name = out.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-of-{}.{}", shard.number(), shard.of(), self.extension));
        out.with_file_name(name)
    }

    /// Whether a part lies beside `out`.
    pub(crate) fn exist(&self, out: &Path) -> bool {
        !self.found(out).is_empty()
    }

    /// All parts of `out`, in order.
    ///
    /// # Errors
    /// If none is there, some are missing, or they are those of two divisions of the work.
    pub(crate) fn all(&self, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let found = self.found(out);
        let out = out.display();
        let mut numbers = found.keys();
        let (Some((&of, there)), None) = (numbers.next().map(|of| (of, &found[of])), numbers.next()) else {
            match found.keys().map(ToString::to_string).collect::<Vec<_>>() {
                none if none.is_empty() => bail!("{out}: there are no parts beside it"),
                several => bail!(
                    "{out}: beside it are parts of {} shards: remove those of one",
                    several.join(" and of ")
                ),
            }
        };
        let missing = Shard::all(of).filter(|shard| !there.contains_key(&shard.number()));
        let missing: Vec<String> = missing.map(|shard| shard.to_string()).collect();
        if !missing.is_empty() {
            bail!(
                "{out}: {} of {of} shards are missing: run {} again",
                missing.len(),
                crate::sweep::some(&missing)
            );
        }
        Ok(there.values().cloned().collect())
    }

    /// By how many shards there are, and then by number.
    fn found(&self, out: &Path) -> BTreeMap<usize, BTreeMap<usize, PathBuf>> {
        let folder = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut found: BTreeMap<usize, BTreeMap<usize, PathBuf>> = BTreeMap::new();
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let shard = || {
                let name = path.file_name()?.to_str()?;
                let rest = name.strip_prefix(out.file_name()?.to_str()?)?.strip_prefix('.')?;
                let (k, n) = rest.strip_suffix(self.extension)?.strip_suffix('.')?.split_once("-of-")?;
                format!("{k}/{n}").parse::<Shard>().ok()
            };
            if let Some(shard) = shard() {
                found.entry(shard.of()).or_default().insert(shard.number(), path);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_order_and_missing_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (out, parts) = (folder.path().join("g.json"), Parts { extension: "part" });
        let all = || parts.all(&out).map_err(|error| error.to_string());
        assert!(!parts.exist(&out) && all().unwrap_err().contains("no parts"));
        for number in [10, 2, 0] {
            std::fs::write(parts.path(&out, Shard::new(number, 12).unwrap()), "").unwrap();
        }
        assert!(all().unwrap_err().contains("9 of 12 shards are missing: run 1/12, 3/12"));
        Shard::all(12).for_each(|shard| std::fs::write(parts.path(&out, shard), "").unwrap());
        std::fs::write(folder.path().join("other.json.0-of-3.part"), "").unwrap();
        std::fs::write(folder.path().join("g.json.x-of-3.part"), "").unwrap();
        let names: Vec<_> = all().unwrap().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!((names.len(), names[2].to_str()), (12, Some("g.json.2-of-12.part")));
        std::fs::write(parts.path(&out, Shard::new(1, 3).unwrap()), "").unwrap();
        assert!(all().unwrap_err().contains("of 3 and of 12 shards"));
    }
}
