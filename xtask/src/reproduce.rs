//! Executing the project's notebooks headless.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::{
    files,
    notebook::{self, Execution, Outcome},
    project::Project,
    python::{PyTorch, Python},
    report, setup, site,
};

/// The order in which they are read; others follow by name.
const READING_ORDER: [&str; 17] = [
    "BasicExperiment",
    "MoreModalities",
    "FrozenModalityExperiments",
    "AblationStudy",
    "BiasParamLeadsToZeroRB",
    "WhereTheBiasStarts",
    "FixedRelativeBias",
    "Plane",
    "HowGoodCanAConstellationBe",
    "Theorems",
    "XiExperiment",
    "FixedTemperatureAndBias",
    "PhaseDiagram",
    "PublishedTables",
    "TopKRetrieval",
    "ImageNetEmbedding",
    "GeometryOfTrainedModels",
];

/// A key of a run's description and its value, as in `temperature.init=5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override(String);

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("expected KEY=VALUE, such as temperature.init=5".to_owned()),
        }
    }
}

/// What to reproduce.
#[derive(Debug, Clone)]
pub struct Request {
    /// Names of notebooks; none means all.
    pub notebooks: Vec<String>,
    /// What to change in every run's description.
    pub overrides: Vec<Override>,
    /// Whether to write web pages too.
    pub html: bool,
    /// Longest time for one cell, in seconds.
    pub timeout: u64,
}

/// Executes what is asked for and, where nothing was overridden, puts the results where they are committed.
/// What a notebook's kernel needs is set up before it: the first ones do not wait for what the last need.
///
/// # Errors
/// If a set-up or a notebook fails. In the latter case the others are executed all the same.
pub fn run(project: &Project, request: &Request) -> Result<()> {
    let names = chosen(&all(project)?, &request.notebooks)?;
    let output = project.target().join("reproduce");
    let python_of = |name: &str| {
        let notebook = read(&file(&project.notebooks(), name))?;
        setup::kernels(project, PyTorch::for_this_machine(), &[notebook::kernel(&notebook)])
    };
    let executed = each(project, python_of, &names, request, &output, |name, notebook| {
        if request.overrides.is_empty() {
            return publish(project, name, notebook, &output);
        }
        println!("  results: {}", output.join(name).display());
        Ok(())
    });
    if request.html {
        let notebooks = all(project)?.into_iter().map(|name| {
            let folder = if names.contains(&name) { &output } else { &project.notebooks() };
            file(folder, &name)
        });
        let python = setup::engine(project, PyTorch::for_this_machine())?;
        site::write(project, &python, &notebooks.collect::<Vec<_>>(), &project.site())?;
    }
    executed?;
    let all = all(project)?;
    let has_metrics = |name: &String| report::metrics(project, name).exists();
    if request.overrides.is_empty() && all.iter().all(has_metrics) {
        report::write(project, &all)?;
        println!("The report is {}", project.logs().join("REPORT.md").display());
    }
    Ok(())
}

/// Executes every committed notebook into `output`, changes nothing else, and returns how many there are.
///
/// # Errors
/// If a notebook fails.
pub fn check(project: &Project, python: &Python, output: &Path, timeout: u64) -> Result<usize> {
    let request = Request { notebooks: Vec::new(), overrides: Vec::new(), html: false, timeout };
    let names = all(project)?;
    each(project, |_| Ok(python.clone()), &names, &request, output, |_, _| Ok(()))?;
    Ok(names.len())
}

