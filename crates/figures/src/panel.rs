//! A panel: a chart with its mesh, axes, labels and title.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::style::{Color as _, TRANSPARENT};

use crate::canvas::{Area, Canvas};
use crate::error::Result;
use crate::ruler::Ruler;
use crate::style::{self, Colour, PIXEL};
use crate::text;

/// The chart of a panel, which data are drawn into.
pub(super) type Chart = ChartContext<'static, Canvas, Cartesian2d<Ruler, Ruler>>;

/// What a panel shows beside its data.
pub(super) struct Cell {
    title: String,
    x_label: String,
    pub(super) x: Ruler,
    pub(super) y: Ruler,
}

/// Room around a panel's data for its title, axes and labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) above: i32,
    pub(super) below: i32,
    pub(super) left: i32,
}

impl Room {
    /// Room that suffices for all panels of a row, which may stand below another one.
    pub(super) fn around(row: &[Cell], below_another: bool) -> Self {
        let most = |of: fn(&Cell) -> i32| row.iter().map(of).max().unwrap_or(0);
        let gap = if below_another { 18 * PIXEL } else { 0 };
        Self { above: gap + most(Cell::above), below: most(Cell::below), left: most(Cell::left) }
    }
}

/// Length of major and minor ticks; labels stand at twice the length of the former.
pub(super) const MAJOR: i32 = 5 * PIXEL;
const MINOR: i32 = 3 * PIXEL;

impl Cell {
    pub(super) fn new(title: &str, x: Ruler, y: Ruler) -> Self {
        Self { title: title.to_owned(), x_label: String::new(), x, y }
    }

    /// Sets the ticks of the x axis, and breaks its label and the title, for a panel of `width`.
    pub(super) fn fit_along(&mut self, width: i32) {
        self.x.fit_along(width);
        self.x_label = text::wrap(&self.x.label(), style::LABEL, width);
        self.title = text::wrap(&self.title, style::LABEL, width);
    }

    /// Room for the title.
    fn above(&self) -> i32 {
        text::height(&self.title, style::LABEL) + 6 * PIXEL
    }

    /// Room for the labels of the x axis.
    fn below(&self) -> i32 {
        let ticks = if self.x.is_written() { style::TICK * 7 / 4 } else { MAJOR };
        ticks + text::height(&self.x_label, style::LABEL)
    }

    /// Room for the labels of the y axis.
    pub(super) fn left(&self) -> i32 {
        let label = text::height(&self.y.label(), style::LABEL);
        2 * MAJOR + if self.y.is_written() { self.y.widest() + 4 * PIXEL + label } else { 0 }
    }

    /// Draws the panel: mesh, data, axes, title.
    pub(super) fn draw(
        &self,
        area: &Area,
        room: Room,
        data: impl FnOnce(&mut Chart) -> Result<()>,
    ) -> Result<()> {
        let mut builder = ChartBuilder::on(area);
        builder.margin_top(room.above).margin_left(room.left - self.left());
        builder.x_label_area_size(room.below).y_label_area_size(self.left());
        let mut chart: Chart = builder.build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let (width, height) = chart.plotting_area().dim_in_pixel();
        let y_label = self.y.label();
        let fitting =
            (height as i32 + 30 * PIXEL) * style::LABEL / text::width(&y_label, style::LABEL).max(1);
        chart
            .configure_mesh()
            .disable_axes()
            .bold_line_style(Colour::GRID.stroke_width(style::HAIRLINE))
            .light_line_style(TRANSPARENT)
            .axis_desc_style(style::text(fitting.min(style::LABEL)))
            .y_desc(y_label)
            .draw()?;
        data(&mut chart)?;
        draw_axes(&mut chart, MAJOR, &self.x_label)?;
        draw_axes(&mut builder.build_cartesian_2d(self.x.minor(), self.y.minor())?, MINOR, "")?;
        let at = (room.left + width as i32 / 2, room.above - 6 * PIXEL);
        area.draw_text(&self.title, &style::text(style::LABEL).pos(style::BOTTOM), at)?;
        Ok(())
    }
}

/// Draws axes with ticks of a length, their labels, and the label of the x axis.
pub(super) fn draw_axes(chart: &mut Chart, length: i32, x_label: &str) -> Result<()> {
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(Colour::FRAME.stroke_width(style::HAIRLINE))
        .set_all_tick_mark_size(length)
        .label_style(style::text(style::TICK))
        .axis_desc_style(style::text(style::LABEL))
        .x_desc(x_label)
        .draw()?;
    Ok(())
}
