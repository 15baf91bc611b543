//! Paired points on the unit sphere.

use std::f64::consts::{PI, TAU};

use ndarray::ArrayView2;

use super::Figure;
use super::canvas::{Canvas, Pen, Point, Rect};
use super::layout;
use super::legend::{Entry, Key};
use super::style::{self, Colour};
use crate::{Error, Result};

/// Direction that the sphere is seen from, in degrees.
const AZIMUTH: f64 = -52.0;
const ELEVATION: f64 = 22.0;
/// Width of the page.
const WIDTH: f64 = 900.0;
/// Angle between the lines of the wire frame.
const STEP: f64 = PI / 6.0;

/// Draws pairs on the sphere: row i of `u` (blue) and of `v` (red) joined by a dashed
/// line. Both are `[pairs, 3]`, of unit vectors. What lies behind the sphere is fainter.
///
/// # Errors
/// [`Error::Figure`] if the shapes are not those, or a row is not a unit vector.
pub fn sphere(title: &str, u: ArrayView2<'_, f32>, v: ArrayView2<'_, f32>) -> Result<Figure> {
    if u.dim() != v.dim() || u.ncols() != 3 || u.nrows() == 0 {
        let (u, v) = (u.dim(), v.dim());
        return Err(Error::Figure(format!(
            "sphere: shapes are {u:?} and {v:?}, expected [pairs, 3] with at least one pair, twice"
        )));
    }
    let (u, v) = (seen_points("U", u)?, seen_points("V", v)?);
    let entry = |label: &str, colour, key| Entry { label: label.to_owned(), colour, key };
    let legend = [
        entry("U_{i}", Colour::MATCHING, Key::Dot),
        entry("V_{i}", Colour::NON_MATCHING, Key::Dot),
        entry("partners", PARTNERS, Key::Dashed),
    ];
    let (mut canvas, body) = layout::page(title, &legend, WIDTH, WIDTH - 60.0)?;
    let ball = Ball { centre: body.centre(), radius: radius(body) };
    // From back to front.
    for behind in [true, false] {
        ball.wires(&mut canvas, behind);
        for (u, v) in u.iter().zip(&v) {
            ball.partners(&mut canvas, *u, *v, behind);
        }
        ball.points(&mut canvas, &[(&u, Colour::MATCHING), (&v, Colour::NON_MATCHING)], behind);
    }
    Figure::of(&canvas)
}

const PARTNERS: Colour = Colour(0x66, 0x66, 0x66);
const WIRE: Colour = Colour(0x9a, 0xa5, 0xb1);

/// How strongly things are drawn that lie behind the sphere.
const BEHIND: f64 = 0.38;

/// A point as the viewer sees it: to the right, up, towards the viewer.
type Seen = (f64, f64, f64);

fn seen_points(name: &str, points: ArrayView2<'_, f32>) -> Result<Vec<Seen>> {
    let point = |(index, row): (usize, ndarray::ArrayView1<'_, f32>)| {
        let [x, y, z] = [0, 1, 2].map(|k| f64::from(row[k]));
        let norm = (x * x + y * y + z * z).sqrt();
        match (norm - 1.0).abs() < 1e-3 {
            true => Ok(seen(x, y, z)),
            false => Err(Error::Figure(format!("sphere: {name} row {index} has norm {norm}, expected 1"))),
        }
    };
    points.rows().into_iter().enumerate().map(point).collect()
}

fn seen(x: f64, y: f64, z: f64) -> Seen {
    let (sin_a, cos_a) = AZIMUTH.to_radians().sin_cos();
    let (sin_e, cos_e) = ELEVATION.to_radians().sin_cos();
    let (right, forward) = (-sin_a * x + cos_a * y, cos_a * x + sin_a * y);
    (right, cos_e * z - sin_e * forward, sin_e * z + cos_e * forward)
}

fn radius(body: Rect) -> f64 {
    body.width().min(body.height()) / 2.0 - 14.0
}

/// The unit sphere on the page.
struct Ball {
    centre: Point,
    radius: f64,
}

impl Ball {
    fn at(&self, (right, up, _): Seen) -> Point {
        (self.centre.0 + self.radius * right, self.centre.1 - self.radius * up)
    }

    /// Circles of latitude and longitude, and in front the outline.
    fn wires(&self, canvas: &mut Canvas, behind: bool) {
        let lines = (PI / STEP).round() as usize;
        for k in 0..lines {
            let angle = k as f64 * STEP;
            let latitude = angle - PI / 2.0;
            self.wire(canvas, behind, |s| {
                (latitude.cos() * s.cos(), latitude.cos() * s.sin(), latitude.sin())
            });
            self.wire(canvas, behind, |s| (s.cos() * angle.cos(), s.cos() * angle.sin(), s.sin()));
        }
        if !behind {
            let outline: Vec<Point> = steps().map(|s| self.at((s.cos(), s.sin(), 0.0))).collect();
            canvas.line(&outline, Pen::solid(WIRE, 1.8));
        }
    }

    /// The part of a closed curve that lies on one side.
    fn wire(&self, canvas: &mut Canvas, behind: bool, curve: impl Fn(f64) -> (f64, f64, f64)) {
        let pen = Pen::solid(WIRE.tint(if behind { 0.35 } else { 0.75 }), 1.0);
        let points: Vec<Seen> = steps().map(curve).map(|(x, y, z)| seen(x, y, z)).collect();
        for ends in points.windows(2) {
            if (ends[0].2 + ends[1].2 < 0.0) == behind {
                canvas.line(&[self.at(ends[0]), self.at(ends[1])], pen);
            }
        }
    }

    /// The part of the line between two partners on one side of the sphere's middle plane.
    fn partners(&self, canvas: &mut Canvas, u: Seen, v: Seen, behind: bool) {
        let between =
            |part: f64| (u.0 + part * (v.0 - u.0), u.1 + part * (v.1 - u.1), u.2 + part * (v.2 - u.2));
        let crossing = u.2 / (u.2 - v.2);
        let parts = match (u.2 < 0.0, v.2 < 0.0) {
            (true, true) | (false, false) => vec![(u.2 < 0.0, 0.0, 1.0)],
            (u_behind, v_behind) => vec![(u_behind, 0.0, crossing), (v_behind, crossing, 1.0)],
        };
        for (_, from, to) in parts.into_iter().filter(|part| part.0 == behind) {
            let colour = PARTNERS.tint(if behind { BEHIND } else { 1.0 });
            let pen = Pen { colour, width: 1.8, dash: Some((8.0, 5.0)) };
            canvas.line(&[self.at(between(from)), self.at(between(to))], pen);
        }
    }

    /// The points on one side, the nearest last, with a white edge that sets them apart.
    fn points(&self, canvas: &mut Canvas, families: &[(&Vec<Seen>, Colour)], behind: bool) {
        let mut points: Vec<(Seen, Colour)> = families
            .iter()
            .flat_map(|(points, colour)| points.iter().map(|point| (*point, *colour)))
            .filter(|(point, _)| (point.2 < 0.0) == behind)
            .collect();
        points.sort_by(|a, b| a.0.2.total_cmp(&b.0.2));
        for (point, colour) in points {
            let (colour, size) = if behind { (colour.tint(BEHIND), 1.5) } else { (colour, 1.9) };
            canvas.disc(self.at(point), style::DOT * size + 1.6, Colour::WHITE);
            canvas.disc(self.at(point), style::DOT * size, colour);
        }
    }
}

/// Angles around a circle, the first again at the end.
fn steps() -> impl Iterator<Item = f64> {
    (0..=180).map(|k| f64::from(k) / 180.0 * TAU)
}
