//! A grid of small pictures with captions.

use crate::bitmap;
use crate::canvas::Area;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::page::Page;
use crate::style::{self, Colour, PIXEL};
use crate::text;

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
    let tile = (ROOM / columns as i32).clamp(LEAST, MOST);
    let tiles: Vec<Tile> = pictures.iter().map(|picture| Tile::new(picture, tile - GAP)).collect();
    let height = |row: &[Tile]| row.iter().map(Tile::height).max().unwrap_or(0) + GAP;
    let width = tile * columns as i32;
    let page_width = (width + 2 * style::BORDER).max(LEAST_PAGE);
    let page = Page::new(title, &[], page_width, tiles.chunks(columns).map(height).sum())?;
    let margin = (page.body.dim_in_pixel().0 as i32 - width) / 2;
    let mut rest = page.body.margin(0, 0, margin, margin);
    for row in tiles.chunks(columns) {
        let (strip, below) = rest.split_vertically(height(row));
        for (tile, area) in row.iter().zip(strip.split_evenly((1, columns))) {
            tile.draw(&area)?;
        }
        rest = below;
    }
    page.finish()
}

/// Width that a row of pictures may take, and of a picture with its margin.
const ROOM: i32 = 1400 * PIXEL;
const LEAST: i32 = 90 * PIXEL;
const MOST: i32 = 210 * PIXEL;
const LEAST_PAGE: i32 = 700 * PIXEL;
/// Margin between pictures, and between a picture and its captions.
const GAP: i32 = 22 * PIXEL;
const CAPTION_GAP: i32 = 8 * PIXEL;
/// Largest side of a picture.
const SIDE: i32 = 128 * PIXEL;

/// A picture with its size on the page and its captions, broken into lines.
struct Tile<'a> {
    picture: &'a Picture,
    size: (u32, u32),
    captions: Vec<(String, Colour)>,
}

impl<'a> Tile<'a> {
    fn new(picture: &'a Picture, room: i32) -> Self {
        let (width, height) = (picture.width as f64, (picture.rgb.len() / 3 / picture.width) as f64);
        let factor = f64::from(SIDE.min(room)) / width.max(height);
        let broken =
            |(caption, colour): &(String, Colour)| (text::wrap_to(2, caption, style::TICK, room), *colour);
        let size = ((width * factor) as u32, (height * factor) as u32);
        Self { picture, size, captions: picture.captions.iter().map(broken).collect() }
    }

    fn height(&self) -> i32 {
        let captions = self.captions.iter().map(|(caption, _)| text::height(caption, style::TICK));
        self.size.1 as i32 + CAPTION_GAP + captions.sum::<i32>()
    }

    fn draw(&self, area: &Area) -> Result<()> {
        let pixels: Vec<Colour> =
            self.picture.rgb.chunks_exact(3).map(|rgb| Colour(rgb[0], rgb[1], rgb[2])).collect();
        let middle = area.dim_in_pixel().0 as i32 / 2;
        let corner = (middle - self.size.0 as i32 / 2, 0);
        if let Some(picture) = bitmap::stretched(&pixels, self.picture.width, self.size, corner) {
            area.draw(&picture)?;
        }
        let mut top = self.size.1 as i32 + CAPTION_GAP;
        for (caption, colour) in &self.captions {
            area.draw_text(caption, &style::text(style::TICK).pos(style::TOP).color(colour), (middle, top))?;
            top += text::height(caption, style::TICK);
        }
        Ok(())
    }
}
