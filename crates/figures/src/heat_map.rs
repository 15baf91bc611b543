//! A function of two parameters as colours, and a path through them.

use ndarray::Array2;

use crate::Figure;
use crate::axes::{self, Axis, Ruler};
use crate::canvas::{Canvas, Pen, Rect};
use crate::error::{Error, Result};
use crate::frame::{self, Cell, Frame};
use crate::layout::{self, Grid};
use crate::legend;
use crate::style::{self, Colour};
use crate::text::Anchor;

/// A function on a grid of two parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// First parameter; needs a range, over which the columns of `values` are spread evenly
    /// (evenly in the logarithm on a logarithmic axis).
    pub x: Axis,
    /// Second parameter, likewise with the rows of `values`, the first one lowest.
    pub y: Axis,
    /// What the colours mean, and how values are laid along them; values beyond its range,
    /// if it has one, take the colours of its ends.
    pub colour: Axis,
    /// The function's values `[rows, columns]`.
    pub values: Array2<f64>,
    /// Points (x, y) of a path drawn over the colours, as of training; may be empty.
    pub path: Vec<(f64, f64)>,
}

/// Draws a heat map with its colour bar at the right, dark colours for small values.
///
/// # Errors
/// [`Error::Figure`] if there are no values, an axis has no range, or a number is not finite.
pub fn heat_map(title: &str, map: &HeatMap) -> Result<Figure> {
    let HeatMap { x, y, colour, values, path } = map;
    let list: Vec<f64> = values.iter().copied().collect();
    if list.is_empty() {
        return Err(Error::Figure("heat map: there are no values".to_owned()));
    }
    axes::check("heat map: values", &list)?;
    axes::check("heat map: path", &path.iter().flat_map(|(x, y)| [*x, *y]).collect::<Vec<_>>())?;
    if let Some(axis) = [x, y].into_iter().find(|axis| axis.range.is_none()) {
        return Err(Error::Figure(format!("heat map: the axis {:?} needs a range", axis.label)));
    }
    let ruler = Ruler::new(colour, list.into_iter(), 0.0)?;
    let none = std::iter::empty::<f64>;
    let cell = Cell { title: String::new(), x: Ruler::new(x, none(), 0.0)?, y: Ruler::new(y, none(), 0.0)? };
    let grid = Grid { right: BAR_ROOM, least_height: 560.0, ..Grid::columns(1) };
    let (mut canvas, frames) = layout::panels(title, &[], grid, vec![cell])?;
    for frame in &frames {
        draw_values(&mut canvas, frame, values, &ruler);
        draw_bar(&mut canvas, frame.area, &ruler);
        canvas.clipped(frame.area, |canvas| draw_path(canvas, frame, path));
        frame::draw_lines(&mut canvas, frame.area);
    }
    Figure::of(&canvas)
}

/// Room for the colour bar.
const BAR_ROOM: f64 = 150.0;
const BAR_WIDTH: f64 = 24.0;

fn draw_values(canvas: &mut Canvas, frame: &Frame, values: &Array2<f64>, ruler: &Ruler) {
    let rows = values.rows().into_iter().rev();
    let colours = rows.flat_map(|row| row.to_vec()).map(|value| style::viridis(ruler.place(value)));
    let rgb: Vec<u8> = colours.flat_map(|colour| [colour.0, colour.1, colour.2]).collect();
    canvas.picture(&rgb, values.ncols(), frame.area);
}

fn draw_path(canvas: &mut Canvas, frame: &Frame, path: &[(f64, f64)]) {
    let points: Vec<_> = path.iter().map(|&(x, y)| frame.at(x, y)).collect();
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        canvas.line(&points, Pen::solid(Colour::WHITE, style::CURVE + 2.4));
        canvas.line(&points, Pen::solid(PATH, style::CURVE));
        legend::start_mark(canvas, *first, PATH);
        legend::end_mark(canvas, *last, PATH);
    }
}

const PATH: Colour = Colour::NON_MATCHING;

fn draw_bar(canvas: &mut Canvas, map: Rect, ruler: &Ruler) {
    let left = map.right + 22.0;
    let bar = Rect { left, right: left + BAR_WIDTH, ..map };
    let shades: Vec<u8> = (0..256)
        .map(|k| style::viridis(1.0 - f64::from(k) / 255.0))
        .flat_map(|colour| [colour.0, colour.1, colour.2])
        .collect();
    canvas.picture(&shades, 1, bar);
    for tick in ruler.ticks(map.height(), 60.0).iter().filter(|tick| !tick.label.is_empty()) {
        let y = map.bottom - tick.place * map.height();
        canvas.line(&[(bar.right, y), (bar.right + 6.0, y)], Pen::solid(Colour::FRAME, style::HAIRLINE));
        canvas.text(&tick.label, (bar.right + 10.0, y), style::TICK, Colour::TEXT, Anchor::LEFT);
    }
    let at = (map.right + BAR_ROOM - style::LABEL, map.centre().1);
    canvas.text(&ruler.label(), at, style::LABEL, Colour::TEXT, Anchor::UPRIGHT);
}
