//! A function of two parameters as colours, and a path through them.

use ndarray::Array2;

use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::series::LineSeries;
use plotters::style::{Color as _, FontTransform};

use crate::bitmap;
use crate::canvas::Area;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::marks;
use crate::page::Page;
use crate::panel::{self, Cell, Chart, Room};
use crate::ruler::Ruler;
use crate::scale::{Scale, check};
use crate::style::{self, Colour, PIXEL};

/// A function on a grid of two parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    /// First parameter; needs a range, over which the columns of `values` are spread evenly
    /// (evenly in the logarithm on a logarithmic axis).
    pub x: Scale,
    /// Second parameter, likewise with the rows of `values`, the first one lowest.
    pub y: Scale,
    /// What the colours mean, and how values are laid along them; values beyond its range,
    /// if it has one, take the colours of its ends.
    pub colour: Scale,
    /// The function's values `[rows, columns]`.
    pub values: Array2<f64>,
    /// Points (x, y) of a path drawn over the colours, as of training; may be empty.
    pub path: Vec<(f64, f64)>,
    /// Lines through points (x, y) drawn over the colours, as of theory; may be empty.
    pub curves: Vec<Vec<(f64, f64)>>,
}

/// Draws a heat map with its colour bar at the right, dark colours for small values.
///
/// # Errors
/// [`Error::Figure`] if there are no values, an axis has no range, or a number is not finite.
pub fn heat_map(title: &str, map: &HeatMap) -> Result<Figure> {
    let HeatMap { x, y, colour, values, path, curves } = map;
    let list: Vec<f64> = values.iter().copied().collect();
    if list.is_empty() {
        return Err(Error::Figure("heat map: there are no values".to_owned()));
    }
    check("heat map: values", &list)?;
    for line in curves.iter().chain([path]) {
        check("heat map: line", &line.iter().flat_map(|(x, y)| [*x, *y]).collect::<Vec<_>>())?;
    }
    if let Some(axis) = [x, y].into_iter().find(|axis| axis.range.is_none()) {
        return Err(Error::Figure(format!("heat map: the axis {:?} needs a range", axis.label)));
    }
    let mut colours = Ruler::new(colour, list.into_iter(), 0.0)?;
    let [x, y] = [x, y].map(|scale| Ruler::new(scale, std::iter::empty(), 0.0));
    let mut cell = Cell::new("", x?, y?);
    colours.fit_upright(HEIGHT);
    cell.y.fit_upright(HEIGHT);
    cell.fit_along(WIDTH - 2 * style::BORDER - cell.left() - BAR);
    let room = Room::around(std::slice::from_ref(&cell), false);
    let page = Page::new(title, &[], WIDTH, room.above + HEIGHT + room.below)?;
    let (left, right) = page.body.split_horizontally(page.body.dim_in_pixel().0 as i32 - BAR);
    cell.draw(&left, room, |chart| {
        draw_values(chart, values, &colours)?;
        curves.iter().try_for_each(|curve| draw_line(chart, curve))?;
        draw_path(chart, path)
    })?;
    draw_bar(&right, room, &colours)?;
    page.finish()
}

/// Width of the page, height of the map, and width of the colour bar with its labels.
const WIDTH: i32 = 1000 * PIXEL;
const HEIGHT: i32 = 560 * PIXEL;
const BAR: i32 = 150 * PIXEL;

fn draw_values(chart: &mut Chart, values: &Array2<f64>, colours: &Ruler) -> Result<()> {
    let rows = values.rows().into_iter().rev().flat_map(|row| row.to_vec());
    let shades: Vec<Colour> = rows.map(|value| style::viridis(colours.place(value))).collect();
    let (size, corner) = (chart.plotting_area().dim_in_pixel(), (f64::NEG_INFINITY, f64::INFINITY));
    chart.draw_series(bitmap::stretched(&shades, values.ncols(), size, corner))?;
    Ok(())
}

fn draw_path(chart: &mut Chart, path: &[(f64, f64)]) -> Result<()> {
    if let (Some(first), Some(last)) = (path.first(), path.last()) {
        draw_line(chart, path)?;
        chart.draw_series([marks::start(*first, PATH), marks::end(*last, PATH)])?;
    }
    Ok(())
}

/// A line with a white rim, which is seen on all colours.
fn draw_line(chart: &mut Chart, points: &[(f64, f64)]) -> Result<()> {
    for (colour, width) in [(Colour::WHITE, style::CURVE + 7), (PATH, style::CURVE)] {
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(width)))?;
    }
    Ok(())
}

const PATH: Colour = Colour::NON_MATCHING;

/// The colour bar: a chart with its axis at the right.
fn draw_bar(area: &Area, room: Room, colours: &Ruler) -> Result<()> {
    let mut chart: Chart = ChartBuilder::on(area)
        .margin_top(room.above)
        .margin_bottom(room.below)
        .margin_left(22 * PIXEL)
        .set_label_area_size(LabelAreaPosition::Right, BAR - 46 * PIXEL)
        .build_cartesian_2d(Ruler::names(&[])?, colours.clone())?;
    let shades: Vec<Colour> = (0..256).map(|k| style::viridis(1.0 - f64::from(k) / 255.0)).collect();
    let size = chart.plotting_area().dim_in_pixel();
    chart.draw_series(bitmap::stretched(&shades, 1, size, (0.0, f64::INFINITY)))?;
    panel::draw_axes(&mut chart, panel::MAJOR, "")?;
    let label = style::text(style::LABEL).transform(FontTransform::Rotate270).pos(style::TOP);
    let at = (BAR - style::LABEL * 2, room.above + size.1 as i32 / 2);
    area.draw_text(&colours.label(), &label, at)?;
    Ok(())
}
