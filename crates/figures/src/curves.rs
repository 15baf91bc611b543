//! Curves, bands, points and trajectories over common axes.

use crate::Figure;
use crate::axes::{self, Axis, Ruler, Scale};
use crate::canvas::{Canvas, Pen, Point};
use crate::error::{Error, Result};
use crate::frame::{self, Cell, Frame};
use crate::layout::{self, Grid};
use crate::legend::{self, Entry, Key};
use crate::style::{self, Colour};
use crate::thin::{thin, thin_band};

/// Draws panels, `columns` in a row, under one legend. A label has the same colour in
/// all panels; with more than seven labels the colours run from dark to light in the
/// order of the labels. Axes with the same label and scale in all panels share their range.
///
/// # Errors
/// [`Error::Figure`] if there is nothing to draw, or a value is not finite, or is
/// negative on a logarithmic axis.
pub fn plot(title: &str, columns: usize, panels: &[Panel]) -> Result<Figure> {
    if panels.is_empty() || columns == 0 {
        let panels = panels.len();
        return Err(Error::Figure(format!(
            "plot: expected at least one panel and column, got {panels} panels in {columns} columns"
        )));
    }
    let cells = panels.iter().map(Panel::cell).collect::<Result<Vec<_>>>()?;
    let legend = entries(panels);
    let shown: Vec<Entry> = legend.iter().filter(|entry| !entry.label.is_empty()).cloned().collect();
    let (mut canvas, frames) = layout::panels(title, &shown, Grid::columns(columns), cells)?;
    for (panel, frame) in panels.iter().zip(&frames) {
        canvas.clipped(frame.area, |canvas| panel.draw(canvas, frame, &legend));
        frame::draw_lines(&mut canvas, frame.area);
    }
    Figure::of(&canvas)
}

/// Series over a pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Stands above the panel; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// What is drawn, from back to front.
    pub series: Vec<Series>,
}