/// Executes notebooks, each with its Python, and has `settle` care for those that pass.
fn each(
    project: &Project,
    python_of: impl Fn(&str) -> Result<Python>,
    names: &[String],
    request: &Request,
    output: &Path,
    settle: impl Fn(&str, Value) -> Result<()>,
) -> Result<()> {
    let mut failed = Vec::new();
    for name in names {
        let python = python_of(name)?;
        let Outcome { notebook, verdict, elapsed } = one(project, &python, name, request, output)?;
        let time = report::readable(elapsed);
        match &verdict {
            Ok(counts) => println!("ok      {name}: {counts} in {time}"),
            Err(_) => println!("FAILED  {name} after {time}"),
        }
        let settled = verdict.map_err(|failure| anyhow!("{failure}")).and_then(|_| settle(name, notebook));
        if let Err(error) = settled {
            let message = format!("{error:#}").replace('\n', "\n  ");
            println!("  {message}\n  executed copy: {}", file(output, name).display());
            failed.push(name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} notebooks failed: {}", failed.len(), names.len(), failed.join(", "));
    }
    Ok(())
}

fn one(project: &Project, python: &Python, name: &str, request: &Request, output: &Path) -> Result<Outcome> {
    let logs = output.join(name);
    files::remove(&logs)?;
    fs::create_dir_all(&logs)?;
    let mut variables = vec![
        ("SIGLIP_LOGS".to_owned(), logs.to_string_lossy().into_owned()),
        // What is committed has no progress lines with times.
        ("SIGLIP_PROGRESS".to_owned(), "off".to_owned()),
    ];
    if !request.overrides.is_empty() {
        let texts: Vec<_> = request.overrides.iter().map(|Override(text)| text).collect();
        variables.push(("SIGLIP_SET".to_owned(), serde_json::to_string(&texts)?));
    }
    let execution = Execution {
        source: file(&project.notebooks(), name),
        executed: file(output, name),
        metrics: logs.join("metrics").join(name).with_extension("json"),
        folder: project.notebooks(),
        timeout: request.timeout,
        variables,
    };
    notebook::execute(python, &execution)
}

fn read(notebook: &Path) -> Result<Value> {
    let bytes = fs::read(notebook).with_context(|| format!("cannot read {}", notebook.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no notebook", notebook.display()))
}

/// A notebook in a folder of notebooks.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension("ipynb")
}

/// Moves an execution that passed to where it is committed: figures and metrics first, the notebook last.
fn publish(project: &Project, name: &str, notebook: Value, output: &Path) -> Result<()> {
    let bytes = notebook::normal(notebook)?;
    let here = project.root().to_string_lossy();
    if String::from_utf8_lossy(&bytes).contains(here.as_ref()) {
        bail!("{name}: an output names the folder {here}, which is nobody else's; nothing was published");
    }
    let logs = output.join(name);
    for file in files::below(&logs)? {
        files::copy(&file, &project.logs().join(file.strip_prefix(&logs)?))?;
    }
    files::write(&file(&project.notebooks(), name), bytes)
}

/// The names of all notebooks, in reading order.
///
/// # Errors
/// If the folder cannot be read or has none.
pub fn all(project: &Project) -> Result<Vec<String>> {
    let folder = project.notebooks();
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ipynb") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    if names.is_empty() {
        bail!("{} has no notebooks", folder.display());
    }
    let place = |name: &String| READING_ORDER.iter().position(|known| known == name);
    names.sort_by_key(|name| (place(name).unwrap_or(READING_ORDER.len()), name.clone()));
    Ok(names)
}

fn chosen(all: &[String], asked: &[String]) -> Result<Vec<String>> {
    if asked.is_empty() {
        return Ok(all.to_vec());
    }
    let find = |asked: &String| {
        let name = Path::new(asked).file_stem().unwrap_or_default().to_string_lossy();
        let found = all.iter().find(|known| known.as_str() == name).cloned();
        found.with_context(|| format!("there is no notebook `{asked}`; there are {}", all.join(", ")))
    };
    asked.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notebooks_are_found_by_name_or_path() {
        let all = ["BasicExperiment", "XiExperiment"].map(String::from);
        let chosen = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(ToString::to_string).collect();
            super::chosen(&all, &asked).map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&[]).unwrap(), all);
        assert_eq!(chosen(&["notebooks/XiExperiment.ipynb"]).unwrap(), ["XiExperiment"]);
        assert_eq!(
            chosen(&["XiExperiment", "BasicExperiment"]).unwrap(),
            ["XiExperiment", "BasicExperiment"]
        );
        assert!(chosen(&["Xi"]).unwrap_err().contains("BasicExperiment, XiExperiment"));
    }

    #[test]
    fn an_override_has_a_key_and_a_value() {
        assert!("temperature.init=5".parse::<Override>().is_ok());
        assert!("a=b=c".parse::<Override>().is_ok());
        for wrong in ["", "epochs", "=5", "epochs="] {
            assert!(wrong.parse::<Override>().is_err(), "{wrong}");
        }
    }
}
