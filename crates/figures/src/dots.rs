//! Dot plots: a row for each name, a panel for each quantity.

use plotters::element::Rectangle;
use plotters::style::Color as _;

use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::legend::{self, Entry, Key};
use crate::marks;
use crate::page;
use crate::panel::{Cell, Chart};
use crate::ruler::Ruler;
use crate::scale::{Scale, check};
use crate::style::{self, Colour, PIXEL};

/// Draws one row for each of `names`, from top to bottom, and one panel for each
/// quantity, from left to right. The values of several series stand below each other.
///
/// # Errors
/// [`Error::Figure`] if there are no names or panels, or a series has not one finite
/// value or `None` for each name.
pub fn dots(title: &str, names: &[&str], panels: &[DotPanel]) -> Result<Figure> {
    if names.is_empty() {
        return Err(Error::Figure(format!("dots {title:?}: no names, expected at least one")));
    }
    let cells = panels.iter().map(|panel| panel.cell(names)).collect::<Result<Vec<_>>>()?;
    let legend = entries(panels);
    let grid = (panels.len(), ROW * names.len() as i32);
    page::panels(title, &legend, grid, cells, |index, chart| panels[index].draw(chart, names.len(), &legend))
}

/// A quantity and its values, series by series.
#[derive(Debug, Clone, PartialEq)]
pub struct DotPanel {
    /// The quantity.
    pub x: Scale,
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
const ROW: i32 = 34 * PIXEL;
/// Distance between the dots of two series in a row.
const SHIFT: i32 = 11 * PIXEL;

impl DotPanel {
    /// A panel for the quantity `x`.
    pub fn new(x: impl Into<Scale>, series: Vec<Dots>) -> Self {
        Self { x: x.into(), series }
    }

    fn cell(&self, names: &[&str]) -> Result<Cell> {
        for Dots { label, values } in &self.series {
            if values.len() != names.len() {
                let (values, names) = (values.len(), names.len());
                return Err(Error::Figure(format!("dots {label:?}: {values} values for {names} names")));
            }
            let present: Vec<f64> = values.iter().copied().flatten().collect();
            check(&format!("dots {label:?}"), &present)?;
        }
        let values = self.series.iter().flat_map(|series| series.values.iter().copied().flatten());
        Ok(Cell::new("", Ruler::new(&self.x, values, 0.08)?, Ruler::names(names)?))
    }

    fn draw(&self, chart: &mut Chart, rows: usize, legend: &[Entry]) -> Result<()> {
        let height = 1.0 / rows as f64;
        let shift = f64::from(SHIFT) / f64::from(chart.plotting_area().dim_in_pixel().1);
        for row in 0..rows {
            let middle = 1.0 - (row as f64 + 0.5) * height;
            if row.is_multiple_of(2) {
                let corners =
                    [(f64::NEG_INFINITY, middle + height / 2.0), (f64::INFINITY, middle - height / 2.0)];
                chart.draw_series([Rectangle::new(corners, Colour::GRID.mix(0.35).filled())])?;
            }
            let present: Vec<(&Dots, f64)> =
                self.series.iter().filter_map(|series| Some((series, series.values[row]?))).collect();
            let shift = shift.min(height / (present.len() + 1) as f64);
            for (k, (series, value)) in present.iter().enumerate() {
                let Some(entry) = legend.iter().find(|entry| entry.label == series.label) else { continue };
                let below = shift * (k as f64 - (present.len() - 1) as f64 / 2.0);
                chart.draw_series([marks::disc(
                    (*value, middle - below),
                    style::DOT + 2,
                    3,
                    entry.colour,
                )])?;
            }
        }
        Ok(())
    }
}

fn entries(panels: &[DotPanel]) -> Vec<Entry> {
    let series = panels.iter().flat_map(|panel| &panel.series);
    let labels = legend::unique(series.map(|series| series.label.as_str()));
    let colour = |k| style::series_colour(k, labels.len());
    labels.iter().enumerate().map(|(k, label)| Entry::new(label, colour(k), Key::Dot)).collect()
}
