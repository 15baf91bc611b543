//! The page: title, legend, and a grid of panels with their axes.

use super::axes::{Ruler, Tick};
use super::canvas::{Canvas, Pen, Point, Rect};
use super::style::{self, Colour};
use super::text::{self, Anchor};
use crate::{Error, Result};

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

/// Distance of a legend's label to its key, and to the next entry.
const KEY_GAP: f64 = 9.0;
const ENTRY_GAP: f64 = 30.0;

/// A page of width `width` with `title` and `legend` above `height` pixels for what it shows.
///
/// # Errors
/// [`Error::Figure`] if it would be too large to look at.
pub(super) fn page(title: &str, legend: &[Entry], width: f64, height: f64) -> Result<(Canvas, Rect)> {
    let room = width - 2.0 * style::BORDER;
    let title = if title.is_empty() { vec![] } else { text::wrap_to(4, title, style::TITLE, room) };
    let rows = legend_rows(legend, room);
    let title_row = style::LEADING * style::TITLE;
    let below = |rows: usize, gap: f64| if rows == 0 { 0.0 } else { gap };
    let title_height = title.len() as f64 * title_row + below(title.len(), 8.0);
    let legend_height = rows.len() as f64 * LEGEND_ROW + below(rows.len(), 6.0);
    let border = style::BORDER * 0.75;
    let total = border + title_height + legend_height + height + border;
    if width > MOST_PIXELS || total > MOST_PIXELS {
        return Err(Error::Figure(format!(
            "{title:?} would take {width:.0} x {total:.0} pixels, expected at most {MOST_PIXELS}: draw several figures"
        )));
    }
    let mut canvas = Canvas::new(width.round() as u32, total.round() as u32);
    for (k, line) in title.iter().enumerate() {
        let at = (width / 2.0, border + (k as f64 + 0.5) * title_row);
        canvas.text(line, at, style::TITLE, Colour::TEXT, Anchor::CENTRE);
    }
    draw_legend(&mut canvas, &rows, room, border + title_height);
    let top = border + title_height + legend_height;
    Ok((canvas, Rect { left: style::BORDER, top, right: width - style::BORDER, bottom: top + height }))
}

