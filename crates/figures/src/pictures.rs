//! A grid of small pictures with captions.

use crate::Figure;
use crate::canvas::{Canvas, Point, Rect};
use crate::error::{Error, Result};
use crate::layout;
use crate::style::{self, Colour};
use crate::text::{self, Anchor};

/// A picture and the lines below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Rows of red, green, blue bytes, from the top.
    pub rgb: Vec<u8>,
    /// Pixels in a row.
    pub width: usize,
    /// Lines below the picture, each in its colour; a long one is broken once, then cut.
    pub captions: Vec<(String, Colour)>,
}

/// Draws pictures, `columns` in a row.
///
/// # Errors
/// [`Error::Figure`] if there are none, or the bytes of one are not whole rows.
pub fn pictures(title: &str, columns: usize, pictures: &[Picture]) -> Result<Figure> {
    if pictures.is_empty() || columns == 0 {
        let count = pictures.len();
        return Err(Error::Figure(format!("pictures: {count} pictures in {columns} columns, expected some")));
    }
    let row_of = |picture: &Picture| picture.width.checked_mul(3).filter(|row| *row > 0);
    let is_whole = |picture: &Picture| {
        row_of(picture).is_some_and(|row| !picture.rgb.is_empty() && picture.rgb.len().is_multiple_of(row))
    };
    if let Some(index) = pictures.iter().position(|picture| !is_whole(picture)) {
        let (bytes, width) = (pictures[index].rgb.len(), pictures[index].width);
        return Err(Error::Figure(format!(
            "pictures: picture {index} has {bytes} bytes, expected whole rows of 3 x {width}"
        )));
    }
    let columns = columns.min(pictures.len());
    let tile = (ROOM / columns as f64).clamp(MIN_TILE, MAX_TILE);
    let tiles: Vec<Tile> = pictures.iter().map(|picture| Tile::new(picture, tile - GAP)).collect();
    let heights: Vec<f64> =
        tiles.chunks(columns).map(|row| row.iter().map(Tile::height).fold(0.0, f64::max) + GAP).collect();
    let width = tile * columns as f64 + 2.0 * style::BORDER;
    let (mut canvas, body) = layout::page(title, &[], width.max(MIN_WIDTH), heights.iter().sum())?;
    let mut top = body.top;
    for (row, height) in tiles.chunks(columns).zip(heights) {
        let left = body.centre().0 - tile * columns as f64 / 2.0;
        for (column, tile_content) in row.iter().enumerate() {
            tile_content.draw(&mut canvas, (left + (column as f64 + 0.5) * tile, top));
        }
        top += height;
    }
    Figure::of(&canvas)
}

/// Width that a row of pictures may take, and of a picture with its margin.
const ROOM: f64 = 1400.0;
const MIN_TILE: f64 = 90.0;
const MAX_TILE: f64 = 210.0;
const MIN_WIDTH: f64 = 700.0;
/// Margin between pictures.
const GAP: f64 = 22.0;
/// Largest side of a picture.
const SIDE: f64 = 128.0;
const LEADING: f64 = style::TICK * 1.25;

/// A picture with its size on the page and its captions in lines.
struct Tile<'a> {
    picture: &'a Picture,
    size: (f64, f64),
    lines: Vec<(String, Colour)>,
}

impl<'a> Tile<'a> {
    fn new(picture: &'a Picture, room: f64) -> Self {
        let (width, height) = (picture.width as f64, (picture.rgb.len() / 3 / picture.width) as f64);
        let factor = SIDE.min(room) / width.max(height);
        let wrapped = |(caption, colour): &(String, Colour)| {
            let colour = *colour;
            text::wrap_to(2, caption, style::TICK, room).into_iter().map(move |line| (line, colour))
        };
        let lines = picture.captions.iter().flat_map(wrapped).collect();
        Self { picture, size: (width * factor, height * factor), lines }
    }

    fn height(&self) -> f64 {
        self.size.1 + 8.0 + self.lines.len() as f64 * LEADING
    }

    /// Draws the tile below the middle of its upper edge.
    fn draw(&self, canvas: &mut Canvas, (x, top): Point) {
        let (width, height) = self.size;
        let rect = Rect { left: x - width / 2.0, top, right: x + width / 2.0, bottom: top + height };
        canvas.picture(&self.picture.rgb, self.picture.width, rect);
        for (k, (line, colour)) in self.lines.iter().enumerate() {
            let at = (x, top + height + 8.0 + k as f64 * LEADING);
            canvas.text(line, at, style::TICK, *colour, Anchor::TOP);
        }
    }
}
