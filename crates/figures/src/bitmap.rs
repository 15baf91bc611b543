//! Pictures of given pixels.

use plotters::element::BitMapElement;

use crate::style::Colour;

/// A picture of `columns`, its pixels in rows from the top, stretched to `size` points with
/// linear interpolation, its upper left corner at `at`; none if it has no size.
pub(super) fn stretched<Coord>(
    pixels: &[Colour],
    columns: usize,
    (width, height): (u32, u32),
    at: Coord,
) -> Option<BitMapElement<'static, Coord>> {
    let rows = pixels.len() / columns;
    let pixel = |row: usize, column: usize| pixels[row.min(rows - 1) * columns + column.min(columns - 1)];
    let across: Vec<(usize, f64)> = (0..width).map(|x| between_centres(x, width, columns)).collect();
    let mut bytes = Vec::with_capacity((width * height) as usize * 3);
    for (row, below) in (0..height).map(|y| between_centres(y, height, rows)) {
        for &(column, beside) in &across {
            let upper = pixel(row, column).towards(pixel(row, column + 1), beside);
            let lower = pixel(row + 1, column).towards(pixel(row + 1, column + 1), beside);
            let colour = upper.towards(lower, below);
            bytes.extend([colour.0, colour.1, colour.2]);
        }
    }
    BitMapElement::with_owned_buffer(at, (width, height), bytes)
}

/// Of `count` pixels stretched over `length` points: the pixel whose centre lies before
/// point `k`, and the share of the way from it to the next.
fn between_centres(k: u32, length: u32, count: usize) -> (usize, f64) {
    let place = (f64::from(k) + 0.5) * count as f64 / f64::from(length) - 0.5;
    let place = place.clamp(0.0, (count - 1) as f64);
    (place as usize, place.fract())
}
