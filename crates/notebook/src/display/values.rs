//! What experiments, runs, geometries and embeddings show as a cell's last expression: a
//! compact table with a small figure beside it, and aligned text in a terminal.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{Table, short, show};
use crate::collection::{Embedded, Part, thousands};
use crate::figures::{self, Axis, Colour, Figure};
use crate::geometry::LabelledGeometry;
use crate::pretrained::Embeddings;
use crate::runs::{Ensembles, Runs, ensembles_table};
use crate::train::Sweep;
use crate::view::{self, Spread};
use crate::{Experiment, Geometry, Result, Run};

impl Experiment {
    /// Every key of the description and its value.
    pub fn table(&self) -> Table {
        self.entries().iter().fold(Table::new(&["experiment", "value"]), |table, row| table.row(row))
    }

    /// `[dotted key, value]` of every leaf of the description, in a fixed order.
    pub(crate) fn entries(&self) -> Vec<[String; 2]> {
        let description = serde_json::to_value(self).expect("a description is valid JSON");
        let mut rows = Vec::new();
        flatten("", &description, &mut rows);
        rows
    }

    /// Shows the description in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

impl Sweep {
    /// How many runs, and the keys in which they differ.
    pub fn table(&self) -> Table {
        let described: Vec<Vec<[String; 2]>> = self.experiments.iter().map(Experiment::entries).collect();
        let table = Table::new(&["sweep", "value"]).row(&["runs".to_owned(), thousands(described.len())]);
        let keys = 0..described.first().map_or(0, Vec::len);
        keys.fold(table, |table, key| {
            let mut values: Vec<&str> = Vec::new();
            for entries in &described {
                if !values.contains(&entries[key][1].as_str()) {
                    values.push(&entries[key][1]);
                }
            }
            match values.len() {
                ..2 => table,
                2..=6 => table.row(&[described[0][key][0].clone(), values.join(", ")]),
                count => table.row(&[
                    described[0][key][0].clone(),
                    format!("{} … {} ({count} values)", values[0], values[count - 1]),
                ]),
            }
        })
    }

    /// Shows the sweep in a notebook (evcxr calls this).
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
        show("text/html", &side_by_side(&self.table().html(), &ranges(self)));
        show("text/plain", self.table().to_string().trim_end());
    }
}

/// Where the two kinds of similarities lie in [-1, 1], as a drawing that takes the notebook's
/// colours.
fn ranges(geometry: &Geometry) -> String {
    let x = |similarity: f64| 20.0 + 130.0 * (similarity.clamp(-1.0, 1.0) + 1.0);
    let (lowest, highest) = (x(geometry.min_matching), x(geometry.max_non_matching));
    let bar = |y: u32, from: f64, to: f64, Colour(r, g, b): Colour| {
        format!(
            "<rect x=\"{from:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"12\" fill=\"rgb({r},{g},{b})\"/>",
            to - from
        )
    };
    let bars = bar(22, lowest, x(1.0), Colour::MATCHING) + &bar(38, x(-1.0), highest, Colour::NON_MATCHING);
    let ticks: String = [-1, 0, 1]
        .map(|tick| {
            format!("<text x=\"{:.1}\" y=\"74\" text-anchor=\"middle\">{tick}</text>", x(f64::from(tick)))
        })
        .concat();
    format!(
        "<svg role=\"img\" aria-label=\"ranges of the similarities\" width=\"300\" height=\"80\" \
         fill=\"currentColor\" font-size=\"12\">\n{bars}\n\
         <path d=\"M20 58H280M20 54v8M150 54v8M280 54v8\" stroke=\"currentColor\"/>{ticks}\n\
         <text x=\"280\" y=\"14\" text-anchor=\"end\">matching pairs (blue), others (red)</text>\n</svg>"
    )
}

impl Run {
    /// Shows the run in a notebook, its numbers beside its similarities (evcxr calls this).
    pub fn evcxr_display(&self) {
        let figure = view::histogram("", self).and_then(|panel| figures::histograms("", 1, &[panel]));
        show_with_figure(&self.table(), figure);
    }
}

impl Runs {
    /// Shows the runs in a notebook, their numbers beside their similarities or, of many,
    /// their losses (evcxr calls this).
    pub fn evcxr_display(&self) {
        let figure = match self.runs.len() {
            ..=4 => view::histograms("", 2, self),
            _ => view::losses("", self),
        };
        show_with_figure(&self.table(), figure);
    }
}

