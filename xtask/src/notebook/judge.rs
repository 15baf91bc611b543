//! Whether an executed notebook did what it says.
//!
//! evcxr ends a cell that panicked, or that left by `?`, with status ok; nothing but its standard
//! error tells. So the outputs are judged, not the exit status of the program that ran the cells.

use std::fmt;

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

/// The number of checks that an executed notebook passed.
///
/// # Errors
/// The first failure: a cell with an error or with anything on standard error, a cell that was not
/// executed, or a last code cell whose last line is not `All N checks passed.`
pub fn checks_passed(notebook: &Value) -> Result<usize, Failure> {
    let mut last_line = String::new();
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
        last_line = stdout(cell).trim_end().lines().last().unwrap_or_default().to_owned();
    }
    match last_line.strip_prefix("All ").and_then(|rest| rest.strip_suffix(" checks passed.")) {
        Some(number) if number.parse().is_ok_and(|number: usize| number > 0) => {
            Ok(number.parse().unwrap_or_default())
        }
        _ => Err(Failure {
            cell: None,
            source: String::new(),
            message: format!(
                "the last code cell ends with `{last_line}`, expected `All N checks passed.` with N > 0"
            ),
        }),
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

    fn judged(cells: &[Value]) -> Result<usize, Failure> {
        checks_passed(&json!({"cells": cells}))
    }

    fn good() -> Value {
        cell("finish()", &stream("stdout", "a\nAll 3 checks passed.\n"))
    }

    #[test]
    fn a_good_notebook_passes() {
        let prose = json!({"cell_type": "markdown", "source": "All 0 checks passed."});
        let empty = json!({"cell_type": "code", "source": ["\n"], "outputs": [], "execution_count": null});
        assert_eq!(judged(&[prose, cell("1", &json!([])), good(), empty]), Ok(3));
        let lines =
            json!([{"output_type": "stream", "name": "stdout", "text": ["a\n", "All 1 checks passed.\n"]}]);
        assert_eq!(judged(&[cell("f", &lines)]), Ok(1));
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

    #[test]
    fn only_the_last_line_of_the_last_cell_counts() {
        for last in [
            "",
            "All 0 checks passed.",
            "All checks passed.",
            "All 3 checks passed",
            "Not all 3 checks passed.",
        ] {
            assert!(judged(&[good(), cell("f", &stream("stdout", last))]).is_err(), "{last}");
        }
        assert!(judged(&[good(), cell("f", &json!([]))]).is_err());
        assert!(judged(&[]).is_err());
        assert!(judged(&[cell("f", &stream("stdout", "All 3 checks passed.\nand more\n"))]).is_err());
    }
}
