//! JupyterLab with the kernel ready.

use anyhow::Result;

use crate::{process, project::Project, reproduce, setup};

/// Opens JupyterLab on a free port, in the folder of the notebooks, until the user ends it.
///
/// # Errors
/// If the set-up fails or JupyterLab cannot be started.
pub fn open(project: &Project) -> Result<()> {
    let python = setup::everything(project)?;
    // An untrusted notebook does not show its interactive figures.
    let trust = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()";
    let names = reproduce::all(project).unwrap_or_default();
    let notebooks = names.iter().map(|name| project.notebooks().join(name).with_extension("ipynb"));
    process::run(python.command().args(["-c", trust]).args(notebooks))?;
    let status = python
        .command()
        .args(["-m", "jupyterlab", "--LabApp.default_url=/lab/tree/notebooks"])
        .arg("--ServerApp.allow_root=True") // in a container
        .arg(format!("--ServerApp.root_dir={}", project.root().display()))
        .status()?;
    anyhow::ensure!(status.success(), "JupyterLab ended with {status}");
    Ok(())
}
