//! A picture to draw on: plotters' shapes on a raster three times as fine as the
//! finished picture, and glyphs placed by hand, because plotters drops their bearings.

use ab_glyph::{Font, Glyph};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::RGBAColor;

use crate::style::Colour;
use crate::text::{self, Anchor};

/// Raster points per pixel of the finished picture, in each direction.
const FINENESS: u32 = 3;

/// A position in pixels of the finished picture, from the upper left corner.
pub(super) type Point = (f64, f64);

/// An upright rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn centre(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub(super) fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    fn clamp(&self, (x, y): Point) -> Point {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) colour: Colour,
    pub(super) width: f64,
    /// Lengths drawn and left out, in turn.
    pub(super) dash: Option<(f64, f64)>,
}

impl Pen {
    pub(super) fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, dash: None }
    }

    pub(super) fn dashed(colour: Colour, width: f64) -> Self {
        Self { colour, width, dash: Some(crate::style::DASH) }
    }
}

/// A white picture that shapes and text are drawn on. Nothing is drawn outside `clip`.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    clip: Rect,
    raster: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let raster = vec![0xff; (width * FINENESS) as usize * (height * FINENESS) as usize * 3];
        Self { width, height, clip: whole(width, height), raster }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Confines lines, discs and areas to `clip` while `draw` runs.
    pub(super) fn clipped(&mut self, clip: Rect, draw: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.clip, clip);
        draw(self);
        self.clip = before;
    }

    /// A filled rectangle; `opacity` from 0 to 1.
    pub(super) fn rectangle(&mut self, rect: Rect, colour: Colour, opacity: f64) {
        let (left, top) = fine(self.clip.clamp((rect.left, rect.top)));
        let (right, bottom) = fine(self.clip.clamp((rect.right, rect.bottom)));
        done(self.backend().draw_rect((left, top), (right, bottom), &ink(colour, opacity), true));
    }

    /// A filled polygon that its clip cuts only at points (so: of small steps, or inside).
    pub(super) fn polygon(&mut self, corners: &[Point], colour: Colour, opacity: f64) {
        let corners: Vec<_> = corners.iter().map(|&corner| fine(self.clip.clamp(corner))).collect();
        if corners.len() >= 3 {
            done(self.backend().fill_polygon(corners, &ink(colour, opacity)));
        }
    }

    /// The area between two curves over the same, ascending x.
    pub(super) fn band(&mut self, low: &[Point], high: &[Point], colour: Colour, opacity: f64) {
        let outline: Vec<Point> = low.iter().chain(high.iter().rev()).copied().collect();
        self.polygon(&outline, colour, opacity);
    }

    /// A filled disc whose centre lies inside the clip.
    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        if self.clip.contains(centre) {
            let radius = (radius * f64::from(FINENESS)).round().max(1.0) as u32;
            done(self.backend().draw_circle(fine(centre), radius, &ink(colour, 1.0), true));
        }
    }

    /// A line through `points`, with round joints.
    pub(super) fn line(&mut self, points: &[Point], pen: Pen) {
        let mut before = 0.0;
        for (index, ends) in points.windows(2).enumerate() {
            let (from, to) = (ends[0], ends[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |s: f64| (from.0 + s / length * (to.0 - from.0), from.1 + s / length * (to.1 - from.1));
            match pen.dash {
                Some((on, off)) => {
                    for (start, end) in dashes(before, length, on, off) {
                        self.segment(at(start), at(end), pen);
                    }
                }
                None => {
                    self.segment(from, to, pen);
                    if index > 0 && pen.width > 1.5 {
                        self.joint(from, pen);
                    }
                }
            }
            before += length;
        }
    }

    fn segment(&mut self, from: Point, to: Point, pen: Pen) {
        let Some((from, to)) = clip_segment(from, to, self.clip) else { return };
        let half = pen.width / 2.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length < 1e-9 {
            return;
        }
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let ink = ink(pen.colour, 1.0);
        if dx == 0.0 || dy == 0.0 {
            let (a, b) = (fine((from.0 + nx, from.1 + ny)), fine((to.0 - nx, to.1 - ny)));
            done(self.backend().draw_rect(a, b, &ink, true));
        } else {
            let corners = [
                (from.0 + nx, from.1 + ny),
                (to.0 + nx, to.1 + ny),
                (to.0 - nx, to.1 - ny),
                (from.0 - nx, from.1 - ny),
            ];
            done(self.backend().fill_polygon(corners.map(fine), &ink));
        }
    }

    /// A disc no wider than the line, where two of its segments meet.
    fn joint(&mut self, at: Point, pen: Pen) {
        if self.clip.contains(at) {
            let radius = (pen.width / 2.0 * f64::from(FINENESS)).floor() as u32;
            done(self.backend().draw_circle(fine(at), radius, &ink(pen.colour, 1.0), true));
        }
    }

    /// Text of font size `size` with its anchor at `at`; see [`text`] for the notation.
    pub(super) fn text(&mut self, text: &str, at: Point, size: f64, colour: Colour, anchor: Anchor) {
        let line = text::lay_out(text, size * f64::from(FINENESS));
        let (x, y) = (at.0 * f64::from(FINENESS), at.1 * f64::from(FINENESS));
        let (along, across) = anchor.offset(line.width, size * f64::from(FINENESS));
        let font = text::font();
        for (glyph, place, scale) in line.glyphs {
            let position = ab_glyph::point((place.0 + along) as f32, (place.1 + across) as f32);
            let glyph = Glyph { id: glyph, scale, position };
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let (gx, gy) = (f64::from(corner.x) + f64::from(dx), f64::from(corner.y) + f64::from(dy));
                let (px, py) = if anchor.upright { (x + gy, y - gx) } else { (x + gx, y + gy) };
                self.blend(px.round() as i64, py.round() as i64, colour, f64::from(coverage).min(1.0));
            });
        }
    }

    /// A picture of `width` columns of red, green, blue bytes, stretched over `rect` with
    /// linear interpolation.
    pub(super) fn picture(&mut self, rgb: &[u8], width: usize, rect: Rect) {
        let height = rgb.len() / 3 / width;
        let ((left, top), (right, bottom)) = (fine((rect.left, rect.top)), fine((rect.right, rect.bottom)));
        for y in top..bottom {
            let (row, below) = between_centres(y - top, bottom - top, height);
            for x in left..right {
                let (column, beside) = between_centres(x - left, right - left, width);
                let at = |row: usize, column: usize| {
                    let pixel = (row.min(height - 1) * width + column.min(width - 1)) * 3;
                    Colour(rgb[pixel], rgb[pixel + 1], rgb[pixel + 2])
                };
                let upper = at(row, column).mix(at(row, column + 1), beside);
                let lower = at(row + 1, column).mix(at(row + 1, column + 1), beside);
                self.blend(i64::from(x), i64::from(y), upper.mix(lower, below), 1.0);
            }
        }
    }

    fn blend(&mut self, x: i64, y: i64, colour: Colour, coverage: f64) {
        let (width, height) = (i64::from(self.width * FINENESS), i64::from(self.height * FINENESS));
        if coverage <= 0.0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let place = (y * width + x) as usize * 3;
        let old = Colour(self.raster[place], self.raster[place + 1], self.raster[place + 2]);
        let new = old.mix(colour, coverage);
        self.raster[place..place + 3].copy_from_slice(&[new.0, new.1, new.2]);
    }

    /// The finished picture: red, green, blue bytes, each the mean of its raster points.
    pub(super) fn finish(&self) -> Vec<u8> {
        let fineness = FINENESS as usize;
        let (width, height) = (self.width as usize, self.height as usize);
        let row = width * fineness * 3;
        let mut picture = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let corner = y * fineness * row + x * fineness * 3 + channel;
                    let sum: u32 = (0..fineness * fineness)
                        .map(|k| u32::from(self.raster[corner + k / fineness * row + k % fineness * 3]))
                        .sum();
                    picture.push(((sum + FINENESS * FINENESS / 2) / (FINENESS * FINENESS)) as u8);
                }
            }
        }
        picture
    }

    fn backend(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.raster, (self.width * FINENESS, self.height * FINENESS))
    }
}

