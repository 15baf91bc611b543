//! Densities of the similarities of matching and non-matching pairs.

use crate::Figure;
use crate::axes::{self, Axis, Ruler};
use crate::bins::{self, Bins};
use crate::canvas::{Canvas, Pen, Point, Rect};
use crate::error::{Error, Result};
use crate::frame::{self, Cell, Frame};
use crate::layout::{self, Grid};
use crate::legend::{Entry, Key};
use crate::style::Colour;

/// Draws histograms of two classes side by side, `columns` in a row, on common axes;
/// the density is logarithmic. Nothing is jittered: values that are all equal make one
/// bar of the width of a bin.
///
/// # Errors
/// [`Error::Figure`] if there are no histograms, or a threshold is not finite.
pub fn histograms(title: &str, columns: usize, panels: &[Histogram]) -> Result<Figure> {
    if panels.is_empty() || columns == 0 {
        let (panels, what) = (panels.len(), "histograms: expected at least one panel and column");
        return Err(Error::Figure(format!("{what}, got {panels} panels in {columns} columns")));
    }
    let cells = panels.iter().map(Histogram::cell).collect::<Result<Vec<_>>>()?;
    let (mut canvas, frames) = layout::panels(title, &entries(panels), Grid::columns(columns), cells)?;
    for (panel, frame) in panels.iter().zip(&frames) {
        canvas.clipped(frame.area, |canvas| panel.draw(canvas, frame));
        frame::draw_lines(&mut canvas, frame.area);
    }
    Figure::of(&canvas)
}

/// Two classes of values, counted in bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Stands above the panel; may be empty.
    pub title: String,
    /// What is counted: the label of the horizontal axis.
    pub quantity: String,
    /// Names of the two classes, for the legend.
    pub classes: [String; 2],
    /// Relative bias b_rel to mark with a line, if any: what separates the classes by the
    /// loss.
    pub relative_bias: Option<f64>,
    /// From the largest non-matching to the smallest matching value, 2 m apart; shaded
    /// where the classes are separated.
    pub gap: Option<(f64, f64)>,
    /// Counts of the first class (matching) and the second.
    bins: [Bins; 2],
}

const COLOURS: [Colour; 2] = [Colour::MATCHING, Colour::NON_MATCHING];
const OPACITY: f64 = 0.45;

