//! The page: title, legend, and a grid of panels with their axes.

use super::axes::{Ruler, Tick};
use super::canvas::{Canvas, Pen, Point, Rect};
use super::style::{self, Colour};
use super::text::{self, Anchor};

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

/// Length of a legend's key, and its distance to the label and to the next entry.
const KEY: f64 = 38.0;
const KEY_GAP: f64 = 9.0;
const ENTRY_GAP: f64 = 30.0;

/// A page of width `width` with `title` and `legend` above `height` pixels for what it shows.
pub(super) fn page(title: &str, legend: &[Entry], width: f64, height: f64) -> (Canvas, Rect) {
    let room = width - 2.0 * style::BORDER;
    let title = if title.is_empty() { vec![] } else { text::wrap(title, style::TITLE, room) };
    let rows = legend_rows(legend, room);
    let title_height = style::LEADING * style::TITLE;
    let legend_height = 1.45 * style::LABEL;
    let mut top = style::BORDER * 0.75;
    let above = title.len() as f64 * title_height
        + rows.len() as f64 * legend_height
        + if rows.is_empty() { 0.0 } else { 6.0 }
        + if title.is_empty() { 0.0 } else { 8.0 };
    let total = top + above + height + style::BORDER * 0.75;
    let mut canvas = Canvas::new(width.round() as u32, total.round() as u32);
    for line in &title {
        canvas.text(
            line,
            (width / 2.0, top + title_height / 2.0),
            style::TITLE,
            Colour::TEXT,
            Anchor::CENTRE,
        );
        top += title_height;
    }
    top += if title.is_empty() { 0.0 } else { 8.0 };
    for row in rows {
        draw_legend_row(&mut canvas, row, (width / 2.0, top + legend_height / 2.0));
        top += legend_height;
    }
    let top = if legend.is_empty() { top } else { top + 6.0 };
    (canvas, Rect { left: style::BORDER, top, right: width - style::BORDER, bottom: top + height })
}

fn entry_width(entry: &Entry) -> f64 {
    KEY + KEY_GAP + text::width(&entry.label, style::TICK)
}

fn legend_rows(legend: &[Entry], room: f64) -> Vec<&[Entry]> {
    let fits = |row: &[Entry]| row.iter().map(|entry| entry_width(entry) + ENTRY_GAP).sum::<f64>() <= room;
    let mut rows = Vec::new();
    let mut start = 0;
    for end in 1..=legend.len() {
        if end == legend.len() || (!fits(&legend[start..=end])) {
            rows.push(&legend[start..end]);
            start = end;
        }
    }
    // Rows of about equal length look calmer than a full one above a lonely entry.
    let even = legend.len().div_ceil(rows.len().max(1)).max(1);
    let balanced: Vec<_> = legend.chunks(even).collect();
    if balanced.len() == rows.len() && balanced.iter().all(|row| fits(row)) { balanced } else { rows }
}

fn draw_legend_row(canvas: &mut Canvas, row: &[Entry], centre: Point) {
    let total = row.iter().map(|entry| entry_width(entry) + ENTRY_GAP).sum::<f64>() - ENTRY_GAP;
    let mut x = centre.0 - total / 2.0;
    for entry in row {
        draw_key(canvas, entry, (x, centre.1));
        let at = (x + KEY + KEY_GAP, centre.1);
        canvas.text(&entry.label, at, style::TICK, Colour::TEXT, Anchor::LEFT);
        x += entry_width(entry) + ENTRY_GAP;
    }
}

