//! The legend: what stands for which series.

use crate::canvas::{Canvas, Pen, Point, Rect};
use crate::style::{self, Colour};
use crate::text::{self, Anchor};

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

/// Height of a row.
pub(super) const ROW: f64 = 1.45 * style::LABEL;
/// Distance of an entry's label to its key, and to the next entry.
const KEY_GAP: f64 = 9.0;
const ENTRY_GAP: f64 = 30.0;

/// Length of an entry's key.
fn key_length(key: Key) -> f64 {
    match key {
        Key::Dot => 2.0 * style::DOT + 2.0,
        Key::Trajectory => 40.0,
        _ => 38.0,
    }
}

fn entry_width(entry: &Entry) -> f64 {
    key_length(entry.key) + KEY_GAP + text::width(&entry.label, style::TICK) + ENTRY_GAP
}

/// The entries in as few rows as fit, of about equal length.
pub(super) fn rows(legend: &[Entry], room: f64) -> Vec<&[Entry]> {
    let fits = |row: &[Entry]| row.iter().map(entry_width).sum::<f64>() - ENTRY_GAP <= room;
    let mut rows = Vec::new();
    let mut start = 0;
    for end in 1..=legend.len() {
        if end == legend.len() || !fits(&legend[start..=end]) {
            rows.push(&legend[start..end]);
            start = end;
        }
    }
    let even = legend.len().div_ceil(rows.len().max(1)).max(1);
    let balanced: Vec<_> = legend.chunks(even).collect();
    if balanced.iter().all(|row| fits(row)) { balanced } else { rows }
}

/// Draws the rows below each other, in common columns if those fit.
pub(super) fn draw(canvas: &mut Canvas, rows: &[&[Entry]], room: f64, top: f64) {
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column: usize| {
        let entries = rows.iter().filter_map(|row| row.get(column));
        entries.map(entry_width).fold(0.0, f64::max)
    };
    let widths: Vec<f64> = (0..columns).map(width).collect();
    let total = widths.iter().sum::<f64>() - ENTRY_GAP;
    let centre = f64::from(canvas.size().0) / 2.0;
    for (k, row) in rows.iter().enumerate() {
        let own: Vec<f64> = row.iter().map(entry_width).collect();
        let own_total = own.iter().sum::<f64>() - ENTRY_GAP;
        let (widths, total) = if total <= room { (&widths, total) } else { (&own, own_total) };
        let y = top + (k as f64 + 0.5) * ROW;
        let mut x = centre - total / 2.0;
        for (entry, width) in row.iter().zip(widths) {
            draw_key(canvas, entry, (x, y));
            let at = (x + key_length(entry.key) + KEY_GAP, y);
            canvas.text(&entry.label, at, style::TICK, Colour::TEXT, Anchor::LEFT);
            x += width;
        }
    }
}

fn draw_key(canvas: &mut Canvas, entry: &Entry, (x, y): Point) {
    let length = key_length(entry.key);
    let ends = [(x, y), (x + length, y)];
    let area = Rect { left: x + 4.0, top: y - 8.0, right: x + length, bottom: y + 8.0 };
    match entry.key {
        Key::Line => canvas.line(&ends, Pen::solid(entry.colour, style::CURVE)),
        Key::Dashed => canvas.line(&ends, Pen::dashed(entry.colour, style::CURVE)),
        Key::Dot => canvas.disc((x + length / 2.0, y), style::DOT + 1.0, entry.colour),
        Key::LineAndDot => {
            canvas.line(&ends, Pen::solid(entry.colour, style::CURVE));
            canvas.disc((x + length / 2.0, y), style::DOT, entry.colour);
        }
        Key::Trajectory => {
            let ends = [(x + 8.0, y), (x + length - 8.0, y)];
            canvas.line(&ends, Pen::solid(entry.colour, style::CURVE));
            start_mark(canvas, ends[0], entry.colour);
            end_mark(canvas, ends[1], entry.colour);
        }
        Key::LineInBand => {
            canvas.rectangle(area, entry.colour, 0.25);
            canvas.line(&[(area.left, y), (area.right, y)], Pen::solid(entry.colour, style::CURVE));
        }
        Key::Area => canvas.rectangle(area, entry.colour, 1.0),
    }
}

/// The open circle where a trajectory starts.
pub(super) fn start_mark(canvas: &mut Canvas, at: Point, colour: Colour) {
    canvas.disc(at, style::DOT + 1.5, colour);
    canvas.disc(at, style::DOT - 0.7, Colour::WHITE);
}

/// The filled circle where a trajectory ends.
pub(super) fn end_mark(canvas: &mut Canvas, at: Point, colour: Colour) {
    canvas.disc(at, style::DOT + 3.0, Colour::WHITE);
    canvas.disc(at, style::DOT + 1.5, colour);
}
