//! Where everything is.

use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// A clone of the repository, by its root folder.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project whose `cargo xtask` is running.
    ///
    /// # Errors
    /// If its folder has gone.
    pub fn find() -> Result<Self> {
        // Cargo sets the variable; the other serves when the program is started directly.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("xtask has no parent folder")?;
        let root = root.canonicalize().with_context(|| format!("{}", root.display()))?;
        Ok(Self::at(root))
    }

    /// Whether tools can be given the root folder's path.
    ///
    /// # Errors
    /// What in the path they cannot bear.
    pub fn bearable(&self) -> Result<()> {
        let (root, advice) = (self.root.display(), "move the project, or clone it into another folder");
        let Some(text) = self.root.to_str() else { bail!("{root} is not UTF-8: {advice}") };
        let reason = |character: char| match character {
            ':' => Some("it separates the folders where libraries are searched"),
            '%' => Some("a C compiler takes it for a pattern in the name of what it links"),
            control if control.is_control() => Some("no manifest may have it"),
            _ => None,
        };
        if let Some((character, reason)) = text.chars().find_map(|c| Some((c, reason(c)?))) {
            bail!("{root} has the character {character:?}, and {reason}: {advice}");
        }
        Ok(())
    }

    /// The project in `root`, an absolute path.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The conda environment, and the only place with Python versions.
    #[must_use]
    pub fn environment_file(&self) -> PathBuf {
        self.root.join("environment.yml")
    }

    /// The Python environment that is made when no conda environment is active.
    #[must_use]
    pub fn venv(&self) -> PathBuf {
        self.root.join(".venv")
    }

    /// Link to the libtorch of the Python environment; `.cargo/config.toml` names it too.
    #[must_use]
    pub fn libtorch(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// Programs installed for this project only.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.root.join(".tools")
    }

    /// Build directories of kernels, see [`crate::kernel`]. Between its processes evcxr says which library
    /// is to be loaded in a line whose words are separated by spaces; so where the project's path has
    /// one, they are in the user's cache or, if that has a space too, among the temporary files.
    #[must_use]
    pub fn kernels(&self) -> PathBuf {
        let has_space = |path: &Path| path.to_string_lossy().contains(' ');
        if !has_space(&self.root) {
            return self.root.join(".kernels");
        }
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        let mut places = cache().into_iter().chain([env::temp_dir()]);
        let place = places.find(|place| !has_space(place)).unwrap_or_else(|| "/tmp".into());
        place.join(format!("kernels-{:016x}", hasher.finish()))
    }

    /// The crate that the notebooks use.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.root.join("crate")
    }

    /// What the environment needs that models are compared with.
    #[must_use]
    pub fn parity_requirements(&self) -> PathBuf {
        self.root.join("crates/models/tests/transformers/requirements.txt")
    }

    /// The committed notebooks.
    #[must_use]
    pub fn notebooks(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    /// The committed figures, metrics and report.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The web site.
    #[must_use]
    pub fn site(&self) -> PathBuf {
        self.target().join("site")
    }

    /// Cargo's target directory, where all that is not kept goes.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |target| self.root.join(target))
    }
}

/// What is kept for all clones of the same user; none if the user has no home.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(PathBuf::from);
    let caches = if cfg!(target_os = "macos") {
        home()?.join("Library/Caches")
    } else {
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(home()?.join(".cache")))?
    };
    Some(caches.join("siglip-constellations"))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    #[test]
    fn a_path_is_refused_for_what_tools_cannot_bear_alone() {
        let bearable = |path: &[u8]| {
            Project::at(Path::new(OsStr::from_bytes(path)).to_owned()).bearable().map_err(|e| e.to_string())
        };
        let strange = "/my  runs, \"a\" 'e\u{301}' \u{a0}\u{e01}\u{e33} #1 \\ $HOME {a}";
        assert_eq!(bearable(strange.as_bytes()), Ok(()));
        for (path, named) in [("/a:b", "':'"), ("/50%", "'%'"), ("/a\nb", "'\\n'"), ("/a\u{7f}", "'\\u{7f}'")]
        {
            let refusal = bearable(path.as_bytes()).unwrap_err();
            assert!(refusal.contains(named) && refusal.contains("move the project"), "{refusal}");
        }
        assert!(bearable(b"/a\xff").unwrap_err().contains("not UTF-8"));
    }
}
