//! What values show as a cell's last expression: a compact table with a small figure beside it,
//! and aligned text in a terminal.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use constellation::geometry::Certificate;
use constellation::numbers::{mean_and_deviation, short, thousands};
use constellation::{Ensemble, Experiment, Geometry, Run, Runs, Sweep, description};
use explorer::Explorer;
use figures::{Colour, Figure};

use crate::error::Result;
use crate::runs::{RunExt, RunsExt};
use crate::table::Table;

/// Values that show themselves in a notebook.
pub trait Show {
    /// Shows the value as the output of a cell, which it is the last expression of: evcxr calls this.
    fn evcxr_display(&self);
}

/// Values that are best read as a table.
pub trait ShowTable {
    /// The value as a table.
    fn table(&self) -> Table;
}

/// Sends one representation of a cell's result to the notebook. Of several with the
/// same MIME type in one cell, the last survives. Binary content is base64.
fn send(mime_type: &str, content: &str) {
    println!("EVCXR_BEGIN_CONTENT {mime_type}\n{content}\nEVCXR_END_CONTENT");
}

fn send_picture(png: &[u8]) {
    send("image/png", &BASE64_STANDARD.encode(png));
}

/// The table alone if the figure cannot be drawn, as after a run that went wrong.
pub(crate) fn send_table(table: &Table, figure: Result<Figure>) {
    send("text/html", &with_figure(table, figure));
    send("text/plain", table.to_string().trim_end());
}

pub(crate) fn send_text(text: &str) {
    send("text/plain", text);
}

impl Show for Table {
    fn evcxr_display(&self) {
        send("text/html", &self.html());
        send("text/plain", self.to_string().trim_end());
    }
}

impl Show for Figure {
    fn evcxr_display(&self) {
        send_picture(&self.png);
    }
}

/// The page, and a still picture where it cannot run.
impl Show for Explorer {
    fn evcxr_display(&self) {
        send("text/html", self.html());
        if !self.still().is_empty() {
            send_picture(self.still());
        }
        send_text(&format!("{self:?}"));
    }
}

/// Every key of the description and its value.
impl ShowTable for Experiment {
    fn table(&self) -> Table {
        let rows = description::entries(self);
        rows.iter().fold(Table::new(&["experiment", "value"]), |table, row| table.row(row))
    }
}

