//! A panel's frame: where its data lie on the page, its axes, labels and title.

use crate::axes::Ruler;
use crate::canvas::{Canvas, Pen, Point, Rect};
use crate::style::{self, Colour};
use crate::text::{self, Anchor};
use crate::ticks::Tick;

/// What a panel shows beside its data.
pub(super) struct Cell {
    pub(super) title: String,
    pub(super) x: Ruler,
    pub(super) y: Ruler,
}

/// A panel with its place on the page.
pub(super) struct Frame {
    pub(super) area: Rect,
    x: Ruler,
    y: Ruler,
}

impl Frame {
    /// Where the point (x, y) of the data lies on the page.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (self.at_x(x), self.at_y(y))
    }

    pub(super) fn at_x(&self, x: f64) -> f64 {
        self.area.left + visible(self.x.place(x)) * self.area.width()
    }

    pub(super) fn at_y(&self, y: f64) -> f64 {
        self.area.bottom - visible(self.y.place(y)) * self.area.height()
    }
}

/// Far outside is outside: keeps coordinates on the page within their range.
fn visible(place: f64) -> f64 {
    place.clamp(-20.0, 20.0)
}

/// Smallest distance between the labels of a y axis.
const Y_SPACING: f64 = 52.0;

/// Width of the widest label of a y axis.
pub(super) fn widest_tick(y: &Ruler, height: f64) -> f64 {
    y.ticks(height, Y_SPACING).iter().map(|tick| text::width(&tick.label, style::TICK)).fold(0.0, f64::max)
}

pub(super) fn x_label_lines(x: &Ruler, room: f64) -> Vec<String> {
    if x.quantity.is_empty() { vec![] } else { text::wrap(&x.label(), style::LABEL, room) }
}

/// Draws grid lines, ticks, labels, title and frame of one panel; `labels` says whether
/// the x axis and the y axis are labelled.
pub(super) fn draw(canvas: &mut Canvas, cell: &Cell, area: Rect, labels: (bool, bool)) -> Frame {
    let x_ticks: Vec<Tick> = cell.x.ticks_along(area.width(), style::TICK);
    let y_ticks: Vec<Tick> = cell.y.ticks(area.height(), Y_SPACING);
    let across = |place: f64| area.left + place * area.width();
    let up = |place: f64| area.bottom - place * area.height();
    let hair = |colour| Pen::solid(colour, style::HAIRLINE);
    for tick in x_ticks.iter().filter(|tick| !tick.label.is_empty()) {
        canvas.line(&[(across(tick.place), area.top), (across(tick.place), area.bottom)], hair(Colour::GRID));
    }
    for tick in y_ticks.iter().filter(|tick| !tick.label.is_empty()) {
        canvas.line(&[(area.left, up(tick.place)), (area.right, up(tick.place))], hair(Colour::GRID));
    }
    for tick in &x_ticks {
        let length = if tick.label.is_empty() { 3.0 } else { 6.0 };
        let x = across(tick.place);
        canvas.line(&[(x, area.bottom), (x, area.bottom + length)], hair(Colour::FRAME));
        if labels.0 {
            // Labels at the ends must not reach into the panels beside this one.
            let overhang = (text::width(&tick.label, style::TICK) / 2.0 - 13.0).max(0.0);
            let at = (x.max(area.left + overhang).min(area.right - overhang), area.bottom + 10.0);
            canvas.text(&tick.label, at, style::TICK, Colour::TEXT, Anchor::TOP);
        }
    }
    for tick in &y_ticks {
        let length = if tick.label.is_empty() { 3.0 } else { 6.0 };
        let y = up(tick.place);
        canvas.line(&[(area.left - length, y), (area.left, y)], hair(Colour::FRAME));
        if labels.1 {
            canvas.text(&tick.label, (area.left - 10.0, y), style::TICK, Colour::TEXT, Anchor::RIGHT);
        }
    }
    draw_lines(canvas, area);
    draw_labels(canvas, cell, area, labels);
    Frame { area, x: cell.x.clone(), y: cell.y.clone() }
}

/// Axes at the left and at the bottom.
pub(super) fn draw_lines(canvas: &mut Canvas, area: Rect) {
    let corners = [(area.left, area.top), (area.left, area.bottom), (area.right, area.bottom)];
    canvas.line(&corners, Pen::solid(Colour::FRAME, 1.4));
}

fn draw_labels(canvas: &mut Canvas, cell: &Cell, area: Rect, labels: (bool, bool)) {
    let (centre_x, centre_y) = area.centre();
    let leading = style::LABEL * style::LEADING;
    if labels.0 {
        for (k, line) in x_label_lines(&cell.x, area.width()).iter().enumerate() {
            let y = area.bottom + style::TICK * 2.0 + k as f64 * leading;
            canvas.text(line, (centre_x, y), style::LABEL, Colour::TEXT, Anchor::TOP);
        }
    }
    if labels.1 && !cell.y.quantity.is_empty() {
        let label = cell.y.label();
        let size = fitting_size(&label, style::LABEL, area.height() + 30.0);
        let x = area.left - 10.0 - widest_tick(&cell.y, area.height()) - style::LABEL * 1.35;
        canvas.text(&label, (x, centre_y), size, Colour::TEXT, Anchor::UPRIGHT);
    }
    if !cell.title.is_empty() {
        let lines = text::wrap(&cell.title, style::LABEL, area.width());
        for (k, line) in lines.iter().rev().enumerate() {
            let y = area.top - 6.0 - k as f64 * leading;
            canvas.text(line, (centre_x, y), style::LABEL, Colour::TEXT, Anchor::BOTTOM);
        }
    }
}

/// The font size, at most `size`, at which `text` is at most `room` wide.
fn fitting_size(text: &str, size: f64, room: f64) -> f64 {
    size * (room / text::width(text, size)).min(1.0)
}