fn draw_key(canvas: &mut Canvas, entry: &Entry, (x, y): Point) {
    let ends = [(x, y), (x + KEY, y)];
    let area = Rect { left: x + 4.0, top: y - 8.0, right: x + KEY, bottom: y + 8.0 };
    match entry.key {
        Key::Line => canvas.line(&ends, Pen::solid(entry.colour, style::CURVE)),
        Key::Dashed => canvas.line(&ends, Pen::dashed(entry.colour, style::CURVE)),
        Key::Dot => canvas.disc((x + KEY - 10.0, y), style::DOT, entry.colour),
        Key::LineAndDot => {
            canvas.line(&ends, Pen::solid(entry.colour, style::CURVE));
            canvas.disc((x + KEY / 2.0, y), style::DOT, entry.colour);
        }
        Key::Trajectory => {
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

/// Width of a page, and height of a panel, by the number of columns.
fn sizes(columns: usize) -> (f64, f64) {
    match columns {
        1 => (1000.0, 500.0),
        2 => (1300.0, 400.0),
        3 => (1500.0, 360.0),
        _ => (1600.0, 320.0),
    }
}

/// Lays `cells` out in rows of `columns` and draws everything but the data. Axes that
/// have the same label and scale in all panels get the same range and are labelled
/// only at the left and at the bottom.
pub(super) fn panels(
    title: &str,
    legend: &[Entry],
    columns: usize,
    mut cells: Vec<Cell>,
) -> (Canvas, Vec<Frame>) {
    let shared = (share(&mut cells, |cell| &mut cell.x), share(&mut cells, |cell| &mut cell.y));
    let columns = columns.clamp(1, cells.len().max(1));
    let (width, panel_height) = sizes(columns);
    let grid = Grid::new(&cells, columns, width, panel_height, shared);
    let height = grid.rows.iter().map(|row| row.title + panel_height + row.below).sum();
    let (mut canvas, body) = page(title, legend, width, height);
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
            draw_axes(&mut canvas, cell, area, labels, grid.insets[column]);
            frames.push(Frame { area, x: cell.x.clone(), y: cell.y.clone() });
            left += grid.width;
        }
        top += panel_height + grid.rows[row].below;
    }
    (canvas, frames)
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

/// Distances of a grid of panels.
struct Grid {
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

impl Grid {
    fn new(cells: &[Cell], columns: usize, width: f64, panel_height: f64, shared: (bool, bool)) -> Self {
        let mut grid = Self {
            count: cells.len(),
            columns,
            width: 0.0,
            insets: vec![22.0; columns],
            rows: vec![],
            shared,
        };
        for (index, cell) in cells.iter().enumerate().filter(|(index, _)| grid_y(*index, columns, shared)) {
            let widest = cell
                .y
                .ticks(panel_height, 48.0)
                .iter()
                .map(|tick| text::width(&tick.label, style::TICK))
                .fold(0.0, f64::max);
            let inset = widest + 14.0 + if cell.y.quantity.is_empty() { 4.0 } else { style::LABEL * 1.5 };
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
        let ticks = if labelled { style::TICK * 1.6 } else { 0.0 };
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
fn draw_axes(canvas: &mut Canvas, cell: &Cell, area: Rect, labels: (bool, bool), inset: f64) {
    let x_ticks: Vec<Tick> = cell.x.ticks_along(area.width(), style::TICK);
    let y_ticks: Vec<Tick> = cell.y.ticks(area.height(), 48.0);
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
            let at = (x, area.bottom + 10.0);
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
    draw_labels(canvas, cell, area, labels, inset);
}

/// Axes at the left and at the bottom.
pub(super) fn draw_frame(canvas: &mut Canvas, area: Rect) {
    let corners = [(area.left, area.top), (area.left, area.bottom), (area.right, area.bottom)];
    canvas.line(&corners, Pen::solid(Colour::FRAME, 1.4));
}

fn draw_labels(canvas: &mut Canvas, cell: &Cell, area: Rect, labels: (bool, bool), inset: f64) {
    let (centre_x, centre_y) = area.centre();
    let leading = style::LABEL * style::LEADING;
    if labels.0 {
        for (k, line) in x_label_lines(&cell.x, area.width()).iter().enumerate() {
            let y = area.bottom + style::TICK * 1.9 + k as f64 * leading;
            canvas.text(line, (centre_x, y), style::LABEL, Colour::TEXT, Anchor::TOP);
        }
    }
    if labels.1 && !cell.y.quantity.is_empty() {
        let label = cell.y.label();
        let size = fitting_size(&label, style::LABEL, area.height() + 30.0);
        let widest = inset - style::LABEL * 0.1;
        let x = (area.left - widest).max(style::BORDER * 0.5);
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