impl Show for Experiment {
    fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

/// How many runs, and the keys in which they differ.
impl ShowTable for Sweep {
    fn table(&self) -> Table {
        let described: Vec<Vec<[String; 2]>> = self.experiments().iter().map(description::entries).collect();
        let table = Table::new(&["sweep", "value"]).row(&["runs".to_owned(), thousands(described.len())]);
        let keys = 0..described.first().map_or(0, Vec::len);
        keys.fold(table, |table, key| {
            let mut values: Vec<&str> = Vec::new();
            for entries in &described {
                if !values.contains(&entries[key][1].as_str()) {
                    values.push(&entries[key][1]);
                }
            }
            let all = match values[..] {
                [_] => return table,
                [first, .., last] if values.len() > 6 => {
                    format!("{first} … {last} ({} values)", values.len())
                }
                _ => values.join(", "),
            };
            table.row(&[described[0][key][0].clone(), all])
        })
    }
}

impl Show for Sweep {
    fn evcxr_display(&self) {
        self.table().evcxr_display();
    }
}

/// The extreme similarities, and what follows from them.
impl ShowTable for Geometry {
    fn table(&self) -> Table {
        let separated = if self.margin() > 0.0 { "yes" } else { "no" };
        Table::new(&["geometry", "value"])
            .row(&["lowest matching similarity".to_owned(), short(self.min_matching)])
            .row(&["highest non-matching similarity".to_owned(), short(self.max_non_matching)])
            .row(&["margin m".to_owned(), short(self.margin())])
            .row(&["optimal relative bias".to_owned(), short(self.optimal_relative_bias())])
            .row(&["separated", separated])
    }
}

impl Show for Geometry {
    fn evcxr_display(&self) {
        send("text/html", &side_by_side(&self.table().html(), &ranges(self)));
        send_text(self.table().to_string().trim_end());
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

/// From which inverse temperature on the exact loss is guaranteed to be small.
impl ShowTable for Option<Certificate> {
    fn table(&self) -> Table {
        let table = Table::new(&["exact loss at most", "from t ="]);
        [1e-3, 1e-6, 1e-9].into_iter().fold(table, |table, loss| {
            let t = self.map(|certificate| format!("{:.1}", certificate.temperature_for(loss)));
            table.row(&[format!("{loss:e}"), t.unwrap_or_else(|| "never".to_owned())])
        })
    }
}

/// The run's numbers.
impl ShowTable for Run {
    fn table(&self) -> Table {
        let mut table = Table::new(&["run", "value"])
            .row(&["loss".to_owned(), short(self.loss())])
            .row(&["inverse temperature t".to_owned(), short(self.temperature())])
            .row(&["relative bias b_rel".to_owned(), short(self.relative_bias())])
            .row(&["margin m".to_owned(), short(self.margin())])
            .row(&["optimal relative bias".to_owned(), short(self.geometry().optimal_relative_bias())]);
        if let Some(delta) = self.delta() {
            table = table.row(&["adapter delta".to_owned(), short(delta)]);
        }
        table
    }
}

/// Its numbers beside its similarities.
impl Show for Run {
    fn evcxr_display(&self) {
        let figure = self.histogram("").and_then(|panel| Ok(figures::histograms("", 1, &[panel])?));
        send_table(&self.table(), figure);
    }
}

/// A row of final numbers for each label; where labels stand for several runs, their mean ±
/// standard deviation, and how many of them separate.
impl ShowTable for Runs {
    fn table(&self) -> Table {
        let ensembles = self.ensembles();
        if ensembles.len() < self.runs.len() {
            return ensembles_table(&ensembles);
        }
        let header = ["run", "loss", "t", "b_rel", "margin m", "optimal b_rel"];
        self.iter().fold(Table::new(&header), |table, (label, run)| {
            let (bias, geometry) = (run.relative_bias(), run.geometry());
            let numbers =
                [run.loss(), run.temperature(), bias, run.margin(), geometry.optimal_relative_bias()];
            let cells: Vec<String> = std::iter::once(label.to_owned()).chain(numbers.map(short)).collect();
            table.row(&cells)
        })
    }
}

fn ensembles_table(ensembles: &[Ensemble]) -> Table {
    let table = Table::new(&ENSEMBLES);
    ensembles.iter().fold(table, |table, ensemble| {
        let columns = [Run::loss, Run::temperature, Run::relative_bias, Run::margin];
        table.row(&ensemble_row(ensemble.label, &columns.map(|of| ensemble.values(of))))
    })
}

/// The header of a table of ensembles.
pub(crate) const ENSEMBLES: [&str; 6] = ["setting", "loss", "t", "b_rel", "margin m", "separated"];

/// A row of it: mean and deviation of each column, and how many of the margins, the last, are positive.
pub(crate) fn ensemble_row(label: &str, columns: &[Vec<f64>; 4]) -> Vec<String> {
    let cell = |values: &Vec<f64>| {
        let (mean, deviation) = mean_and_deviation(values);
        format!("{} ± {}", short(mean), short(deviation))
    };
    let margins = &columns[3];
    let separated = margins.iter().filter(|margin| **margin > 0.0).count();
    let separated = format!("{separated} of {}", margins.len());
    std::iter::once(label.to_owned()).chain(columns.iter().map(cell)).chain([separated]).collect()
}

/// Their numbers beside their similarities or, of many, their losses.
impl Show for Runs {
    fn evcxr_display(&self) {
        let figure = if self.runs.len() > 4 { self.losses("") } else { self.histograms("", 2) };
        send_table(&self.table(), figure);
    }
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
    fn a_sweep_shows_what_varies() {
        let sweep = Experiment::default().vary("bias.init", [-0.5, 0.5]).unwrap().seeds(1..=9);
        let text = sweep.table().to_string();
        assert!(
            text.contains("18") && text.contains("-0.5, 0.5") && text.contains("1 … 9 (9 values)"),
            "{text}"
        );
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
        let figure = run.histogram("").and_then(|panel| Ok(figures::histograms("", 1, &[panel])?));
        let html = with_figure(&run.table(), figure);
        assert!(html.contains("margin m") && html.contains("data:image/png;base64,"));
        assert!(html.len() < 150_000, "{} bytes", html.len());
    }

    #[test]
    fn runs_of_one_label_are_one_row() {
        let experiment = Experiment { pairs: 4, dim: 3, epochs: 5, ..Experiment::default() };
        let sweep = experiment.vary("bias.init", [0.0, 0.5]).unwrap();
        assert_eq!(sweep.train(Default::default()).unwrap().table().rows.len(), 2);
        let table = sweep.seeds(1..=3).train(Default::default()).unwrap().table();
        assert_eq!(table.rows.len(), 2);
        assert!(table.to_string().contains(" of 3") && table.to_string().contains(" ± "), "{table}");
    }
}