impl Panel {
    /// A panel without a title.
    pub fn new(x: impl Into<Axis>, y: impl Into<Axis>, series: Vec<Series>) -> Self {
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
    Horizontal,
    Vertical,
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

    /// A dashed line across the panel.
    pub fn horizontal(label: &str, y: f64) -> Self {
        Self { x: vec![], ..Self::new(label, Shape::Horizontal, &[], &[y]).coloured(Colour::THEORY) }
    }

    /// A dashed line from the bottom to the top of the panel.
    pub fn vertical(label: &str, x: f64) -> Self {
        Self::new(label, Shape::Vertical, &[x], &[]).coloured(Colour::THEORY)
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
        if !matches!(self.shape, Shape::Horizontal | Shape::Vertical) {
            let ends = self.band.iter().flat_map(|(low, high)| [low.len(), high.len()]);
            if self.x.is_empty() || ends.chain([self.y.len()]).any(|length| length != self.x.len()) {
                let (x, y) = (self.x.len(), self.y.len());
                let band = self.band.as_ref().map(|(low, high)| (low.len(), high.len()));
                return Err(Error::Figure(format!(
                    "series {label:?}: {x} values of x, {y} of y, band {band:?}; expected equally many, at least one"
                )));
            }
        }
        axes::check(&format!("series {label:?}, x"), &self.x)?;
        axes::check(&format!("series {label:?}, y"), &self.y)?;
        let ends = self.band.iter().flat_map(|(low, high)| [low, high]);
        ends.into_iter().try_for_each(|end| axes::check(&format!("series {label:?}, band"), end))?;
        let ascending = self.x.windows(2).all(|pair| pair[0] <= pair[1]);
        match self.band.is_none() || ascending {
            true => Ok(()),
            false => Err(Error::Figure(format!("series {label:?}: a band needs ascending x"))),
        }
    }

    fn key(&self) -> Key {
        match self.shape {
            Shape::Line if self.band.is_some() => Key::LineInBand,
            Shape::Line => Key::Line,
            Shape::Dashed | Shape::Horizontal | Shape::Vertical => Key::Dashed,
            Shape::Points => Key::Dot,
            Shape::Connected => Key::LineAndDot,
            Shape::Trajectory => Key::Trajectory,
            Shape::Band => Key::Area,
        }
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame, colour: Colour) {
        if let Some((low, high)) = &self.band {
            let [low, high] = [low, high].map(|end| at(frame, &self.x, end));
            let (low, high) = thin_band(&low, &high);
            canvas.band(&low, &high, colour, if self.shape == Shape::Band { 0.3 } else { 0.18 });
        }
        let points = at(frame, &self.x, &self.y);
        let solid = Pen::solid(colour, style::CURVE);
        match self.shape {
            Shape::Line => canvas.line(&thin(&points), solid),
            Shape::Dashed => canvas.line(&thin(&points), Pen::dashed(colour, style::CURVE)),
            Shape::Points => {
                points.iter().for_each(|&point| dot(canvas, point, colour, dot_size(points.len())))
            }
            Shape::Connected => {
                canvas.line(&points, solid);
                points.iter().for_each(|&point| dot(canvas, point, colour, style::DOT));
            }
            Shape::Trajectory => {
                canvas.line(&thin(&points), solid);
                legend::start_mark(canvas, points[0], colour);
                legend::end_mark(canvas, points[points.len() - 1], colour);
            }
            Shape::Band => {}
            Shape::Horizontal => {
                let y = frame.at_y(self.y[0]);
                let ends = [(frame.area.left, y), (frame.area.right, y)];
                canvas.line(&ends, Pen::dashed(colour, 1.8));
            }
            Shape::Vertical => {
                let x = frame.at_x(self.x[0]);
                let ends = [(x, frame.area.bottom), (x, frame.area.top)];
                canvas.line(&ends, Pen::dashed(colour, 1.8));
            }
        }
    }
}

impl Panel {
    fn cell(&self) -> Result<Cell> {
        self.series.iter().try_for_each(Series::check)?;
        let x = self.series.iter().flat_map(|series| series.x.iter().copied());
        let y = self.series.iter().flat_map(|series| {
            let band = series.band.iter().flat_map(|(low, high)| low.iter().chain(high));
            series.y.iter().chain(band).copied()
        });
        let long = self.series.iter().all(|series| matches!(series.shape, Shape::Line | Shape::Horizontal));
        let x_room = if long && self.x.scale == Scale::Linear { 0.0 } else { 0.04 };
        Ok(Cell {
            title: self.title.clone(),
            x: Ruler::new(&self.x, x, x_room)?,
            y: Ruler::new(&self.y, y, 0.05)?,
        })
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame, legend: &[Entry]) {
        for series in &self.series {
            let entry = legend.iter().find(|entry| entry.label == series.label);
            let colour = series.colour.or(entry.map(|entry| entry.colour)).unwrap_or(Colour::THEORY);
            series.draw(canvas, frame, colour);
        }
    }
}

/// An entry for each label; the richest key where several series have the same label.
fn entries(panels: &[Panel]) -> Vec<Entry> {
    let all = || panels.iter().flat_map(|panel| &panel.series);
    let mut labels: Vec<&str> = Vec::new();
    for series in all() {
        if !labels.contains(&series.label.as_str()) {
            labels.push(&series.label);
        }
    }
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
        Entry { label: (*label).to_owned(), colour, key }
    };
    labels.iter().map(entry).collect()
}

fn at(frame: &Frame, x: &[f64], y: &[f64]) -> Vec<Point> {
    x.iter().zip(y).map(|(&x, &y)| frame.at(x, y)).collect()
}

fn dot(canvas: &mut Canvas, at: Point, colour: Colour, radius: f64) {
    canvas.disc(at, radius + 0.8, Colour::WHITE);
    canvas.disc(at, radius, colour);
}

/// Smaller dots where there are many.
fn dot_size(count: usize) -> f64 {
    if count > 60 { style::DOT * 0.6 } else { style::DOT }
}