impl Histogram {
    /// Counts similarities in bins of about a fiftieth of their joint range. A class may be
    /// empty. No bin reaches into the gap between classes that are separated.
    ///
    /// # Errors
    /// [`Error::Figure`] if both are empty, or a value is not finite.
    pub fn new(title: &str, matching: &[f32], non_matching: &[f32]) -> Result<Self> {
        let classes = [matching, non_matching];
        for (values, name) in classes.iter().zip(["matching", "non-matching"]) {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let value = values[index];
                return Err(Error::Figure(format!("histogram {title:?}: {name} value {index} is {value}")));
            }
        }
        Ok(Self::with(title, bins::of_values(classes).ok_or_else(|| empty(title))?))
    }

    /// Takes values that are already counted, in equal bins from `low` to `high`; empty
    /// bins at the ends are left out, and neighbours merged to at most 60 bins.
    ///
    /// # Errors
    /// [`Error::Figure`] if the classes differ in bins, all are empty, or the range is impossible.
    pub fn from_counts(
        title: &str,
        low: f64,
        high: f64,
        matching: &[u64],
        non_matching: &[u64],
    ) -> Result<Self> {
        axes::check(&format!("histogram {title:?}: range"), &[low, high])?;
        let number = matching.len();
        if number != non_matching.len() || low >= high {
            let other = non_matching.len();
            return Err(Error::Figure(format!(
                "histogram {title:?}: {number} and {other} bins over {low} to {high}, \
                 expected equally many over an ascending range"
            )));
        }
        let width = (high - low) / number as f64;
        let bins = bins::of_counts(low, width, [matching, non_matching]).ok_or_else(|| empty(title))?;
        Ok(Self::with(title, bins))
    }

    fn with(title: &str, bins: [Bins; 2]) -> Self {
        Self {
            title: title.to_owned(),
            quantity: "similarity".to_owned(),
            classes: ["matching ⟨U_{i}, V_{i}⟩".to_owned(), "non-matching ⟨U_{i}, V_{j}⟩".to_owned()],
            relative_bias: None,
            gap: None,
            bins,
        }
    }

    /// The same with b_rel marked by a line.
    pub fn threshold(self, relative_bias: f64) -> Self {
        Self { relative_bias: Some(relative_bias), ..self }
    }

    /// The same with the gap between the classes shaded if there is one, that is if
    /// `max_non_matching` is below `min_matching`.
    pub fn gap(self, max_non_matching: f64, min_matching: f64) -> Self {
        Self { gap: Some((max_non_matching, min_matching)), ..self }
    }

    /// The same with other names of the quantity and of the two classes.
    pub fn named(self, quantity: &str, classes: [&str; 2]) -> Self {
        Self { quantity: quantity.to_owned(), classes: classes.map(str::to_owned), ..self }
    }

    fn cell(&self) -> Result<Cell> {
        let marks: Vec<f64> = self
            .relative_bias
            .into_iter()
            .chain(self.gap.map(<[f64; 2]>::from).into_iter().flatten())
            .collect();
        axes::check("histogram: relative bias and gap", &marks)?;
        let edges = self.bins.iter().flat_map(Bins::ends);
        let densities = self.bins.iter().flat_map(Bins::densities).map(|(_, density)| density);
        Ok(Cell {
            title: self.title.clone(),
            x: Ruler::new(&Axis::linear(&self.quantity), edges.chain(self.relative_bias), 0.03)?,
            y: Ruler::new(&Axis::log("density"), densities, 0.06)?,
        })
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame) {
        if let Some((from, to)) = self.shaded() {
            let (left, right) = (frame.at_x(from), frame.at_x(to));
            canvas.rectangle(Rect { left, right, ..frame.area }, Colour::BAND, 0.3);
        }
        for class in [1, 0] {
            draw_bars(canvas, frame, &self.bins[class], COLOURS[class]);
        }
        if let Some(b_rel) = self.relative_bias {
            let x = frame.at_x(b_rel);
            let pen = Pen { colour: Colour::THEORY, width: 1.8, dash: Some((7.0, 5.0)) };
            canvas.line(&[(x, frame.area.bottom), (x, frame.area.top)], pen);
        }
    }

    /// The gap, if there is one to shade.
    fn shaded(&self) -> Option<(f64, f64)> {
        self.gap.filter(|(from, to)| from < to)
    }
}

/// The bars of a class, filled, and their common outline.
fn draw_bars(canvas: &mut Canvas, frame: &Frame, bins: &Bins, colour: Colour) {
    let mut outlines: Vec<Vec<Point>> = Vec::new();
    let mut next = usize::MAX;
    for (bin, density) in bins.densities() {
        let (left, top) = frame.at(bins.start(bin), density);
        let right = frame.at_x(bins.start(bin + 1));
        canvas.rectangle(Rect { left, top, right, bottom: frame.area.bottom }, colour, OPACITY);
        if bin != next {
            outlines.push(vec![(left, frame.area.bottom)]);
        }
        next = bin + 1;
        if let Some(outline) = outlines.last_mut() {
            outline.extend([(left, top), (right, top)]);
        }
    }
    for mut outline in outlines {
        let end = outline.last().map_or(0.0, |point| point.0);
        outline.push((end, frame.area.bottom));
        canvas.line(&outline, Pen::solid(colour, 1.3));
    }
}

fn empty(title: &str) -> Error {
    Error::Figure(format!("histogram {title:?}: both classes are empty"))
}

fn entries(panels: &[Histogram]) -> Vec<Entry> {
    let mut legend: Vec<Entry> = Vec::new();
    for (label, colour) in panels.iter().flat_map(|panel| panel.classes.iter().zip(COLOURS)) {
        let entry = Entry { label: label.clone(), colour: colour.tint(0.7), key: Key::Area };
        if !legend.contains(&entry) {
            legend.push(entry);
        }
    }
    let entry = |label: &str, colour, key| Entry { label: label.to_owned(), colour, key };
    if panels.iter().any(|panel| panel.relative_bias.is_some()) {
        legend.push(entry("b_rel", Colour::THEORY, Key::Dashed));
    }
    if panels.iter().any(|panel| panel.shaded().is_some()) {
        legend.push(entry("gap, 2m wide", Colour::BAND.tint(0.45), Key::Area));
    }
    legend
}
