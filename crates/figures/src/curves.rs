//! Curves, bands, points and trajectories over common axes.

use plotters::coord::ranged1d::Ranged as _;
use plotters::element::Polygon;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::Color as _;

use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::legend::{self, Entry, Key};
use crate::marks::{self, Mark};
use crate::page;
use crate::panel::{Cell, Chart};
use crate::ruler::Ruler;
use crate::scale::{Scale, Transform, check};
use crate::style::{self, Colour};

/// Draws panels, `columns` in a row, under one legend. A label has the same colour in
/// all panels; with more than seven labels the colours run from dark to light in the
/// order of the labels. Axes with the same label and scale in all panels share their range.
///
/// # Errors
/// [`Error::Figure`] if there is nothing to draw, or a value is not finite, or is
/// negative on a logarithmic axis.
pub fn plot(title: &str, columns: usize, panels: &[Panel]) -> Result<Figure> {
    let cells = panels.iter().map(Panel::cell).collect::<Result<Vec<_>>>()?;
    let legend = entries(panels);
    let shown: Vec<Entry> = legend.iter().filter(|entry| !entry.label.is_empty()).cloned().collect();
    page::panels(title, &shown, (columns, 0), cells, |index, chart| panels[index].draw(chart, &legend))
}

/// Series over a pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Stands above the panel; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: Scale,
    /// Vertical axis.
    pub y: Scale,
    /// What is drawn, from back to front.
    pub series: Vec<Series>,
}

impl Panel {
    /// A panel without a title.
    pub fn new(x: impl Into<Scale>, y: impl Into<Scale>, series: Vec<Series>) -> Self {
        Self { title: String::new(), x: x.into(), y: y.into(), series }
    }

    /// The same panel under a title.
    pub fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }
}

/// Values with a label and a way to draw them.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    label: String,
    shape: Shape,
    x: Vec<f64>,
    y: Vec<f64>,
    /// Lower and upper end of a band around (or instead of) the curve.
    band: Option<(Vec<f64>, Vec<f64>)>,
    colour: Option<Colour>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Line,
    Dashed,
    Points,
    Connected,
    Trajectory,
    Band,
}

impl Series {
    /// A curve through the points (x, y).
    pub fn line(label: &str, x: &[f64], y: &[f64]) -> Self {
        Self::new(label, Shape::Line, x, y)
    }

    /// A curve over the epochs 0, 1, …
    pub fn history(label: &str, y: &[f64]) -> Self {
        let epochs: Vec<f64> = (0..y.len()).map(|epoch| epoch as f64).collect();
        Self::line(label, &epochs, y)
    }

    /// A dashed curve, for theory and bounds.
    pub fn dashed(label: &str, x: &[f64], y: &[f64]) -> Self {
        Self::new(label, Shape::Dashed, x, y)
    }

    /// Dots.
    pub fn points(label: &str, x: &[f64], y: &[f64]) -> Self {
        Self::new(label, Shape::Points, x, y)
    }

    /// Dots joined by a line.
    pub fn connected(label: &str, x: &[f64], y: &[f64]) -> Self {
        Self::new(label, Shape::Connected, x, y)
    }

    /// A path in the plane, its start marked by an open and its end by a filled circle.
    pub fn trajectory(label: &str, x: &[f64], y: &[f64]) -> Self {
        Self::new(label, Shape::Trajectory, x, y)
    }

    /// The area between two curves over the same, ascending x.
    pub fn band(label: &str, x: &[f64], low: &[f64], high: &[f64]) -> Self {
        Self { shape: Shape::Band, ..Self::new(label, Shape::Band, x, low).within(low, high) }
    }

    /// The same curve with a band around it, as of mean ± standard deviation or quantiles.
    pub fn within(self, low: &[f64], high: &[f64]) -> Self {
        Self { band: Some((low.to_vec(), high.to_vec())), ..self }
    }

    /// The same series in a colour of its own.
    pub fn coloured(self, colour: Colour) -> Self {
        Self { colour: Some(colour), ..self }
    }

    fn new(label: &str, shape: Shape, x: &[f64], y: &[f64]) -> Self {
        Self { label: label.to_owned(), shape, x: x.to_vec(), y: y.to_vec(), band: None, colour: None }
    }

    fn check(&self) -> Result<()> {
        let label = &self.label;
        let ends = || self.band.iter().flat_map(|(low, high)| [low, high]);
        if self.x.is_empty() || ends().chain([&self.y]).any(|list| list.len() != self.x.len()) {
            let (x, y) = (self.x.len(), self.y.len());
            let band = self.band.as_ref().map(|(low, high)| (low.len(), high.len()));
            return Err(Error::Figure(format!(
                "series {label:?}: {x} values of x, {y} of y, band {band:?}; expected equally many, at least one"
            )));
        }
        check(&format!("series {label:?}, x"), &self.x)?;
        check(&format!("series {label:?}, y"), &self.y)?;
        ends().try_for_each(|end| check(&format!("series {label:?}, band"), end))?;
        if self.band.is_some() && !self.x.is_sorted() {
            return Err(Error::Figure(format!("series {label:?}: a band needs ascending x")));
        }
        Ok(())
    }

