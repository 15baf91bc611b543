//! Densities of the similarities of matching and non-matching pairs.

use super::Figure;
use super::axes::{self, Axis, Ruler};
use super::canvas::{Canvas, Pen, Point, Rect};
use super::frame::{self, Cell, Frame};
use super::layout::{self, Grid};
use super::legend::{Entry, Key};
use super::style::Colour;
use crate::{Error, Result};

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

/// Two classes of values, counted in bins that they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Stands above the panel; may be empty.
    pub title: String,
    /// What is counted: the label of the horizontal axis.
    pub quantity: String,
    /// Names of the two classes, for the legend.
    pub classes: [String; 2],
    /// Relative bias b_rel to mark, if any.
    pub relative_bias: Option<f64>,
    /// Margin m: the band b_rel ± m is shaded if it is positive.
    pub margin: Option<f64>,
    /// Start of the first bin.
    low: f64,
    /// Width of a bin.
    width: f64,
    /// Counts of the first class (matching) and the second, bin by bin.
    counts: [Vec<u64>; 2],
}

/// Bins over the joint range of both classes, about.
const BINS: usize = 50;
/// Counted bins are merged until there are at most this many.
const MOST_BINS: usize = 60;
const COLOURS: [Colour; 2] = [Colour::MATCHING, Colour::NON_MATCHING];
const OPACITY: f64 = 0.45;

impl Histogram {
    /// Counts similarities in bins of about a fiftieth of their joint range. A class may be
    /// empty. Classes that are separated share no bin, and no bin reaches into the gap
    /// between them unless the gap is narrower than a bin.
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
        let values = classes.iter().flat_map(|values| values.iter().map(|value| f64::from(*value)));
        let (low, high) = axes::extent(values)
            .ok_or_else(|| Error::Figure(format!("histogram {title:?}: both classes are empty")))?;
        let (low, high) = widened(low, high);
        let (start, width) = bins(low, high, gap(matching, non_matching));
        let number = ((high - start) / width) as usize + 1;
        let count = |values: &[f32]| {
            let mut counts = vec![0; number];
            for value in values {
                counts[(((f64::from(*value) - start) / width) as usize).min(number - 1)] += 1;
            }
            counts
        };
        Ok(Self::with(title, start, width, classes.map(count)))
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
        let bins = matching.len();
        if bins != non_matching.len() || low >= high {
            let other = non_matching.len();
            return Err(Error::Figure(format!(
                "histogram {title:?}: {bins} and {other} bins over {low} to {high}, \
                 expected equally many over an ascending range"
            )));
        }
        let occupied = |bin: &usize| matching[*bin] + non_matching[*bin] > 0;
        let (Some(first), Some(last)) = ((0..bins).find(occupied), (0..bins).rfind(occupied)) else {
            return Err(Error::Figure(format!("histogram {title:?}: both classes are empty")));
        };
        let merged = (last - first + 1).div_ceil(MOST_BINS);
        let width = (high - low) / bins as f64;
        let merge =
            |counts: &[u64]| counts[first..=last].chunks(merged).map(|bins| bins.iter().sum()).collect();
        let counts = [merge(matching), merge(non_matching)];
        Ok(Self::with(title, low + first as f64 * width, width * merged as f64, counts))
    }

    fn with(title: &str, low: f64, width: f64, counts: [Vec<u64>; 2]) -> Self {
        Self {
            title: title.to_owned(),
            quantity: "similarity".to_owned(),
            classes: ["matching ⟨U_{i}, V_{i}⟩".to_owned(), "non-matching ⟨U_{i}, V_{j}⟩".to_owned()],
            relative_bias: None,
            margin: None,
            low,
            width,
            counts,
        }
    }

    /// The same with b_rel marked by a line, and the band b_rel ± `margin` shaded if the
    /// margin is positive.
    pub fn constellation(self, relative_bias: f64, margin: f64) -> Self {
        Self { relative_bias: Some(relative_bias), margin: Some(margin), ..self }
    }

    /// The same with other names of the quantity and of the two classes.
    pub fn named(self, quantity: &str, classes: [&str; 2]) -> Self {
        Self { quantity: quantity.to_owned(), classes: classes.map(str::to_owned), ..self }
    }

    /// Occupied bins of a class: start of the bin and density.
    fn densities(&self, class: usize) -> impl Iterator<Item = (usize, f64)> + Clone + '_ {
        let total: u64 = self.counts[class].iter().sum();
        let density = move |count: u64| count as f64 / total as f64 / self.width;
        let counts = self.counts[class].iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(move |(bin, count)| (bin, density(*count)))
    }

    fn start(&self, bin: usize) -> f64 {
        self.low + bin as f64 * self.width
    }

    fn cell(&self) -> Result<Cell> {
        let marks = self.relative_bias.into_iter();
        axes::check(
            "histogram: relative bias and margin",
            &marks.clone().chain(self.margin).collect::<Vec<_>>(),
        )?;
        let edges = [self.low, self.start(self.counts[0].len())];
        let densities = (0..2).flat_map(|class| self.densities(class)).map(|(_, density)| density);
        Ok(Cell {
            title: self.title.clone(),
            x: Ruler::new(&Axis::linear(&self.quantity), edges.into_iter().chain(marks), 0.03)?,
            y: Ruler::new(&Axis::log("density"), densities, 0.06)?,
        })
    }

    fn draw(&self, canvas: &mut Canvas, frame: &Frame) {
        if let Some((b_rel, margin)) = self.band() {
            let (left, right) = (frame.at_x(b_rel - margin), frame.at_x(b_rel + margin));
            canvas.rectangle(Rect { left, right, ..frame.area }, Colour::BAND, 0.3);
        }
        for class in [1, 0] {
            self.draw_class(canvas, frame, class);
        }
        if let Some(b_rel) = self.relative_bias {
            let x = frame.at_x(b_rel);
            let pen = Pen { colour: Colour::THEORY, width: 1.8, dash: Some((7.0, 5.0)) };
            canvas.line(&[(x, frame.area.bottom), (x, frame.area.top)], pen);
        }
    }

    /// The bars of a class, filled, and their common outline.
    fn draw_class(&self, canvas: &mut Canvas, frame: &Frame, class: usize) {
        let mut outlines: Vec<Vec<Point>> = Vec::new();
        let mut next = usize::MAX;
        for (bin, density) in self.densities(class) {
            let (left, top) = frame.at(self.start(bin), density);
            let right = frame.at_x(self.start(bin + 1));
            canvas.rectangle(Rect { left, top, right, bottom: frame.area.bottom }, COLOURS[class], OPACITY);
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
            canvas.line(&outline, Pen::solid(COLOURS[class], 1.3));
        }
    }

    /// Relative bias and margin, if there is a band to shade.
    fn band(&self) -> Option<(f64, f64)> {
        self.relative_bias.zip(self.margin).filter(|(_, margin)| *margin > 0.0)
    }
}

