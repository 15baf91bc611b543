//! Dot plots: a row for each name, a panel for each quantity.

use crate::Figure;
use crate::axes::{self, Axis, Ruler};
use crate::canvas::{Canvas, Rect};
use crate::error::{Error, Result};
use crate::frame::{Cell, Frame};
use crate::layout::{self, Grid};
use crate::legend::{Entry, Key};
use crate::style::{self, Colour};

/// Draws one row for each of `names`, from top to bottom, and one panel for each
/// quantity, from left to right. The values of several series stand below each other.
///
/// # Errors
/// [`Error::Figure`] if there are no names or panels, or a series has not one finite
/// value or `None` for each name.
pub fn dots(title: &str, names: &[&str], panels: &[DotPanel]) -> Result<Figure> {
    if names.is_empty() || panels.is_empty() {
        let (names, panels) = (names.len(), panels.len());
        return Err(Error::Figure(format!(
            "dots: {names} names and {panels} panels, expected at least one each"
        )));
    }
    let cells = panels.iter().map(|panel| panel.cell(names)).collect::<Result<Vec<_>>>()?;
    let legend = entries(panels);
    let grid = Grid { least_height: ROW * names.len() as f64, ..Grid::columns(panels.len()) };
    let (mut canvas, frames) = layout::panels(title, &legend, grid, cells)?;
    for (panel, frame) in panels.iter().zip(&frames) {
        panel.draw(&mut canvas, frame, names.len(), &legend);
    }
    Figure::of(&canvas)
}

/// A quantity and its values, series by series.
#[derive(Debug, Clone, PartialEq)]
pub struct DotPanel {
    /// The quantity.
    pub x: Axis,
    /// Its values.
    pub series: Vec<Dots>,
}

/// One value, or none, for each name of a dot plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Dots {
    /// Where the values come from, for the legend.
    pub label: String,
    /// A value for each name.
    pub values: Vec<Option<f64>>,
}

impl Dots {
    /// A series of values; `None` where a name has none.
    pub fn new(label: &str, values: &[Option<f64>]) -> Self {
        Self { label: label.to_owned(), values: values.to_vec() }
    }
}

/// Height of a row.
const ROW: f64 = 34.0;
/// Distance between the dots of two series in a row.
const SHIFT: f64 = 11.0;

impl DotPanel {
    /// A panel for the quantity `x`.
    pub fn new(x: impl Into<Axis>, series: Vec<Dots>) -> Self {
        Self { x: x.into(), series }
    }

    fn cell(&self, names: &[&str]) -> Result<Cell> {
        for Dots { label, values } in &self.series {
            if values.len() != names.len() {
                let (values, names) = (values.len(), names.len());
                return Err(Error::Figure(format!("dots {label:?}: {values} values for {names} names")));
            }
            let present: Vec<f64> = values.iter().copied().flatten().collect();
            axes::check(&format!("dots {label:?}"), &present)?;
        }
        let values = self.series.iter().flat_map(|series| series.values.iter().copied().flatten());
        Ok(Cell {
            title: String::new(),
            x: Ruler::new(&self.x, values, 0.08)?,
            y: Ruler::names(names.iter().map(|name| (*name).to_owned()).collect()),
        })
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame, rows: usize, legend: &[Entry]) {
        let height = frame.area.height() / rows as f64;
        for row in (0..rows).step_by(2) {
            let top = frame.area.top + row as f64 * height;
            canvas.rectangle(Rect { top, bottom: top + height, ..frame.area }, Colour::GRID, 0.35);
        }
        for row in 0..rows {
            let present: Vec<(&Dots, f64)> =
                self.series.iter().filter_map(|series| Some((series, series.values[row]?))).collect();
            let shift = SHIFT.min(height / (present.len() + 1) as f64);
            let middle = frame.area.top + (row as f64 + 0.5) * height;
            for (k, (series, value)) in present.iter().enumerate() {
                let Some(entry) = legend.iter().find(|entry| entry.label == series.label) else { continue };
                let below = shift * (k as f64 - (present.len() - 1) as f64 / 2.0);
                let at = (frame.at_x(*value), middle + below);
                canvas.disc(at, style::DOT + 1.6, Colour::WHITE);
                canvas.disc(at, style::DOT + 0.6, entry.colour);
            }
        }
    }
}

fn entries(panels: &[DotPanel]) -> Vec<Entry> {
    let mut labels: Vec<&String> = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series) {
        if !labels.contains(&&series.label) {
            labels.push(&series.label);
        }
    }
    let colour = |k| style::series_colour(k, labels.len());
    let entry =
        |(k, label): (usize, &&String)| Entry { label: label.to_string(), colour: colour(k), key: Key::Dot };
    labels.iter().enumerate().map(entry).collect()
}