impl Ensembles {
    /// Shows the ensembles in a notebook: mean and deviation of their numbers, median and
    /// spread of their losses (evcxr calls this).
    pub fn evcxr_display(&self) {
        let figure = view::bands("", Axis::log("loss"), self, Spread::Quantiles, |history| &history.loss);
        show_with_figure(&ensembles_table(self), figure);
    }
}

impl LabelledGeometry {
    /// How far names are told apart, and how often retrieval succeeds.
    pub fn table(&self) -> Table {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        Table::new(&["embeddings", "value"])
            .row(&["pictures".to_owned(), thousands(self.images)])
            .row(&["names".to_owned(), thousands(self.texts)])
            .row(&["dimension".to_owned(), self.dim.to_string()])
            .row(&["mean matching similarity".to_owned(), short(self.matching.mean)])
            .row(&["mean non-matching similarity".to_owned(), short(self.non_matching.mean)])
            .row(&["margin m".to_owned(), short(self.margin)])
            .row(&["top-1, picture to name".to_owned(), percent(self.image_to_text.top_1)])
            .row(&["top-5, picture to name".to_owned(), percent(self.image_to_text.top_5)])
    }

    /// Shows the geometry in a notebook, its numbers beside its similarities (evcxr calls this).
    pub fn evcxr_display(&self) {
        show_with_figure(&self.table(), similarities_of(&[("", self)], None));
    }
}

impl Embeddings {
    /// Shows their geometry in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        match LabelledGeometry::of(self.image.view(), self.class_text.view(), &self.labels()) {
            Ok(geometry) => geometry.evcxr_display(),
            Err(error) => show("text/plain", &error.to_string()),
        }
    }
}

impl Part {
    /// Shows the geometry of its embeddings in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        self.embeddings.evcxr_display();
    }
}

impl Embedded {
    /// Shows the geometry of each part in a notebook (evcxr calls this).
    pub fn evcxr_display(&self) {
        let figure = || {
            let geometries = self.parts.iter().map(Part::geometry).collect::<Result<Vec<_>>>()?;
            let labels = self.parts.iter().map(|part| part.label.as_str());
            similarities_of(&labels.zip(&geometries).collect::<Vec<_>>(), Some(self.relative_bias))
        };
        match view::pretrained::geometry_table(self) {
            Ok(table) => show_with_figure(&table, figure()),
            Err(error) => show("text/plain", &error.to_string()),
        }
    }
}

fn similarities_of(geometries: &[(&str, &LabelledGeometry)], relative_bias: Option<f64>) -> Result<Figure> {
    let panel = |&(label, geometry): &(&str, &LabelledGeometry)| {
        view::pretrained::histogram(label, geometry, relative_bias)
    };
    let panels = geometries.iter().map(panel).collect::<Result<Vec<_>>>()?;
    figures::histograms("", panels.len().min(2), &panels)
}

/// The table alone if the figure cannot be drawn, as after a run that went wrong.
fn show_with_figure(table: &Table, figure: Result<Figure>) {
    show("text/html", &with_figure(table, figure));
    show("text/plain", table.to_string().trim_end());
}

fn with_figure(table: &Table, figure: Result<Figure>) -> String {
    let Ok(figure) = figure else { return table.html() };
    let png = BASE64_STANDARD.encode(&figure.png);
    let width = (figure.width / 2).min(640);
    side_by_side(
        &table.html(),
        &format!("<img alt=\"figure of the same\" width=\"{width}\" src=\"data:image/png;base64,{png}\">"),
    )
}

fn side_by_side(left: &str, right: &str) -> String {
    format!(
        "<div style=\"display: flex; flex-wrap: wrap; align-items: center; gap: 2em\">\n{left}\n{right}\n</div>"
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
    fn a_geometry_draws_where_its_similarities_lie() {
        let drawing = ranges(&Geometry { min_matching: 0.5, max_non_matching: 0.0 });
        // Matching pairs from 0.5 to 1, the others from -1 to 0, at 130 pixels a unit.
        assert!(drawing.contains("x=\"215.0\" y=\"22\" width=\"65.0\""), "{drawing}");
        assert!(drawing.contains("x=\"20.0\" y=\"38\" width=\"130.0\""), "{drawing}");
    }

    #[test]
    fn a_run_is_shown_with_its_histogram() {
        let experiment = Experiment { pairs: 4, dim: 3, epochs: 5, ..Experiment::default() };
        let run = experiment.train().unwrap();
        let figure = view::histogram("", &run).and_then(|panel| figures::histograms("", 1, &[panel]));
        let html = with_figure(&run.table(), figure);
        assert!(html.contains("margin m") && html.contains("data:image/png;base64,"));
        assert!(html.len() < 150_000, "{} bytes", html.len());
    }
}
