//! Executing the project's notebooks headless.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    files,
    notebook::{self, Execution, Outcome},
    project::Project,
    python::Python,
    report, site,
};

/// The order in which they are read; others follow by name.
const READING_ORDER: [&str; 9] = [
    "BasicExperiment",
    "MoreModalities",
    "FrozenModalityExperiments",
    "AblationStudy",
    "BiasParamLeadsToZeroRB",
    "FixedRelativeBias",
    "XiExperiment",
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
///
/// # Errors
/// If a notebook fails. The others are executed all the same.
pub fn run(project: &Project, python: &Python, request: &Request) -> Result<()> {
    let names = chosen(&all(project)?, &request.notebooks)?;
    let output = project.target().join("reproduce");
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for name in &names {
        let outcome = one(project, python, name, request, &output)?;
        print_line(name, &outcome);
        let elapsed = outcome.elapsed;
        match settle(project, name, outcome, request, &output) {
            Ok(()) => {}
            Err(error) => {
                println!("  {error:#}\n  executed copy: {}", copy(&output, name).display());
                failed.push(name.as_str());
            }
        }
        times.push((name.clone(), elapsed));
    }
    if request.html {
        write_site(project, python, &names, &output)?;
    }
    if !failed.is_empty() {
        bail!("{} of {} notebooks failed: {}", failed.len(), names.len(), failed.join(", "));
    }
    if request.notebooks.is_empty() && request.overrides.is_empty() {
        report::write(project, &times)?;
        println!("The report is {}", project.logs().join("REPORT.md").display());
    }
    Ok(())
}

/// Puts the results of one notebook where they belong.
fn settle(project: &Project, name: &str, outcome: Outcome, request: &Request, output: &Path) -> Result<()> {
    if let Err(failure) = outcome.verdict {
        bail!("{}", failure.to_string().replace('\n', "\n  "));
    }
    if !request.overrides.is_empty() {
        println!("  results: {}", output.join(name).display());
        return Ok(());
    }
    publish(project, name, outcome.notebook, output)
}

/// Executes every committed notebook into `output` and changes nothing else.
///
/// # Errors
/// If a notebook fails.
pub fn check(project: &Project, python: &Python, output: &Path, timeout: u64) -> Result<usize> {
    let request = Request { notebooks: Vec::new(), overrides: Vec::new(), html: false, timeout };
    let names = all(project)?;
    let mut failed = Vec::new();
    for name in &names {
        let outcome = one(project, python, name, &request, output)?;
        print_line(name, &outcome);
        if let Err(failure) = &outcome.verdict {
            println!("  {failure}\n  executed copy: {}", copy(output, name).display());
            failed.push(name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} notebooks failed: {}", failed.len(), names.len(), failed.join(", "));
    }
    Ok(names.len())
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
        source: project.notebooks().join(name).with_extension("ipynb"),
        executed: copy(output, name),
        folder: project.notebooks(),
        timeout: request.timeout,
        variables,
    };
    notebook::execute(python, &execution)
}

fn copy(output: &Path, name: &str) -> PathBuf {
    output.join(name).with_extension("ipynb")
}

fn print_line(name: &str, outcome: &Outcome) {
    let time = readable(outcome.elapsed);
    match &outcome.verdict {
        Ok(checks) => println!("ok      {name}: {checks} checks passed in {time}"),
        Err(_) => println!("FAILED  {name} after {time}"),
    }
}

/// Moves an execution that passed to where it is committed: figures and metrics first, the notebook last.
fn publish(project: &Project, name: &str, notebook: serde_json::Value, output: &Path) -> Result<()> {
    let bytes = notebook::normal(notebook)?;
    let here = project.root().to_string_lossy();
    if String::from_utf8_lossy(&bytes).contains(here.as_ref()) {
        bail!("{name}: an output names the folder {here}, which is nobody else's; nothing was published");
    }
    let logs = output.join(name);
    for file in files::below(&logs)? {
        files::copy(&file, &project.logs().join(file.strip_prefix(&logs)?))?;
    }
    files::write(&project.notebooks().join(name).with_extension("ipynb"), bytes)
}

/// Writes all notebooks as a site: the `executed` ones as they are in `output`, the others as committed.
fn write_site(project: &Project, python: &Python, executed: &[String], output: &Path) -> Result<()> {
    let names = all(project)?;
    let notebooks = names.iter().map(|name| match executed.contains(name) {
        true => copy(output, name),
        false => project.notebooks().join(name).with_extension("ipynb"),
    });
    println!("The site is {}", site::write(project, python, notebooks)?.display());
    Ok(())
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

/// Seconds for people: `12 s`, `3 min 5 s`.
pub(crate) fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
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

    #[test]
    fn times_are_readable() {
        assert_eq!(readable(Duration::from_millis(59_400)), "59 s");
        assert_eq!(readable(Duration::from_millis(59_600)), "1 min 0 s");
        assert_eq!(readable(Duration::from_secs(185)), "3 min 5 s");
    }
}
