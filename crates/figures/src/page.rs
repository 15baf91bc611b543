//! The page: title, legend, and a grid of panels.

use std::cell::RefCell;
use std::rc::Rc;

use crate::canvas::{Area, Canvas};
use crate::encode;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::legend::{Entry, Legend};
use crate::panel::{Cell, Chart, Room};
use crate::ruler::Ruler;
use crate::style::{self, PIXEL};
use crate::text;

/// A page with its title and legend, and the area below them.
pub(super) struct Page {
    canvas: Rc<RefCell<Canvas>>,
    pub(super) body: Area,
}

/// Largest side of a figure, and least width of a panel.
const MOST: i32 = 4000 * PIXEL;
const LEAST_PANEL: i32 = 100 * PIXEL;

impl Page {
    /// A page of `width` with `title` and `legend` above `height` points for what it shows.
    ///
    /// # Errors
    /// [`Error::Figure`] if it would be too large to look at.
    pub(super) fn new(title: &str, legend: &[Entry], width: i32, height: i32) -> Result<Self> {
        let room = width - 2 * style::BORDER;
        let lines = text::wrap_to(4, title, style::TITLE, room);
        let legend = Legend::new(legend, room);
        let gap = |height: i32, gap: i32| if height > 0 { height + gap } else { 0 };
        let title_height = gap(text::height(&lines, style::TITLE), 8 * PIXEL);
        let legend_height = gap(legend.height(), 6 * PIXEL);
        let border = style::BORDER * 3 / 4;
        let total = border + title_height + legend_height + height + border;
        if width > MOST || total > MOST {
            let (width, height, most) = (width / PIXEL, total / PIXEL, MOST / PIXEL);
            return Err(Error::Figure(format!(
                "{title:?} would take {width} x {height} pixels, expected at most {most}: draw several figures"
            )));
        }
        let canvas = Rc::new(RefCell::new(Canvas::new(width, (total + PIXEL - 1) / PIXEL * PIXEL)));
        let page = Area::from(&canvas).margin(border, border, style::BORDER, style::BORDER);
        page.draw_text(&lines, &style::text(style::TITLE).pos(style::TOP), (room / 2, 0))?;
        let (_, below) = page.split_vertically(title_height);
        let (strip, body) = below.split_vertically(legend_height);
        legend.draw(&strip)?;
        Ok(Self { canvas, body })
    }

    /// The finished picture.
    pub(super) fn finish(&self) -> Result<Figure> {
        let (picture, width, height) = self.canvas.borrow().finish();
        Ok(Figure { png: encode::png(&picture, width, height)?, width, height })
    }
}

/// Lays `cells` out in rows of `columns`, each at least `least` points high, and draws
/// them, with `draw` for the data of each. Axes that have the same label and scale in all
/// panels get the same range and are labelled only at the left and at the bottom.
///
/// # Errors
/// [`Error::Figure`] if there are no panels, or they would be too narrow, or the page too large.
pub(super) fn panels(
    title: &str,
    legend: &[Entry],
    (columns, least): (usize, i32),
    mut cells: Vec<Cell>,
    draw: impl Fn(usize, &mut Chart) -> Result<()>,
) -> Result<Figure> {
    if cells.is_empty() || columns == 0 {
        let count = cells.len();
        return Err(Error::Figure(format!("{title:?}: {count} panels in {columns} columns, expected some")));
    }
    let columns = columns.min(cells.len());
    let (page_width, height) = sizes(columns);
    let height = height.max(least);
    share_axes(&mut cells, columns);
    cells.iter_mut().for_each(|cell| cell.y.fit_upright(height));
    let (left, width) = widths(&mut cells, columns, page_width - 2 * style::BORDER - 12 * PIXEL);
    if width < LEAST_PANEL {
        return Err(Error::Figure(format!(
            "{title:?}: {columns} columns leave {} pixels for a panel: use fewer columns or shorter names",
            width / PIXEL
        )));
    }
    cells.iter_mut().for_each(|cell| cell.fit_along(width));
    let rows: Vec<&[Cell]> = cells.chunks(columns).collect();
    let rooms: Vec<Room> = rows.iter().enumerate().map(|(k, row)| Room::around(row, k > 0)).collect();
    let whole = |room: &Room| room.above + height + room.below;
    let page = Page::new(title, legend, page_width, rooms.iter().map(whole).sum())?;
    let (mut index, mut rest) = (0, page.body.clone());
    for (row, room) in rows.into_iter().zip(rooms) {
        let (mut strip, below) = rest.split_vertically(whole(&room));
        for (cell, left) in row.iter().zip(&left) {
            let (area, right) = strip.split_horizontally(left + width);
            cell.draw(&area, Room { left: *left, ..room }, |chart| draw(index, chart))?;
            (index, strip) = (index + 1, right);
        }
        rest = below;
    }
    page.finish()
}

/// Width of a page, and height of a panel, by the number of columns.
fn sizes(columns: usize) -> (i32, i32) {
    let (width, height) = match columns {
        1 => (1000, 500),
        2 => (1300, 400),
        3 => (1500, 360),
        _ => (1600, 320),
    };
    (width * PIXEL, height * PIXEL)
}

/// Gives axes of the same quantity and scale in all panels a common range, and leaves
/// them without labels where another panel lies below or at the left.
fn share_axes(cells: &mut [Cell], columns: usize) {
    if share(cells, |cell| &mut cell.x) {
        let above = cells.len() - columns;
        cells[..above].iter_mut().for_each(|cell| cell.x.hide());
    }
    if share(cells, |cell| &mut cell.y) {
        let right = cells.iter_mut().enumerate().filter(|(index, _)| !index.is_multiple_of(columns));
        right.for_each(|(_, cell)| cell.y.hide());
    }
}

/// Gives all rulers that `of` picks a common range if they measure the same.
fn share(cells: &mut [Cell], of: impl Fn(&mut Cell) -> &mut Ruler) -> bool {
    let rulers: Vec<Ruler> = cells.iter_mut().map(|cell| of(cell).clone()).collect();
    let same = rulers.windows(2).all(|pair| pair[0].is_like(&pair[1]));
    if let (true, Some(union)) = (same, rulers.into_iter().reduce(|a, b| a.union(&b))) {
        cells.iter_mut().for_each(|cell| *of(cell) = union.clone());
    }
    same
}

/// Room at the left of each column, for the labels of y axes and for what labels of x axes
/// reach beyond their panels; and the width of a panel, of `room` for all of them.
fn widths(cells: &mut [Cell], columns: usize, room: i32) -> (Vec<i32>, i32) {
    let gap = |column| if column > 0 { 12 * PIXEL } else { 0 };
    let column = |k: usize| cells.iter().skip(k).step_by(columns);
    let mut left: Vec<i32> =
        (0..columns).map(|k| gap(k) + column(k).map(Cell::left).max().unwrap_or(0)).collect();
    let width = |left: &[i32]| (room - left.iter().sum::<i32>()) / columns as i32;
    let most = width(&left).max(LEAST_PANEL);
    cells.iter_mut().for_each(|cell| cell.x.fit_along(most));
    for row in cells.chunks(columns) {
        for (k, pair) in row.windows(2).enumerate() {
            let beyond = pair[0].x.overhang(most).1 + pair[1].x.overhang(most).0;
            left[k + 1] = left[k + 1].max(beyond + 8 * PIXEL);
        }
    }
    let width = width(&left);
    (left, width)
}
