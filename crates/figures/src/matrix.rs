//! Tables of numbers as colours, with the numbers in their cells.

use ndarray::Array2;
use plotters::element::Rectangle;
use plotters::style::Color as _;

use crate::canvas::Area;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::page::Page;
use crate::scale::check;
use crate::style::{self, Colour, PIXEL};
use crate::text;

/// Numbers by row and column, with a name for each of both.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Stands above it.
    pub title: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The numbers `[rows, columns]`.
    pub values: Array2<f64>,
}

/// Draws matrices below one another, positive numbers on blue and negative ones on red, the stronger the
/// larger; one scale for all of them. Numbers are given to `decimals` places.
///
/// # Errors
/// [`Error::Figure`] if there are none, the names are not as many as rows and columns, or a number is
/// not finite.
pub fn matrices(title: &str, matrices: &[Matrix], decimals: usize) -> Result<Figure> {
    if matrices.is_empty() {
        return Err(Error::Figure(format!("{title:?}: expected at least one matrix")));
    }
    for Matrix { title, rows, columns, values } in matrices {
        if values.dim() != (rows.len(), columns.len()) || values.is_empty() {
            let names = (rows.len(), columns.len());
            return Err(Error::Figure(format!("{title:?}: {:?} numbers, names of {names:?}", values.dim())));
        }
        check("matrix", &values.iter().copied().collect::<Vec<_>>())?;
    }
    let names = matrices.iter().flat_map(|matrix| &matrix.rows).map(|name| text::width(name, style::TICK));
    let left = names.max().unwrap_or(0) + GAP;
    let columns = matrices.iter().map(|matrix| matrix.columns.len()).max().unwrap_or(1);
    let cell = (WIDTH - 2 * style::BORDER - left) / columns as i32;
    let largest =
        matrices.iter().flat_map(|matrix| &matrix.values).fold(0.0, |most: f64, x| most.max(x.abs()));
    let page = Page::new(title, &[], WIDTH, matrices.iter().map(height).sum())?;
    let mut rest = page.body.clone();
    for matrix in matrices {
        let (area, below) = rest.split_vertically(height(matrix));
        draw(&area, matrix, (left, cell), largest, decimals)?;
        rest = below;
    }
    page.finish()
}

const WIDTH: i32 = 1000 * PIXEL;
/// Height of a row, of the names of the columns, and of a title with what is above and below it.
const ROW: i32 = 34 * PIXEL;
const NAMES: i32 = 28 * PIXEL;
const TITLE: i32 = 46 * PIXEL;
/// Between the names of rows and the cells.
const GAP: i32 = 12 * PIXEL;
/// Between cells.
const LINE: i32 = PIXEL;

fn height(matrix: &Matrix) -> i32 {
    TITLE + NAMES + ROW * matrix.rows.len() as i32
}

fn draw(area: &Area, matrix: &Matrix, (left, cell): (i32, i32), largest: f64, decimals: usize) -> Result<()> {
    let middle = left + cell * matrix.columns.len() as i32 / 2;
    area.draw_text(&matrix.title, &style::text(style::LABEL).pos(style::TOP), (middle, 14 * PIXEL))?;
    let number = style::text(style::TICK).pos(style::TOP);
    let within = |row: i32| row + (ROW - style::TICK) / 2;
    for (j, name) in matrix.columns.iter().enumerate() {
        area.draw_text(name, &number, (left + cell * j as i32 + cell / 2, TITLE))?;
    }
    for (i, name) in matrix.rows.iter().enumerate() {
        let top = TITLE + NAMES + ROW * i as i32;
        area.draw_text(name, &number, (left - GAP - text::width(name, style::TICK) / 2, within(top)))?;
        for (j, &value) in matrix.values.row(i).iter().enumerate() {
            let corner = (left + cell * j as i32, top);
            let end = (corner.0 + cell - LINE, top + ROW - LINE);
            area.draw(&Rectangle::new([corner, end], colour(value, largest).filled()))?;
            let shown = format!("{value:.decimals$}").replace('-', "−");
            area.draw_text(&shown, &number, (corner.0 + cell / 2, within(top)))?;
        }
    }
    Ok(())
}

/// Light enough at its strongest for dark text.
fn colour(value: f64, largest: f64) -> Colour {
    let end = if value < 0.0 { Colour::NON_MATCHING } else { Colour::MATCHING };
    end.tint(0.6 * value.abs() / largest.max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn matrix() -> Matrix {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Matrix {
            title: "both".to_owned(),
            rows: names(&["a", "b"]),
            columns: names(&["x", "y"]),
            values: array![[1.0, -0.5], [0.0, 0.25]],
        }
    }

    #[test]
    fn numbers_of_both_signs_are_told_apart() {
        assert_eq!(colour(0.0, 1.0), Colour::WHITE);
        let (positive, negative) = (colour(1.0, 1.0), colour(-1.0, 1.0));
        assert!(positive.2 > positive.0 && negative.0 > negative.2);
        assert_eq!(colour(0.0, 0.0), Colour::WHITE);
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        assert_eq!(matrices("two", &[matrix(), matrix()], 2).unwrap().width, 1000);
        assert!(matrices("none", &[], 2).is_err());
        assert!(matrices("names", &[Matrix { rows: Vec::new(), ..matrix() }], 2).is_err());
        assert!(matrices("infinite", &[Matrix { values: matrix().values / 0.0, ..matrix() }], 2).is_err());
    }
}
