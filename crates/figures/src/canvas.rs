//! The picture that plotters draws on: a raster finer than the finished picture, lines
//! with round joints, and text in our font with its bearings and subscripts.

use std::convert::Infallible;

use ab_glyph::{Font, Glyph};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord as Point, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    rasterizer,
};

use crate::error::Error;
use crate::style::PIXEL;
use crate::text;

/// A part of a picture, for plotters.
pub(super) type Area = DrawingArea<Canvas, Shift>;

/// A white picture to draw on.
pub(super) struct Canvas {
    /// Size in points of the raster: [`PIXEL`] times that of the picture.
    width: i32,
    height: i32,
    /// Red, green, blue bytes.
    raster: Vec<u8>,
}

impl Canvas {
    /// A canvas of that many points, multiples of [`PIXEL`].
    pub(super) fn new(width: i32, height: i32) -> Self {
        Self { width, height, raster: vec![0xff; (width * height) as usize * 3] }
    }

    /// The finished picture: red, green, blue bytes, each the mean of its points, and its
    /// width and height.
    pub(super) fn finish(&self) -> (Vec<u8>, u32, u32) {
        let (width, height) = (self.width / PIXEL, self.height / PIXEL);
        let row = self.width as usize * 3;
        let mean = |x: i32, y: i32, channel: usize| {
            let corner = (y * PIXEL) as usize * row + (x * PIXEL) as usize * 3 + channel;
            let points = (0..PIXEL as usize).flat_map(|dy| (0..PIXEL as usize).map(move |dx| (dx, dy)));
            let sum: u32 = points.map(|(dx, dy)| u32::from(self.raster[corner + dy * row + dx * 3])).sum();
            let count = (PIXEL * PIXEL) as u32;
            ((sum + count / 2) / count) as u8
        };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let picture = places.flat_map(|(x, y)| [0, 1, 2].map(|channel| mean(x, y, channel))).collect();
        (picture, width as u32, height as u32)
    }

    /// All points within half of `width` of the line between two points.
    fn stroke(&mut self, from: Point, to: Point, width: u32, colour: BackendColor) {
        let radius = f64::from(width) / 2.0;
        let reach = radius.ceil() as i32;
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let squared = (dx * dx + dy * dy).max(1.0);
        for y in from.1.min(to.1) - reach..=from.1.max(to.1) + reach {
            for x in from.0.min(to.0) - reach..=from.0.max(to.0) + reach {
                let (x_off, y_off) = (f64::from(x - from.0), f64::from(y - from.1));
                let part = ((x_off * dx + y_off * dy) / squared).clamp(0.0, 1.0);
                let distance = (x_off - part * dx).hypot(y_off - part * dy);
                if distance < radius {
                    self.blend((x, y), colour);
                }
            }
        }
    }

    fn blend(&mut self, (x, y): Point, colour: BackendColor) {
        if colour.alpha > 0.0 && (0..self.width).contains(&x) && (0..self.height).contains(&y) {
            let place = (y * self.width + x) as usize * 3;
            let (red, green, blue) = colour.rgb;
            for (old, new) in self.raster[place..place + 3].iter_mut().zip([red, green, blue]) {
                *old = (f64::from(*old) + colour.alpha * (f64::from(new) - f64::from(*old))).round() as u8;
            }
        }
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: Point, colour: BackendColor) -> Drawn {
        self.blend(at, colour);
        Ok(())
    }

    /// Without its last column and row, so that bars side by side do not overlap.
    fn draw_rect<S: BackendStyle>(&mut self, a: Point, b: Point, style: &S, fill: bool) -> Drawn {
        if !fill {
            return rasterizer::draw_rect(self, a, b, style, fill);
        }
        for y in a.1.min(b.1)..a.1.max(b.1) {
            (a.0.min(b.0)..a.0.max(b.0)).for_each(|x| self.blend((x, y), style.color()));
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = Point>>(&mut self, path: I, style: &S) -> Drawn {
        let mut path: Vec<Point> = path.into_iter().collect();
        path.dedup();
        path.windows(2).for_each(|ends| self.stroke(ends[0], ends[1], style.stroke_width(), style.color()));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: Point, radius: u32, style: &S, _fill: bool) -> Drawn {
        self.stroke(at, at, 2 * radius, style.color());
        Ok(())
    }

    /// Text in one or several lines; see [`text`] for the notation.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): Point) -> Drawn {
        let (font, size) = (text::font(), style.size());
        let rows = text.lines().count() as f64;
        let top = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.36 - (rows - 1.0) * text::LEADING / 2.0,
            VPos::Bottom => -0.24 - (rows - 1.0) * text::LEADING,
        };
        for (row, line) in text.lines().enumerate() {
            let line = text::lay_out(line, size);
            let across = (top + row as f64 * text::LEADING) * size;
            let along = match style.anchor().h_pos {
                HPos::Left => 0.0,
                HPos::Center => -line.width / 2.0,
                HPos::Right => -line.width,
            };
            for (id, place, scale) in line.glyphs {
                let position = ab_glyph::point((place.0 + along) as f32, (place.1 + across) as f32);
                let Some(outline) = font.outline_glyph(Glyph { id, scale, position }) else { continue };
                let corner = outline.px_bounds().min;
                outline.draw(|dx, dy, coverage| {
                    let at = (corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
                    let (dx, dy) = style.transform().transform(at.0, at.1);
                    let colour = style.color().mix(f64::from(coverage).min(1.0));
                    self.blend((x + dx, y + dy), colour);
                });
            }
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() as i32;
        let width = text.lines().map(|line| text::width(line, size)).max().unwrap_or(0);
        Ok((width as u32, text::height(text, size) as u32))
    }
}

impl From<DrawingAreaErrorKind<Infallible>> for Error {
    fn from(error: DrawingAreaErrorKind<Infallible>) -> Self {
        Self::Figure(error.to_string())
    }
}
