//! `environment.yml`: the conda environment, and the only place with Python versions.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

/// What `environment.yml` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Name of the conda environment.
    pub name: String,
    /// Oldest Python that serves, as (major, minor).
    pub python: (u32, u32),
    /// The `pip:` list, such as `torch==2.13.0`.
    pub requirements: Vec<String>,
}

impl Environment {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is not a conda environment with a name, `python>=MAJOR.MINOR` and a list of exact pip pins.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    /// Reads the text of such a file: of YAML a key or an item a line, which is all that these files have.
    ///
    /// # Errors
    /// As [`Environment::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        let lines: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
        let name =
            lines.iter().find_map(|line| line.strip_prefix("name:")).context("no line `name: NAME`")?;
        let python = lines.iter().find_map(|line| oldest_python(line.strip_prefix("- ")?));
        let python = python.context("no line `python>=MAJOR.MINOR`")?;
        // The list is the last: nothing else is below `pip:`.
        let pip = lines.iter().skip_while(|line| **line != "- pip:").skip(1);
        let requirements: Vec<_> =
            pip.map_while(|line| line.strip_prefix("- ")).map(|pin| pin.trim().to_owned()).collect();
        if let Some(loose) = requirements.iter().find(|requirement| !requirement.contains("==")) {
            bail!("pip: `{loose}` has no exact version, expected `NAME==VERSION`");
        }
        if requirements.is_empty() {
            bail!("no pip list");
        }
        Ok(Self { name: name.trim().to_owned(), python, requirements })
    }

    /// The item of the pip list that names `package`.
    #[must_use]
    pub fn requirement(&self, package: &str) -> Option<&str> {
        let names = |item: &&String| item.split_once("==").is_some_and(|(name, _)| name.trim() == package);
        self.requirements.iter().find(names).map(String::as_str)
    }

    /// The version that `package` is pinned to.
    #[must_use]
    pub fn version(&self, package: &str) -> Option<&str> {
        Some(self.requirement(package)?.split_once("==")?.1.trim())
    }
}

fn oldest_python(dependency: &str) -> Option<(u32, u32)> {
    let version = dependency.strip_prefix("python")?.trim_start().strip_prefix(">=")?;
    let (major, minor) = version.split_once('.')?;
    Some((major.trim().parse().ok()?, minor.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_file_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environment.yml");
        let environment = Environment::read(&path).unwrap();
        assert!(environment.python >= (3, 10));
        assert!(environment.version("torch").is_some());
        assert!(environment.requirements.iter().all(|requirement| !requirement.contains('#')));
    }

    #[test]
    fn conda_and_pip_dependencies_are_told_apart() {
        let environment = Environment::parse(
            "name: n\nchannels: [conda-forge]\ndependencies:\n  - python>=3.11\n  - pip\n  - pip:\n      - a==1 # why\n      - b[x]==2.0\n",
        )
        .unwrap();
        assert_eq!(environment.name, "n");
        assert_eq!(environment.python, (3, 11));
        assert_eq!(environment.requirements, ["a==1", "b[x]==2.0"]);
        assert_eq!(environment.version("a"), Some("1"));
        assert_eq!(environment.version("c"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let complaint = |text: &str| format!("{:#}", Environment::parse(text).unwrap_err());
        let head = "name: n\ndependencies:\n  - python>=3.10\n";
        assert!(complaint(head).contains("no pip list"));
        assert!(complaint(&format!("{head}  - pip:\n      - torch>=2\n")).contains("torch>=2"));
        assert!(complaint("name: n\ndependencies:\n  - pip:\n      - a==1\n").contains("python>="));
        assert!(complaint("dependencies: []").contains("name"));
    }
}
