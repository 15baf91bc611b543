//! `logs/REPORT.md`: what was published against what was obtained, for a reader without the code.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    files, machine,
    notebook::{self, Counts},
    project::Project,
};

/// What a notebook leaves in `logs/metrics`; the fields that the report shows.
#[derive(Debug, Deserialize)]
struct Metrics {
    #[serde(flatten)]
    counts: Counts,
    runs: Vec<Run>,
    figures: Vec<String>,
    checks: Vec<Check>,
    /// From its first cell to its last.
    seconds: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Run {
    seed: Option<u64>,
    /// The engine that computed the steps; a description only asks for one.
    #[serde(rename = "final_engine")]
    engine: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Check {
    what: String,
    published: Option<f64>,
    obtained: Option<f64>,
    tolerance: String,
    passed: Option<bool>,
}

/// One notebook of the report.
struct Chapter {
    name: String,
    metrics: Metrics,
    /// The executed notebook, for what it says.
    notebook: Value,
}

impl Chapter {
    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.metrics.seconds.max(0.0))
    }
}

/// Writes the report of these notebooks, of which each has passed at least once.
///
/// # Errors
/// If a notebook has left no metrics, or the report cannot be written.
pub fn write(project: &Project, names: &[String]) -> Result<()> {
    let mut chapters = Vec::new();
    for name in names {
        let path = metrics(project, name);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{name} has left no metrics at {}", path.display()))?;
        let metrics = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
        let source = project.notebooks().join(name).with_extension("ipynb");
        let notebook = serde_json::from_slice(&fs::read(&source)?)?;
        chapters.push(Chapter { name: name.clone(), metrics, notebook });
    }
    let text = compose(&chapters, &machine::surroundings(project));
    files::write(&project.logs().join("REPORT.md"), text)
}

/// Where a notebook leaves its metrics.
#[must_use]
pub fn metrics(project: &Project, name: &str) -> PathBuf {
    project.logs().join("metrics").join(name).with_extension("json")
}

fn compose(chapters: &[Chapter], surroundings: &[(&str, String)]) -> String {
    let mut text = String::from(
        "# Reproduction report\n\n\
         *Global Minimizers of Sigmoid Contrastive Loss* (Bangachev, Bresler, Noman, Polyanskiy, NeurIPS 2025), \
         reproduced in Rust by `cargo xtask reproduce`, which executed every notebook from a fresh kernel and \
         wrote this file. A published number is one that the paper or its code states.\n\n\
         | notebook | checks | runs | seeds | time |\n|---|---|---|---|---|\n",
    );
    for chapter @ Chapter { name, metrics, .. } in chapters {
        let (runs, seeds) = (metrics.runs.len(), seeds(&metrics.runs));
        line(
            &mut text,
            &format!(
                "| [{name}](#{}) | {} | {runs} | {seeds} | {} |",
                name.to_lowercase(),
                metrics.counts,
                readable(chapter.elapsed())
            ),
        );
    }
    let total = chapters.iter().map(Chapter::elapsed).sum();
    line(&mut text, &format!("\nTotal time: {}.\n\n| made with | |\n|---|---|", readable(total)));
    for (what, which) in surroundings {
        line(&mut text, &format!("| {what} | {which} |"));
    }
    for chapter in chapters {
        compose_chapter(&mut text, chapter);
    }
    text
}