/// Largest side of a figure, and least width of a panel.
const MOST_PIXELS: f64 = 4000.0;
const LEAST_PANEL: f64 = 100.0;
const LEGEND_ROW: f64 = 1.45 * style::LABEL;

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
fn legend_rows(legend: &[Entry], room: f64) -> Vec<&[Entry]> {
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
fn draw_legend(canvas: &mut Canvas, rows: &[&[Entry]], room: f64, top: f64) {
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
        let y = top + (k as f64 + 0.5) * LEGEND_ROW;
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

/// Smallest distance between the labels of a y axis.
const Y_SPACING: f64 = 52.0;

fn widest_tick(y: &Ruler, height: f64) -> f64 {
    y.ticks(height, Y_SPACING).iter().map(|tick| text::width(&tick.label, style::TICK)).fold(0.0, f64::max)
}

/// Width of a page, and height of a panel, by the number of columns.
fn sizes(columns: usize) -> (f64, f64) {
    match columns {
        1 => (1000.0, 500.0),
        2 => (1300.0, 400.0),
        3 => (1500.0, 360.0),
        _ => (1600.0, 320.0),
    }
}

/// How panels are laid out.
pub(super) struct Grid {
    /// Panels in a row.
    pub(super) columns: usize,
    /// Least height of a panel.
    pub(super) least_height: f64,
    /// Room kept free at the right of each panel.
    pub(super) right: f64,
}

impl Grid {
    pub(super) fn columns(columns: usize) -> Self {
        Self { columns, least_height: 0.0, right: 0.0 }
    }
}

/// Lays `cells` out in rows and draws everything but the data. Axes that
/// have the same label and scale in all panels get the same range and are labelled
/// only at the left and at the bottom.
///
/// # Errors
/// [`Error::Figure`] if the panels would be too narrow, or the page too large.
pub(super) fn panels(
    title: &str,
    legend: &[Entry],
    grid: Grid,
    mut cells: Vec<Cell>,
) -> Result<(Canvas, Vec<Frame>)> {
    let shared = (share(&mut cells, |cell| &mut cell.x), share(&mut cells, |cell| &mut cell.y));
    let columns = grid.columns.clamp(1, cells.len().max(1));
    let (width, panel_height) = sizes(columns);
    let panel_height = panel_height.max(grid.least_height);
    let right = grid.right;
    let grid = Measures::new(&cells, columns, (width - right * columns as f64, panel_height), shared);
    let height = grid.rows.iter().map(|row| row.title + panel_height + row.below).sum();
    if grid.width < LEAST_PANEL {
        return Err(Error::Figure(format!(
            "{title:?}: {columns} columns leave {:.0} pixels for a panel: use fewer columns or shorter names",
            grid.width
        )));
    }
    let (mut canvas, body) = page(title, legend, width, height)?;
    let mut frames = Vec::new();
    let mut top = body.top;
    for (row, cells) in cells.chunks(columns).enumerate() {
        top += grid.rows[row].title;
        let mut left = body.left;
        for (column, cell) in cells.iter().enumerate() {
            left += grid.insets[column];
            let area = Rect { left, top, right: left + grid.width, bottom: top + panel_height };
            let index = row * columns + column;
            let labels = (grid.x_labelled(index), grid.y_labelled(index));
            draw_axes(&mut canvas, cell, area, labels);
            frames.push(Frame { area, x: cell.x.clone(), y: cell.y.clone() });
            left += grid.width + right;
        }
        top += panel_height + grid.rows[row].below;
    }
    Ok((canvas, frames))
}

/// Gives all rulers that `of` picks a common range if they measure the same thing.
fn share(cells: &mut [Cell], of: impl Fn(&mut Cell) -> &mut Ruler) -> bool {
    let rulers: Vec<Ruler> = cells.iter_mut().map(|cell| of(cell).clone()).collect();
    let quantity = |ruler: &Ruler| (ruler.quantity.clone(), ruler.scale);
    let same = rulers.windows(2).all(|pair| quantity(&pair[0]) == quantity(&pair[1]));
    let union = rulers.iter().cloned().reduce(|a, b| a.union(&b));
    if let (true, Some(union)) = (same, union) {
        cells.iter_mut().for_each(|cell| *of(cell) = union.clone());
    }
    same
}

/// Distances between panels.
struct Measures {
    count: usize,
    columns: usize,
    /// Width of a panel.
    width: f64,
    /// Room left of each column, for the labels of its y axes.
    insets: Vec<f64>,
    rows: Vec<Row>,
    shared: (bool, bool),
}

/// Room above and below the panels of a row.
struct Row {
    title: f64,
    below: f64,
}

impl Measures {
    fn new(cells: &[Cell], columns: usize, (width, panel_height): (f64, f64), shared: (bool, bool)) -> Self {
        let mut grid = Self {
            count: cells.len(),
            columns,
            width: 0.0,
            insets: vec![22.0; columns],
            rows: vec![],
            shared,
        };
        for (index, cell) in cells.iter().enumerate().filter(|(index, _)| grid_y(*index, columns, shared)) {
            let inset = widest_tick(&cell.y, panel_height)
                + 10.0
                + if cell.y.quantity.is_empty() { 4.0 } else { style::LABEL * 1.5 };
            let gap = if index % columns == 0 { 0.0 } else { 20.0 };
            grid.insets[index % columns] = f64::max(grid.insets[index % columns], inset + gap);
        }
        grid.insets[0] = f64::max(grid.insets[0], 10.0);
        let room = width - 2.0 * style::BORDER - 12.0 - grid.insets.iter().sum::<f64>();
        grid.width = (room / columns as f64).floor();
        grid.rows = cells.chunks(columns).enumerate().map(|(row, cells)| grid.row(row, cells)).collect();
        grid
    }

    fn row(&self, row: usize, cells: &[Cell]) -> Row {
        let lines = |cell: &Cell| match cell.title.is_empty() {
            true => 0,
            false => text::wrap(&cell.title, style::LABEL, self.width).len(),
        };
        let title_lines = cells.iter().map(lines).max().unwrap_or(0);
        let labelled = (0..cells.len()).any(|column| self.x_labelled(row * self.columns + column));
        let ticks = if labelled { style::TICK * 1.75 } else { 0.0 };
        let label_lines =
            cells.iter().map(|cell| x_label_lines(&cell.x, self.width).len()).max().unwrap_or(0);
        let label = if labelled { label_lines as f64 * style::LABEL * style::LEADING } else { 0.0 };
        let last = (row + 1) * self.columns >= self.count;
        let gap = if last { 0.0 } else { 18.0 };
        let title = title_lines as f64 * style::LABEL * style::LEADING;
        Row { title: if title_lines > 0 { title + 6.0 } else { 6.0 }, below: ticks + label + gap }
    }

    /// Whether the x axis of this panel is labelled: there is no panel below it, or it is its own.
    fn x_labelled(&self, index: usize) -> bool {
        !self.shared.0 || index + self.columns >= self.count
    }

    fn y_labelled(&self, index: usize) -> bool {
        grid_y(index, self.columns, self.shared)
    }
}

fn grid_y(index: usize, columns: usize, shared: (bool, bool)) -> bool {
    !shared.1 || index % columns == 0
}

fn x_label_lines(x: &Ruler, room: f64) -> Vec<String> {
    if x.quantity.is_empty() { vec![] } else { text::wrap(&x.label(), style::LABEL, room) }
}

/// Grid lines, ticks, labels, title and frame of one panel.
fn draw_axes(canvas: &mut Canvas, cell: &Cell, area: Rect, labels: (bool, bool)) {
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
            let at = (x.clamp(area.left + overhang, area.right - overhang), area.bottom + 10.0);
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
    draw_frame(canvas, area);
    draw_labels(canvas, cell, area, labels);
}

/// Axes at the left and at the bottom.
pub(super) fn draw_frame(canvas: &mut Canvas, area: Rect) {
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