/// Of `count` pixels stretched over `length` raster points: the pixel whose centre lies
/// before point `k`, and the share of the way from it to the next.
fn between_centres(k: i32, length: i32, count: usize) -> (usize, f64) {
    let place = (f64::from(k) + 0.5) * count as f64 / f64::from(length) - 0.5;
    let place = place.clamp(0.0, (count - 1) as f64);
    (place as usize, place.fract())
}

fn whole(width: u32, height: u32) -> Rect {
    Rect { left: 0.0, top: 0.0, right: f64::from(width), bottom: f64::from(height) }
}

/// The raster point at a position.
fn fine((x, y): Point) -> (i32, i32) {
    let fine = |v: f64| (v * f64::from(FINENESS)).round() as i32;
    (fine(x), fine(y))
}

fn ink(colour: Colour, opacity: f64) -> RGBAColor {
    RGBAColor(colour.0, colour.1, colour.2, opacity)
}

/// Drawing into memory has no way to fail.
fn done<E>(result: Result<(), E>) {
    debug_assert!(result.is_ok(), "drawing into memory failed");
}

/// The drawn parts of a dashed segment of `length`, after `before` along its line.
fn dashes(before: f64, length: f64, on: f64, off: f64) -> Vec<Point> {
    let period = on + off;
    let first = -(before % period);
    let count = ((length - first) / period).ceil() as usize;
    (0..count)
        .map(|k| first + k as f64 * period)
        .map(|start| (start.max(0.0), (start + on).min(length)))
        .filter(|(from, to)| to > from)
        .collect()
}

/// The part of a segment inside `clip` (Liang and Barsky).
fn clip_segment(from: Point, to: Point, clip: Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, room) in [
        (-dx, from.0 - clip.left),
        (dx, clip.right - from.0),
        (-dy, from.1 - clip.top),
        (dy, clip.bottom - from.1),
    ] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    (enter <= leave).then(|| {
        let at = |part: f64| (from.0 + part * dx, from.1 + part * dy);
        (at(enter), at(leave))
    })
}
