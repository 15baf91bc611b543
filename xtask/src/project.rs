//! Where everything is.

use std::{
    env,
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
        if text.contains(':') {
            bail!("{root} has a colon, which separates folders where libraries are searched: {advice}");
        }
        if let Some(control) = text.chars().find(|character| character.is_control()) {
            bail!("{root} has the control character {control:?}: {advice}");
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

    /// Build directories of kernels, see [`crate::kernel`].
    #[must_use]
    pub fn kernels(&self) -> PathBuf {
        self.root.join(".kernels")
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
