//! JupyterLab with the kernel ready.

use anyhow::Result;

use crate::{files, process, project::Project, python::PyTorch, reproduce, setup};

/// Where JupyterLab's defaults are not ours: no question about news, and no request for updates.
/// What the user has chosen goes before it.
const SETTINGS: &str =
    r#"{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}"#;

/// Opens JupyterLab on a free port, in the folder of the notebooks, until the user ends it.
/// `arguments` are JupyterLab's own, such as `--no-browser` or `--port=8899`.
///
/// # Errors
/// If the set-up fails or JupyterLab cannot be started.
pub fn open(project: &Project, arguments: &[String]) -> Result<()> {
    let python = setup::everything(project, PyTorch::for_this_machine())?;
    // An untrusted notebook does not show its interactive figures.
    let trust = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()";
    let names = reproduce::all(project).unwrap_or_default();
    let notebooks = names.iter().map(|name| project.notebooks().join(name).with_extension("ipynb"));
    process::run(python.command().args(["-c", trust]).args(notebooks))?;
    let settings = project.tools().join("jupyterlab");
    files::write(&settings.join("overrides.json"), SETTINGS)?;
    let status = python
        .command()
        .args(["-m", "jupyterlab", "--LabApp.default_url=/lab/tree/notebooks"])
        .arg(format!("--LabApp.app_settings_dir={}", settings.display()))
        .arg("--ServerApp.allow_root=True") // in a container
        .arg(format!("--ServerApp.root_dir={}", project.root().display()))
        .args(arguments)
        .status()?;
    anyhow::ensure!(status.success(), "JupyterLab ended with {status}");
    Ok(())
}
