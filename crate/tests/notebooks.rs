//! How the committed notebooks are written: short cells in the crate's own words.

use std::path::{Path, PathBuf};

use serde_json::Value;

const MOST_COLUMNS: usize = 100;
const MOST_LINES: usize = 15;
/// What a notebook says in another way: places in a stream by `in_turn`, labels by literals, what is
/// recorded by a name.
const AVOIDED: [&str; 3] = ["skip:", ".to_owned()", "Record::default()"];

/// The source of every code cell of a notebook, lines joined.
fn code_cells(notebook: &Value) -> Vec<String> {
    let cells = notebook["cells"].as_array().expect("a list of cells");
    let source = |cell: &Value| match &cell["source"] {
        Value::String(text) => text.clone(),
        lines => lines.as_array().expect("lines").iter().filter_map(Value::as_str).collect(),
    };
    cells.iter().filter(|cell| cell["cell_type"] == "code").map(source).collect()
}

/// Whether something is taken by the number of its place, as in `runs[1]` or `rows[..5]`.
fn has_magic_position(line: &str) -> bool {
    line.match_indices('[').any(|(at, _)| {
        let indexed = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ')');
        let inside = line[at + 1..].split(']').next().unwrap_or_default();
        let number = |c: char| c.is_ascii_digit() || c == '.';
        indexed && !inside.is_empty() && inside.chars().all(number)
    })
}

/// What is wrong with a cell, one sentence each.
fn faults(cell: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = cell.lines().count();
    if lines > MOST_LINES {
        faults.push(format!("{lines} lines, at most {MOST_LINES}"));
    }
    for line in cell.lines() {
        let columns = line.chars().count();
        if columns > MOST_COLUMNS {
            faults.push(format!("{columns} columns, at most {MOST_COLUMNS}: {line}"));
        }
        if let Some(avoided) = AVOIDED.iter().find(|avoided| line.contains(**avoided)) {
            faults.push(format!("`{avoided}`: {line}"));
        }
        if has_magic_position(line) {
            faults.push(format!("a position by its number, which a label says better: {line}"));
        }
    }
    faults
}

fn notebooks() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "ipynb")).collect()
}

#[test]
fn cells_are_short_and_name_things() {
    let notebooks = notebooks();
    assert!(!notebooks.is_empty());
    let mut found = Vec::new();
    for path in notebooks {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let notebook: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (number, cell) in code_cells(&notebook).iter().enumerate() {
            found.extend(
                faults(cell).iter().map(|fault| format!("{name}, code cell {}: {fault}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A notebook's first cell builds what its kernel has built before it: else every start compiles anew.
#[test]
fn the_first_cell_builds_what_the_kernel_has() {
    for path in notebooks() {
        let notebook: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let is_synthetic = notebook["metadata"]["kernelspec"]["name"] == "siglip-rust-synthetic";
        let first = &code_cells(&notebook)[0];
        assert!(first.contains(":dep siglip_core"), "{}: {first}", path.display());
        assert_eq!(first.contains("default-features = false"), is_synthetic, "{}", path.display());
    }
}

#[test]
fn faults_are_found() {
    assert!(faults("let runs = notebook.train(sweep)?;\nruns[\"b_rel = -1\"].table()").is_empty());
    assert!(faults("const B: [f64; 5] = [-1.0, 0.5];\nruns.histograms(title, 5)?").is_empty());
    for cell in [
        "x\n".repeat(16),
        "ü".repeat(101),
        "Experiment { skip: 2 * k, ..run }".into(),
        "(\"fixed\".to_owned(), run)".into(),
        "notebook.train(sweep, Record::default())?".into(),
        "fixed.runs[1].loss()".into(),
        "all()[0]".into(),
        "seeds[..5]".into(),
    ] {
        assert_eq!(faults(&cell).len(), 1, "{cell}");
    }
}