    fn key(&self) -> Key {
        match self.shape {
            Shape::Line if self.band.is_some() => Key::LineInBand,
            Shape::Line => Key::Line,
            Shape::Dashed => Key::Dashed,
            Shape::Points => Key::Dot,
            Shape::Connected => Key::LineAndDot,
            Shape::Trajectory => Key::Trajectory,
            Shape::Band => Key::Area,
        }
    }

    fn draw(&self, chart: &mut Chart, colour: Colour) -> Result<()> {
        if let Some((low, high)) = &self.band {
            let opacity = if self.shape == Shape::Band { 0.3 } else { 0.18 };
            let (axis, width) =
                (chart.as_coord_spec().x_spec(), chart.as_coord_spec().get_x_axis_pixel_range());
            let outline = outline(&self.x, low, high, |x| axis.map(x, (width.start, width.end)));
            chart.draw_series([Polygon::new(outline, colour.mix(opacity))])?;
        }
        let points: Vec<Point> = self.x.iter().copied().zip(self.y.iter().copied()).collect();
        let marks = self.marks(&points, colour);
        let (pen, (on, off)) = (colour.stroke_width(style::CURVE), style::DASH);
        if self.shape == Shape::Dashed {
            chart.draw_series(DashedLineSeries::new(points, on, off, pen))?;
        } else if !matches!(self.shape, Shape::Points | Shape::Band) {
            chart.draw_series(LineSeries::new(points, pen))?;
        }
        chart.draw_series(marks)?;
        Ok(())
    }

    fn marks(&self, points: &[Point], colour: Colour) -> Vec<Mark<Point>> {
        // Smaller dots where there are many.
        let many = self.shape == Shape::Points && points.len() > 60;
        let radius = if many { style::DOT * 3 / 5 } else { style::DOT };
        match self.shape {
            Shape::Points | Shape::Connected => {
                points.iter().map(|at| marks::disc(*at, radius, 2, colour)).collect()
            }
            Shape::Trajectory => {
                vec![marks::start(points[0], colour), marks::end(points[points.len() - 1], colour)]
            }
            Shape::Line | Shape::Dashed | Shape::Band => vec![],
        }
    }
}

/// A point of the data.
type Point = (f64, f64);

/// The outline of a band, with all of it where several values fall into one column of the
/// raster.
fn outline(x: &[f64], low: &[f64], high: &[f64], column: impl Fn(&f64) -> i32) -> Vec<Point> {
    let (mut below, mut above, mut start) = (Vec::new(), Vec::new(), 0);
    for same in x.chunk_by(|a, b| column(a) == column(b)) {
        let values = start..start + same.len();
        below.push((same[0], low[values.clone()].iter().copied().fold(f64::INFINITY, f64::min)));
        above.push((same[0], high[values.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max)));
        start = values.end;
    }
    below.into_iter().chain(above.into_iter().rev()).collect()
}

impl Panel {
    fn cell(&self) -> Result<Cell> {
        self.series.iter().try_for_each(Series::check)?;
        let x = self.series.iter().flat_map(|series| series.x.iter().copied());
        let y = self.series.iter().flat_map(|series| {
            let band = series.band.iter().flat_map(|(low, high)| low.iter().chain(high));
            series.y.iter().chain(band).copied()
        });
        let long = self.series.iter().all(|series| series.shape == Shape::Line);
        let x_room = if long && self.x.transform == Transform::Linear { 0.0 } else { 0.04 };
        Ok(Cell::new(&self.title, Ruler::new(&self.x, x, x_room)?, Ruler::new(&self.y, y, 0.05)?))
    }

    fn draw(&self, chart: &mut Chart, legend: &[Entry]) -> Result<()> {
        self.series.iter().try_for_each(|series| {
            let entry = legend.iter().find(|entry| entry.label == series.label);
            let colour = series.colour.or(entry.map(|entry| entry.colour)).unwrap_or(Colour::THEORY);
            series.draw(chart, colour)
        })
    }
}

/// An entry for each label; the richest key where several series have the same label.
fn entries(panels: &[Panel]) -> Vec<Entry> {
    let all = || panels.iter().flat_map(|panel| &panel.series);
    let labels = legend::unique(all().map(|series| series.label.as_str()));
    let own_colour = |label: &str| all().find(|s| s.label == label).and_then(|series| series.colour);
    let coloured: Vec<&str> = labels.iter().copied().filter(|label| own_colour(label).is_none()).collect();
    let entry = |label: &&str| {
        let place = coloured.iter().position(|other| other == label).unwrap_or(0);
        let colour = own_colour(label).unwrap_or_else(|| style::series_colour(place, coloured.len()));
        let same: Vec<&Series> = all().filter(|series| series.label == **label).collect();
        let mut key = same[0].key();
        if same.len() > 1 && same.iter().any(|series| series.shape == Shape::Band) {
            key = Key::LineInBand;
        }
        let colour = if key == Key::Area { colour.tint(0.45) } else { colour };
        Entry::new(label, colour, key)
    };
    labels.iter().map(entry).collect()
}
