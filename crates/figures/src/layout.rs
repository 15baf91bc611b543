//! The page: title, legend, and a grid of panels.

use crate::axes::Ruler;
use crate::canvas::{Canvas, Rect};
use crate::error::{Error, Result};
use crate::frame::{self, Cell, Frame};
use crate::legend::{self, Entry};
use crate::style::{self, Colour};
use crate::text::{self, Anchor};

/// A page of width `width` with `title` and `legend` above `height` pixels for what it shows.
///
/// # Errors
/// [`Error::Figure`] if it would be too large to look at.
pub(super) fn page(title: &str, legend: &[Entry], width: f64, height: f64) -> Result<(Canvas, Rect)> {
    let room = width - 2.0 * style::BORDER;
    let title = if title.is_empty() { vec![] } else { text::wrap_to(4, title, style::TITLE, room) };
    let rows = legend::rows(legend, room);
    let title_row = style::LEADING * style::TITLE;
    let below = |rows: usize, gap: f64| if rows == 0 { 0.0 } else { gap };
    let title_height = title.len() as f64 * title_row + below(title.len(), 8.0);
    let legend_height = rows.len() as f64 * legend::ROW + below(rows.len(), 6.0);
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
    legend::draw(&mut canvas, &rows, room, border + title_height);
    let top = border + title_height + legend_height;
    Ok((canvas, Rect { left: style::BORDER, top, right: width - style::BORDER, bottom: top + height }))
}

/// Largest side of a figure, and least width of a panel.
const MOST_PIXELS: f64 = 4000.0;
const LEAST_PANEL: f64 = 100.0;
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
            frames.push(frame::draw(&mut canvas, cell, area, labels));
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
            let inset = frame::widest_tick(&cell.y, panel_height)
                + 10.0
                + if cell.y.quantity.is_empty() { 4.0 } else { style::LABEL * 1.5 };
            let gap = if index.is_multiple_of(columns) { 0.0 } else { 20.0 };
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
            cells.iter().map(|cell| frame::x_label_lines(&cell.x, self.width).len()).max().unwrap_or(0);
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
    !shared.1 || index.is_multiple_of(columns)
}
