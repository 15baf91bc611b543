//! What an experiment, a run and a geometry show as a cell's last expression: a compact
//! table, for a run with its histogram, and aligned text in a terminal.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{Table, short, show};
use crate::{Experiment, Geometry, Run, figures, view};

impl Experiment {
    /// Every key of the description and its value.
    pub fn table(&self) -> Table {
        let description = serde_json::to_value(self).expect("a description is valid JSON");
        let mut rows = Vec::new();
        flatten("", &description, &mut rows);
        rows.iter().fold(Table::new(&["experiment", "value"]), |table, row| table.row(row))
    }

    /// Shows the description in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

/// Appends `[dotted key, value]` of every leaf.
fn flatten(key: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, rows);
            }
        }
        Value::String(word) => rows.push([key.to_owned(), word.clone()]),
        Value::Null => rows.push([key.to_owned(), "none".to_owned()]),
        value => rows.push([key.to_owned(), value.to_string()]),
    }
}

impl Geometry {
    /// The extreme similarities, and what follows from them.
    pub fn table(&self) -> Table {
        let separated = if self.margin() > 0.0 { "yes" } else { "no" };
        Table::new(&["geometry", "value"])
            .row(&["lowest matching similarity".to_owned(), short(self.min_matching)])
            .row(&["highest non-matching similarity".to_owned(), short(self.max_non_matching)])
            .row(&["margin m".to_owned(), short(self.margin())])
            .row(&["optimal relative bias".to_owned(), short(self.optimal_relative_bias())])
            .row(&["separated", separated])
    }

    /// Shows the geometry in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl Run {
    /// Shows the run in a notebook, its numbers beside its similarities (evcxr calls this).
    pub fn evcxr_display(&self) {
        show("text/html", &beside_histogram(self));
        show("text/plain", self.table().to_string().trim_end());
    }
}

/// The table alone if the similarities cannot be drawn, as after a run that went wrong.
fn beside_histogram(run: &Run) -> String {
    let table = run.table().html();
    let histogram = view::histogram("", run).and_then(|panel| figures::histograms("", 1, &[panel]));
    let Ok(figure) = histogram else { return table };
    let png = BASE64_STANDARD.encode(&figure.png);
    format!(
        "<div style=\"display: flex; flex-wrap: wrap; align-items: center; gap: 2em\">\n{table}\n\
         <img alt=\"similarities of matching and non-matching pairs\" width=\"{}\" src=\"data:image/png;base64,{png}\">\n</div>",
        figure.width / 2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_shown_whole() {
        let experiment = Experiment { seed: 123_456, ..Experiment::default() };
        let text = experiment.table().to_string();
        for part in ["temperature.init", "bias.kind", "relative", "123456", "adapter", "none", "paper"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn a_geometry_says_whether_it_separates() {
        let separated = Geometry { min_matching: 0.5, max_non_matching: 0.25 };
        let mixed = Geometry { min_matching: 0.25, max_non_matching: 0.5 };
        assert!(separated.table().to_string().contains("0.1250"));
        assert!(separated.table().to_string().contains("yes") && mixed.table().to_string().contains("no"));
    }

    #[test]
    fn a_run_is_shown_with_its_histogram() {
        let experiment = Experiment { pairs: 4, dim: 3, epochs: 5, ..Experiment::default() };
        let html = beside_histogram(&experiment.train().unwrap());
        assert!(html.contains("margin m") && html.contains("data:image/png;base64,"));
        assert!(html.len() < 150_000, "{} bytes", html.len());
    }
}
