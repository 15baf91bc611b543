//! Programs of crates.io, installed for this project only.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{
    files, process,
    progress::Run,
    project::{self, Project},
};

/// A program, which has its package's name.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Of the package.
    pub name: &'static str,
    /// The exact one.
    pub version: &'static str,
    /// Settings of cargo that it is built with.
    pub profile: &'static [(&'static str, &'static str)],
    /// What names that profile among the copies that are kept for other clones; empty for cargo's own.
    pub variant: &'static str,
    /// An argument, and a word of the answer of a program that works.
    pub proof: (&'static str, &'static str),
}

impl Tool {
    /// The program, whether it is there or not.
    #[must_use]
    pub fn binary(&self, project: &Project) -> PathBuf {
        self.folder(project).join("bin").join(self.name)
    }

    fn folder(&self, project: &Project) -> PathBuf {
        project.tools().join(format!("{}-{}", self.name, self.version))
    }

    /// Installs the program if it is not there: from the user's cache, else from its sources. `rustc` is
    /// what `rustc -vV` prints.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn ready(&self, project: &Project, rustc: &str, run: Run) -> Result<()> {
        let binary = self.binary(project);
        if binary.exists() {
            return Ok(());
        }
        let cached = self.cached(rustc);
        if let Some(cached) = cached.as_deref().filter(|cached| self.works(cached)) {
            return files::copy(cached, &binary);
        }
        self.build(project, run)?;
        if !self.works(&binary) {
            files::remove(&binary)?;
            bail!("the {} that was built does not run", self.name);
        }
        // A convenience for the next clone; that it cannot be kept is no failure.
        if let Some(cached) = cached {
            let _ = files::copy(&binary, &cached);
        }
        Ok(())
    }

    fn build(&self, project: &Project, run: Run) -> Result<()> {
        let build = project.tools().join(format!("{}_build", self.name));
        let mut cargo = process::cargo();
        cargo.args(["install", self.name, "--version", self.version, "--locked", "--force", "--root"]);
        cargo.arg(self.folder(project));
        // A directory of our own keeps what was compiled when the build is interrupted.
        cargo.env("CARGO_TARGET_DIR", &build).envs(self.profile.iter().copied());
        run(&mut cargo)?;
        files::remove(&build)
    }

    fn works(&self, binary: &Path) -> bool {
        let (argument, word) = self.proof;
        process::output(process::command(binary).arg(argument)).is_ok_and(|text| text.contains(word))
    }

    /// Where a copy is kept for other clones of the same user.
    fn cached(&self, rustc: &str) -> Option<PathBuf> {
        let line = |key: &str| rustc.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let (release, host) = (line("release:")?, line("host:")?);
        let name = format!("{}-{}{}-rustc-{release}-{host}", self.name, self.version, self.variant);
        Some(project::cache()?.join(name))
    }
}
