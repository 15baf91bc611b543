//! Densities of the similarities of matching and non-matching pairs.

use plotters::element::{PathElement, Rectangle};
use plotters::series::DashedLineSeries;
use plotters::style::Color as _;

use crate::bins::{self, Bins};
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::legend::{Entry, Key};
use crate::page;
use crate::panel::{Cell, Chart};
use crate::ruler::Ruler;
use crate::scale::{Scale, check};
use crate::style::Colour;

/// Draws histograms of two classes side by side, `columns` in a row, on common axes;
/// the density is logarithmic. Nothing is jittered: values that are all equal make one
/// bar of the width of a bin.
///
/// # Errors
/// [`Error::Figure`] if there are no histograms, or a threshold is not finite.
pub fn histograms(title: &str, columns: usize, panels: &[Histogram]) -> Result<Figure> {
    let cells = panels.iter().map(Histogram::cell).collect::<Result<Vec<_>>>()?;
    page::panels(title, &entries(panels), (columns, 0), cells, |index, chart| panels[index].draw(chart))
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
        check(&format!("histogram {title:?}: range"), &[low, high])?;
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
        check("histogram: relative bias and gap", &marks)?;
        let edges = self.bins.iter().flat_map(Bins::ends);
        let densities = self.bins.iter().flat_map(Bins::densities).map(|(_, density)| density);
        let x = Ruler::new(&Scale::linear(&self.quantity), edges.chain(self.relative_bias), 0.03)?;
        let y = Ruler::new(&Scale::log("density"), densities, 0.06)?;
        Ok(Cell::new(&self.title, x, y))
    }

    fn draw(&self, chart: &mut Chart) -> Result<()> {
        if let Some((from, to)) = self.shaded() {
            let corners = [(from, BOTTOM), (to, f64::INFINITY)];
            chart.draw_series([Rectangle::new(corners, Colour::BAND.mix(0.3).filled())])?;
        }
        for class in [1, 0] {
            draw_bars(chart, &self.bins[class], COLOURS[class])?;
        }
        if let Some(b_rel) = self.relative_bias {
            let (line, pen) = ([(b_rel, BOTTOM), (b_rel, f64::INFINITY)], Colour::THEORY.stroke_width(5));
            chart.draw_series(DashedLineSeries::new(line, 18, 18, pen))?;
        }
        Ok(())
    }

    /// The gap, if there is one to shade.
    fn shaded(&self) -> Option<(f64, f64)> {
        self.gap.filter(|(from, to)| from < to)
    }
}

/// Where bars begin: at the end of the axis.
const BOTTOM: f64 = f64::NEG_INFINITY;

/// The bars of a class, filled, and the common outlines of those that touch.
fn draw_bars(chart: &mut Chart, bins: &Bins, colour: Colour) -> Result<()> {
    let bars: Vec<(usize, f64)> = bins.densities().collect();
    let top = |&(bin, density): &(usize, f64)| [bin, bin + 1].map(|edge| (bins.start(edge), density));
    let fill = |[(left, _), right]: [(f64, f64); 2]| {
        Rectangle::new([(left, BOTTOM), right], colour.mix(OPACITY).filled())
    };
    chart.draw_series(bars.iter().map(top).map(fill))?;
    for touching in bars.chunk_by(|a, b| a.0 + 1 == b.0) {
        let mut outline: Vec<(f64, f64)> = touching.iter().flat_map(top).collect();
        let (first, last) = (outline[0].0, outline[outline.len() - 1].0);
        outline.insert(0, (first, BOTTOM));
        outline.push((last, BOTTOM));
        chart.draw_series([PathElement::new(outline, colour.stroke_width(4))])?;
    }
    Ok(())
}

fn empty(title: &str) -> Error {
    Error::Figure(format!("histogram {title:?}: both classes are empty"))
}

fn entries(panels: &[Histogram]) -> Vec<Entry> {
    let mut legend: Vec<Entry> = Vec::new();
    for (label, colour) in panels.iter().flat_map(|panel| panel.classes.iter().zip(COLOURS)) {
        let entry = Entry::new(label, colour.tint(0.7), Key::Area);
        if !legend.contains(&entry) {
            legend.push(entry);
        }
    }
    if panels.iter().any(|panel| panel.relative_bias.is_some()) {
        legend.push(Entry::new("b_rel", Colour::THEORY, Key::Dashed));
    }
    if panels.iter().any(|panel| panel.shaded().is_some()) {
        legend.push(Entry::new("gap, 2m wide", Colour::BAND.tint(0.45), Key::Area));
    }
    legend
}
