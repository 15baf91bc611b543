//! JupyterLab in a real browser, as a reader uses it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{kernel::spec, project::Project, python::Python, side_environment::side_environment};

const TESTS: &str = "xtask/tests/browser";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// A browser and the Python that drives it.
#[derive(Debug, Clone)]
pub struct Browser {
    program: PathBuf,
    python: Python,
}

impl Browser {
    /// Chromium or Chrome, where there is one, and the environment of its tests.
    ///
    /// # Errors
    /// If the environment cannot be made.
    pub fn ready(project: &Project, python: &Python) -> Result<Option<Self>> {
        let Some(program) = find() else { return Ok(None) };
        let requirements = project.root().join(TESTS).join("requirements.txt");
        let python = side_environment(project, python, ".venv-browser", &requirements)?;
        Ok(Some(Self { program, python }))
    }

    /// The Python that drives it.
    #[must_use]
    pub fn python(&self) -> &Python {
        &self.python
    }

    /// The command that uses JupyterLab and the site of the notebooks, and says how many of its
    /// checks passed.
    #[must_use]
    pub fn tests(&self, project: &Project) -> Command {
        let mut command = self.python.command();
        command.arg(project.root().join(TESTS).join("test_lab.py"));
        command.arg(&self.program);
        // Inside the project, where JupyterLab can open it; git ignores it.
        let folder = project.root().join("target/browser-test");
        // `cargo test` has built this program anew by now, so the running one has no path any more.
        command.arg(spec::launcher(project)).arg(project.root()).arg(folder);
        command
    }
}

fn find() -> Option<PathBuf> {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH")?).collect();
    let named = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.chain([Path::new(MAC).to_owned()]).find(|program| program.is_file())
}
