//! Notebooks: executing them, judging what came out, and bringing them into the committed form.

mod judge;
mod normal;
mod prose;
mod run;

pub use judge::{Counts, Failure, judge, printed};
pub use normal::normal;
pub use prose::{caption, claim, title};
pub use run::{Execution, Outcome, execute};

use serde_json::Value;

use crate::kernel::Kernel;

/// The kernel that a notebook names; one that names another works with everything.
#[must_use]
pub fn kernel(notebook: &Value) -> Kernel {
    let name = &notebook["metadata"]["kernelspec"]["name"];
    Kernel::ALL.into_iter().find(|kernel| name == kernel.name()).unwrap_or(Kernel::Full)
}

/// The code cells that are executed: those with anything in them.
fn code_cells(notebook: &Value) -> impl Iterator<Item = &Value> {
    let cells = notebook["cells"].as_array().map(Vec::as_slice).unwrap_or_default();
    cells.iter().filter(|cell| cell["cell_type"] == "code" && !text(&cell["source"]).trim().is_empty())
}

fn outputs(cell: &Value) -> &[Value] {
    cell["outputs"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text of the notebook format: one string, or a list of lines.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}