fn compose_chapter(text: &mut String, Chapter { name, metrics, notebook, .. }: &Chapter) {
    line(text, &format!("\n## {name}"));
    if let Some(title) = notebook::title(notebook) {
        line(text, &format!("\n### {title}"));
    }
    if let Some(claim) = notebook::claim(notebook) {
        line(text, &format!("\n{claim}"));
    }
    line(text, &format!("\n[The notebook](../notebooks/{name}.ipynb), [its metrics](metrics/{name}.json)."));
    let engines: BTreeSet<_> = metrics.runs.iter().filter_map(|run| run.engine.as_deref()).collect();
    if !engines.is_empty() {
        line(text, &format!("Engine: {}.", engines.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let (numbers, statements): (Vec<_>, Vec<_>) =
        metrics.checks.iter().partition(|check| check.published.is_some());
    if !numbers.is_empty() {
        line(
            text,
            "\n| quantity | published | obtained | difference | tolerance | |\n|---|---|---|---|---|---|",
        );
    }
    for check in numbers {
        line(text, &row(check));
    }
    if !statements.is_empty() {
        line(text, "\n| statement | |\n|---|---|");
    }
    for check in statements {
        line(text, &format!("| {} | {} |", cell(&check.what), mark(check.passed)));
    }
    for figure in &metrics.figures {
        line(text, &format!("\n![{figure}]({figure})"));
        if let Some(caption) = notebook::caption(notebook, figure) {
            line(text, &format!("\n{caption}"));
        }
    }
}

fn row(check: &Check) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, short);
    // In the unit of the tolerance, if there is one.
    let is_relative = check.tolerance.ends_with('%') || check.passed.is_none();
    let difference = match (check.published, check.obtained) {
        (Some(published), Some(obtained)) if is_relative && published != 0.0 => {
            format!("{:+.3} %", (obtained - published) / published.abs() * 100.0)
        }
        (Some(published), Some(obtained)) => format!("{:+.1e}", obtained - published),
        _ => String::new(),
    };
    format!(
        "| {} | {} | {} | {difference} | {} | {} |",
        cell(&check.what),
        check.published.map_or_else(String::new, |published| published.to_string()),
        number(check.obtained),
        cell(&check.tolerance),
        mark(check.passed)
    )
}

/// Seconds for people: `12 s`, `3 min 5 s`.
pub(crate) fn readable(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}

/// `50`, or `1 to 20` where there are no gaps.
fn seeds(runs: &[Run]) -> String {
    let seeds: BTreeSet<u64> = runs.iter().filter_map(|run| run.seed).collect();
    let (Some(first), Some(last)) = (seeds.first(), seeds.last()) else { return String::new() };
    let is_range = last - first + 1 == seeds.len() as u64;
    match seeds.len() {
        3.. if is_range => format!("{first} to {last}"),
        9.. => format!("{} from {first} to {last}", seeds.len()),
        _ => seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn mark(passed: Option<bool>) -> &'static str {
    match passed {
        Some(true) => "✓",
        Some(false) => "missed",
        None => "reported",
    }
}

/// Five significant digits.
fn short(value: f64) -> String {
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    if (-4.0..6.0).contains(&magnitude) {
        format!("{value:.*}", (4.0 - magnitude).max(0.0) as usize)
    } else {
        format!("{value:.4e}")
    }
}

/// Text inside a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string");
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = r#"{"notebook": "A", "seconds": 61.2, "figures": ["a.png"], "overrides": [],
        "passed": 3, "reported": 1,
        "runs": [{"label": "x", "seed": 50, "engine": "auto", "final_engine": "libtorch", "loss": 1e-6}, {"label": "y", "seed": 51}],
        "checks": [
            {"what": "t | x", "published": 950.98, "obtained": 950.9412, "tolerance": "0.1 %", "passed": true},
            {"what": "loss", "published": 0.0, "obtained": 1.13e-6, "tolerance": "2e-6", "passed": true},
            {"what": "chaotic", "published": 0.1161, "obtained": 0.1105, "tolerance": "differs", "passed": null},
            {"what": "it separates", "published": null, "obtained": 1.0, "tolerance": "must hold", "passed": true}]}"#;

    #[test]
    fn the_report_shows_published_against_obtained() {
        let metrics = serde_json::from_str(METRICS).unwrap();
        let notebook = serde_json::json!({"cells": [
            {"cell_type": "markdown", "id": "a", "source": "# Title\n\n**Claim.** It is so."},
            {"cell_type": "code", "id": "b", "source": "log.figure(\"a.png\", figure)"},
            {"cell_type": "markdown", "id": "c", "source": "Seen."}]});
        let chapter = Chapter { name: "A".into(), metrics, notebook };
        let text = compose(&[chapter], &[("rustc", "1.95".into())]);
        let has =
            |line: &str| assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
        has("| [A](#a) | 3 checks passed, 1 number reported | 2 | 50, 51 | 1 min 1 s |");
        has("| rustc | 1.95 |");
        has("| t \\| x | 950.98 | 950.94 | -0.004 % | 0.1 % | ✓ |");
        has("| loss | 0 | 1.1300e-6 | +1.1e-6 | 2e-6 | ✓ |");
        has("| chaotic | 0.1161 | 0.11050 | -4.823 % | differs | reported |");
        has("| it separates | ✓ |");
        has("![a.png](a.png)");
        has("Engine: libtorch.");
        has("**Claim.** It is so.");
        has("Seen.");
    }

    #[test]
    fn seeds_are_summed_up() {
        let seeds = |numbers: &[u64]| {
            let runs: Vec<_> = numbers.iter().map(|&seed| Run { seed: Some(seed), engine: None }).collect();
            super::seeds(&runs)
        };
        assert_eq!(seeds(&[]), "");
        assert_eq!(seeds(&[50, 50]), "50");
        assert_eq!(seeds(&[50, 42]), "42, 50");
        assert_eq!(seeds(&[3, 1, 2]), "1 to 3");
        assert_eq!(seeds(&(0..10).map(|k| 10_000 * k).collect::<Vec<_>>()), "10 from 0 to 90000");
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(readable(Duration::from_millis(59_400)), "59 s");
        assert_eq!(readable(Duration::from_millis(59_600)), "1 min 0 s");
        assert_eq!(readable(Duration::from_secs(185)), "3 min 5 s");
    }
}
