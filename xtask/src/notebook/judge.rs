//! Whether an executed notebook did what it says.
//!
//! evcxr ends a cell that panicked, or that left by `?`, with status ok; nothing but its standard
//! error tells. So the outputs are judged, not the exit status of the program that ran the cells.

use std::{fmt, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{code_cells, outputs, text};

/// Why a notebook counts as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which code cell, from 1; none if it is about the whole notebook.
    pub cell: Option<usize>,
    /// First line of that cell.
    pub source: String,
    /// What happened.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cell) = self.cell {
            writeln!(f, "code cell {cell} `{}`:", self.source)?;
        }
        write!(f, "{}", self.message)
    }
}

/// How many checks a notebook made, as its metrics say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Those that passed; none is missed where the notebook went on to write its metrics.
    pub passed: usize,
    /// Numbers that are shown beside published ones, and not judged.
    pub reported: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number: usize| if number == 1 { "" } else { "s" };
        let Self { passed, reported } = *self;
        write!(f, "{passed} check{} passed", plural(passed))?;
        if reported > 0 {
            write!(f, ", {reported} number{} reported", plural(reported))?;
        }
        Ok(())
    }
}

/// Judges an executed notebook, whose last cell writes the file `metrics`.
///
/// # Errors
/// The first failure: a cell with an error or with anything on standard error, a cell that was not
/// executed; no metrics, or metrics without checks. With overrides, reported numbers are enough.
pub fn judge(notebook: &Value, metrics: &Path) -> Result<Counts, Failure> {
    for (index, cell) in code_cells(notebook).enumerate() {
        let failure = |message: String| {
            let source = text(&cell["source"]).trim().lines().next().unwrap_or_default().to_owned();
            Failure { cell: Some(index + 1), source, message }
        };
        if let Some(message) = outputs(cell).iter().find_map(complaint) {
            return Err(failure(message));
        }
        if !cell["execution_count"].is_u64() {
            return Err(failure("was not executed".to_owned()));
        }
    }
    counts(metrics).map_err(|message| Failure { cell: None, source: String::new(), message })
}

fn counts(metrics: &Path) -> Result<Counts, String> {
    let bytes =
        fs::read(metrics).map_err(|_| "it left no metrics; is the last cell `log.finish()?;`".to_owned())?;
    let metrics: Value = serde_json::from_slice(&bytes).map_err(|error| format!("its metrics: {error}"))?;
    let counts = Counts::deserialize(&metrics).map_err(|error| format!("its metrics: {error}"))?;
    let has_overrides = metrics["overrides"].as_array().is_some_and(|overrides| !overrides.is_empty());
    if counts.passed > 0 || (has_overrides && counts.reported > 0) {
        Ok(counts)
    } else {
        Err("it checks nothing".to_owned())
    }
}

fn complaint(output: &Value) -> Option<String> {
    match output["output_type"].as_str()? {
        "error" => {
            let traceback = output["traceback"].as_array().map(Vec::as_slice).unwrap_or_default();
            let lines: Vec<_> = traceback.iter().filter_map(Value::as_str).collect();
            let traceback = without_colours(&lines.join("\n"));
            let value = text(&output["evalue"]);
            Some(if traceback.trim().is_empty() { value } else { traceback })
        }
        "stream" if output["name"] == "stderr" => {
            let text = without_colours(&text(&output["text"]));
            // Only the frames of the kernel follow.
            Some(text.split("stack backtrace:").next().unwrap_or_default().trim().to_owned())
        }
        _ => None,
    }
}

/// What all cells printed to standard output.
#[must_use]
pub fn printed(notebook: &Value) -> String {
    code_cells(notebook).map(stdout).collect()
}

fn stdout(cell: &Value) -> String {
    let streams = outputs(cell).iter().filter(|output| output["name"] == "stdout");
    streams.map(|output| text(&output["text"])).collect()
}

/// Removes the terminal's colour sequences, `ESC [ … m`.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| plain + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(source: &str, outputs: &Value) -> Value {
        json!({"cell_type": "code", "source": source, "outputs": outputs, "execution_count": 1})
    }

    fn stream(name: &str, text: &str) -> Value {
        json!([{"output_type": "stream", "name": name, "text": text}])
    }

    /// The verdict, if the last cell wrote these metrics.
    fn judged_with(metrics: &str, cells: &[Value]) -> Result<Counts, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), metrics).unwrap();
        judge(&json!({"cells": cells}), file.path())
    }

    fn judged(cells: &[Value]) -> Result<Counts, Failure> {
        judged_with("{\"passed\": 3, \"reported\": 1}", cells)
    }

    fn good() -> Value {
        cell("finish()", &stream("stdout", "3 checks passed\n"))
    }

    #[test]
    fn a_good_notebook_passes() {
        let prose = json!({"cell_type": "markdown", "source": "Text"});
        let empty = json!({"cell_type": "code", "source": ["\n"], "outputs": [], "execution_count": null});
        let counts = judged(&[prose, cell("1", &json!([])), good(), empty]).unwrap();
        assert_eq!(counts, Counts { passed: 3, reported: 1 });
        assert_eq!(counts.to_string(), "3 checks passed, 1 number reported");
        assert_eq!(Counts { passed: 1, reported: 0 }.to_string(), "1 check passed");
    }

    #[test]
    fn metrics_without_checks_are_a_failure() {
        for metrics in ["", "{}", "{\"passed\": 0, \"reported\": 2, \"overrides\": []}"] {
            let failure = judged_with(metrics, &[good()]).unwrap_err();
            assert_eq!(failure.cell, None, "{metrics}");
        }
        let overridden = "{\"passed\": 0, \"reported\": 2, \"overrides\": [\"epochs=5\"]}";
        assert_eq!(judged_with(overridden, &[good()]), Ok(Counts { passed: 0, reported: 2 }));
        let failure = judge(&json!({"cells": [good()]}), Path::new("/nowhere/metrics.json")).unwrap_err();
        assert!(failure.message.contains("log.finish()"), "{failure}");
    }

    #[test]
    fn standard_error_is_a_failure_of_its_cell() {
        let panic =
            "\nthread '<unnamed>' (7) panicked at ctx/src/lib.rs:3:17:\noh no\nstack backtrace:\n 0: main\n";
        let failure = judged(&[good(), cell("\nf();\ng();", &stream("stderr", panic)), good()]).unwrap_err();
        assert_eq!(failure.cell, Some(2));
        assert_eq!(failure.source, "f();");
        assert!(failure.message.starts_with("thread") && failure.message.ends_with("oh no"));
    }

    #[test]
    fn an_error_is_shown_without_colours() {
        let error = json!([{"output_type": "error", "ename": "Error", "evalue": "mismatched",
            "traceback": ["\u{1b}[31m[E0308] Error:\u{1b}[0m mismatched types", "  1 | let"]}]);
        let failure = judged(&[cell("let", &error), good()]).unwrap_err();
        assert_eq!(failure.message, "[E0308] Error: mismatched types\n  1 | let");
    }

    #[test]
    fn a_cell_that_was_not_executed_is_a_failure() {
        let mut dead = cell("f", &json!([]));
        dead["execution_count"] = Value::Null;
        assert_eq!(judged(&[dead, good()]).unwrap_err().message, "was not executed");
    }
}
