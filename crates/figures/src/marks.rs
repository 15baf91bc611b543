//! Marks at single points, the same in charts and legends.

use plotters::element::{Circle, DynElement, EmptyElement, IntoDynElement as _};
use plotters::style::Color as _;

use crate::canvas::Canvas;
use crate::style::{Colour, DOT, PIXEL};

/// A mark at a point of a chart or of the page.
pub(super) type Mark<Coord> = DynElement<'static, Canvas, Coord>;

/// A disc with a white edge that sets it apart.
pub(super) fn disc<Coord: Clone + 'static>(at: Coord, radius: i32, edge: i32, colour: Colour) -> Mark<Coord> {
    two_discs(at, (radius + edge, Colour::WHITE), (radius, colour))
}

/// The open circle where a trajectory starts.
pub(super) fn start<Coord: Clone + 'static>(at: Coord, colour: Colour) -> Mark<Coord> {
    two_discs(at, (DOT + 4, colour), (DOT - 2, Colour::WHITE))
}

/// The filled circle where a trajectory ends.
pub(super) fn end<Coord: Clone + 'static>(at: Coord, colour: Colour) -> Mark<Coord> {
    disc(at, DOT + 4, PIXEL, colour)
}

fn two_discs<Coord: Clone + 'static>(at: Coord, outer: (i32, Colour), inner: (i32, Colour)) -> Mark<Coord> {
    let circle = |(radius, colour): (i32, Colour)| Circle::new((0, 0), radius, colour.filled());
    (EmptyElement::at(at) + circle(outer) + circle(inner)).into_dyn()
}
