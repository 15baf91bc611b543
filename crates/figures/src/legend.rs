//! The legend: what stands for which series. Plotters lists the labels of a chart below
//! each other inside it; ours is such lists side by side, above all panels.

use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::element::{DashedPathElement, EmptyElement, IntoDynElement as _, PathElement, Rectangle};
use plotters::style::{Color as _, ShapeStyle};

use crate::canvas::Area;
use crate::error::Result;
use crate::marks::{self, Mark};
use crate::style::{self, Colour, PIXEL};
use crate::text;

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) label: String,
    pub(super) colour: Colour,
    pub(super) key: Key,
}

/// What stands for a series in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Line,
    Dashed,
    Dot,
    LineAndDot,
    Trajectory,
    LineInBand,
    Area,
}

/// Length of a key, half the height of an area, and the distance to the next entry.
const KEY: i32 = 38 * PIXEL;
const HALF: i32 = 7 * PIXEL;
const GAP: i32 = 30 * PIXEL;

impl Entry {
    pub(super) fn new(label: &str, colour: Colour, key: Key) -> Self {
        Self { label: label.to_owned(), colour, key }
    }

    /// Room for the key, before the label.
    fn key_room(&self) -> i32 {
        9 * PIXEL + if self.key == Key::Dot { 2 * style::DOT + 2 * PIXEL } else { KEY }
    }

    /// Draws the key to the right of a point.
    fn mark(&self, (x, y): (i32, i32)) -> Mark<(i32, i32)> {
        let curve: ShapeStyle = self.colour.stroke_width(style::CURVE);
        let line = |from: i32| PathElement::new([(from, 0), (KEY - from, 0)], curve);
        let area = |style: ShapeStyle| Rectangle::new([(0, -HALF), (KEY, HALF)], style);
        let at = EmptyElement::at((x, y));
        match self.key {
            Key::Line => (at + line(0)).into_dyn(),
            Key::Dashed => {
                let (on, off) = style::DASH;
                (at + DashedPathElement::new([(0, 0), (KEY, 0)], on, off, curve)).into_dyn()
            }
            Key::Dot => marks::disc((x + style::DOT + PIXEL, y), style::DOT + PIXEL, 0, self.colour),
            Key::LineAndDot => {
                (at + line(0) + marks::disc((KEY / 2, 0), style::DOT, 0, self.colour)).into_dyn()
            }
            Key::Trajectory => {
                let start = marks::start((8 * PIXEL, 0), self.colour);
                let end = marks::end((KEY - 8 * PIXEL, 0), self.colour);
                (at + line(8 * PIXEL) + start + end).into_dyn()
            }
            Key::LineInBand => (at + area(self.colour.mix(0.25).filled()) + line(0)).into_dyn(),
            Key::Area => (at + area(self.colour.filled())).into_dyn(),
        }
    }
}

/// The labels without repetitions, in their order.
pub(super) fn unique<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    labels.for_each(|label| {
        if !unique.contains(&label) {
            unique.push(label);
        }
    });
    unique
}

/// Entries in columns, row by row.
pub(super) struct Legend<'a> {
    columns: Vec<Vec<&'a Entry>>,
}

impl<'a> Legend<'a> {
    /// The legend of as few rows as fit into `room`, of about equal length.
    pub(super) fn new(entries: &'a [Entry], room: i32) -> Self {
        let of = |columns: usize| Self {
            columns: (0..columns).map(|k| entries.iter().skip(k).step_by(columns).collect()).collect(),
        };
        let fits = |columns: &usize| of(*columns).widths().iter().sum::<i32>() - GAP <= room;
        let most = (1..=entries.len()).rev().find(fits).unwrap_or(1);
        let even = entries.len().div_ceil(entries.len().div_ceil(most).max(1));
        of(Some(even).filter(fits).unwrap_or(most))
    }

    fn widths(&self) -> Vec<i32> {
        let label = |entry: &&Entry| text::width(&entry.label, style::TICK);
        let most = |column: &[&Entry], of: &dyn Fn(&&Entry) -> i32| column.iter().map(of).max().unwrap_or(0);
        self.columns
            .iter()
            .map(|column| most(column, &|entry| entry.key_room()) + most(column, &label) + GAP)
            .collect()
    }

    pub(super) fn height(&self) -> i32 {
        style::TICK * 5 / 4 * self.columns.first().map_or(0, Vec::len) as i32
    }

    /// Draws the columns in the middle of `strip`.
    pub(super) fn draw(&self, strip: &Area) -> Result<()> {
        let widths = self.widths();
        let mut left = (strip.dim_in_pixel().0 as i32 - widths.iter().sum::<i32>() + GAP) / 2;
        for (column, width) in self.columns.iter().zip(widths) {
            let mut list = ChartBuilder::on(strip).build_cartesian_2d(0..1, 0..1)?;
            for entry in column {
                let entry = (*entry).clone();
                let series = list.draw_series(None::<EmptyElement<_, _>>)?;
                series.label(&entry.label).legend(move |at| entry.mark(at));
            }
            list.configure_series_labels()
                .position(SeriesLabelPosition::Coordinate(left, 0))
                .legend_area_size(column.iter().map(|entry| entry.key_room()).max().unwrap_or(0))
                .margin(0)
                .label_font(style::text(style::TICK))
                .draw()?;
            left += width;
        }
        Ok(())
    }
}