/// From the largest non-matching to the smallest matching value; empty or reversed where
/// the classes overlap.
fn gap(matching: &[f32], non_matching: &[f32]) -> Option<(f64, f64)> {
    let extent = |values: &[f32]| axes::extent(values.iter().map(|value| f64::from(*value)));
    Some((extent(non_matching)?.1, extent(matching)?.0))
}

/// Start and width of bins from `low` on, about a fiftieth of the range wide. Bins end
/// where the gap between the classes starts, and start where it ends, or at least meet in
/// the middle of a narrow one.
fn bins(low: f64, high: f64, gap: Option<(f64, f64)>) -> (f64, f64) {
    let width = (high - low) / BINS as f64;
    let (edge, width) = match gap {
        None => (low, width),
        Some((from, to)) if to - from < 0.7 * width => ((from + to) / 2.0, width),
        Some((from, to)) => {
            // The values at its ends lie outside of the gap.
            let rounding = 1e-6 * (to - from);
            (from + rounding, (to - from - 2.0 * rounding) / ((to - from) / width).round().max(1.0))
        }
    };
    (edge - ((edge - low) / width).ceil() * width, width)
}

/// A range of positive length around values that (nearly) coincide.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let magnitude = low.abs().max(high.abs());
    match high - low <= 1e-5 * magnitude || high == low {
        true => (low - 0.05 * magnitude.max(0.5), high + 0.05 * magnitude.max(0.5)),
        false => (low, high),
    }
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
    if panels.iter().any(|panel| panel.band().is_some()) {
        legend.push(entry("b_rel ± m", Colour::BAND.tint(0.45), Key::Area));
    }
    legend
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn separated_classes_share_no_bin_and_no_value_is_lost(
            matching in prop::collection::vec(0.01_f32..1.0, 1..50),
            others in prop::collection::vec(-1.0_f32..-0.01, 1..50),
            b_rel in -1.0_f32..1.0,
        ) {
            let [matching, others] = [matching, others].map(|s| s.iter().map(|s| s + b_rel).collect::<Vec<_>>());
            let histogram = Histogram::new("", &matching, &others).unwrap();
            let [first, second] = &histogram.counts;
            prop_assert_eq!(first.iter().sum::<u64>(), matching.len() as u64);
            prop_assert_eq!(second.iter().sum::<u64>(), others.len() as u64);
            prop_assert!(first.iter().zip(second).all(|(a, b)| *a == 0 || *b == 0));
            prop_assert!((30..=80).contains(&first.len()), "{} bins", first.len());
        }

        #[test]
        fn no_bar_reaches_into_a_wide_gap(
            matching in prop::collection::vec(0.1_f32..1.0, 1..50),
            others in prop::collection::vec(-1.0_f32..-0.1, 1..50),
        ) {
            let histogram = Histogram::new("", &matching, &others).unwrap();
            let (from, to) = gap(&matching, &others).unwrap();
            let ends = |class, last: bool| {
                let bins: Vec<usize> = histogram.densities(class).map(|(bin, _)| bin).collect();
                if last { histogram.start(bins[bins.len() - 1] + 1) } else { histogram.start(bins[0]) }
            };
            prop_assert!(ends(1, true) <= from + 1e-5 && ends(0, false) >= to - 1e-5);
        }

        #[test]
        fn counted_values_keep_their_density(
            counts in prop::collection::vec(0_u64..1000, 1..400),
            start in -1.0_f64..1.0,
        ) {
            prop_assume!(counts.iter().any(|count| *count > 0));
            let none = vec![0; counts.len()];
            let histogram = Histogram::from_counts("", start, start + 2.0, &counts, &none).unwrap();
            prop_assert!(histogram.counts[0].len() <= MOST_BINS);
            let area: f64 = histogram.densities(0).map(|(_, density)| density * histogram.width).sum();
            prop_assert!((area - 1.0).abs() < 1e-9);
            prop_assert_eq!(histogram.counts[0].iter().sum::<u64>(), counts.iter().sum::<u64>());
        }
    }
}
