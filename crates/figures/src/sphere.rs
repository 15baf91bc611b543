//! Paired points on the unit sphere.

use std::f64::consts::{PI, TAU};

use ndarray::ArrayView2;

use crate::Figure;
use crate::canvas::{Canvas, Pen, Point, Rect};
use crate::error::{Error, Result};
use crate::layout;
use crate::legend::{Entry, Key};
use crate::style::{self, Colour};

/// Direction that the sphere is seen from, in degrees; the azimuth is turned from this one
/// to where both families are seen.
const AZIMUTH: i32 = -52;
const ELEVATION: f64 = 22.0;
/// Width of the page.
const WIDTH: f64 = 900.0;
/// Angle between the lines of the wire frame.
const STEP: f64 = PI / 6.0;

/// Draws pairs on the sphere: row i of `u` (blue) and of `v` (red) joined by a dashed
/// line. Both are `[pairs, 3]`, of unit vectors. What lies behind is fainter; the sphere is
/// turned about its axis until enough of both families is in front.
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
    let (u, v) = (checked("U", u)?, checked("V", v)?);
    let azimuth = clear_azimuth(&u, &v);
    let [u, v] =
        [u, v].map(|points| points.into_iter().map(|point| seen(point, azimuth)).collect::<Vec<_>>());
    let entry = |label: &str, colour, key| Entry { label: label.to_owned(), colour, key };
    let legend = [
        entry("U_{i}", Colour::MATCHING, Key::Dot),
        entry("V_{i}", Colour::NON_MATCHING, Key::Dot),
        entry("partners", PARTNERS, Key::Dashed),
    ];
    let (mut canvas, body) = layout::page(title, &legend, WIDTH, WIDTH - 60.0)?;
    let ball = Ball { centre: body.centre(), radius: radius(body), azimuth };
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

fn checked(name: &str, points: ArrayView2<'_, f32>) -> Result<Vec<[f64; 3]>> {
    let point = |(index, row): (usize, ndarray::ArrayView1<'_, f32>)| {
        let point = [0, 1, 2].map(|k| f64::from(row[k]));
        let norm = point.iter().map(|x| x * x).sum::<f64>().sqrt();
        match (norm - 1.0).abs() < 1e-3 {
            true => Ok(point),
            false => Err(Error::Figure(format!("sphere: {name} row {index} has norm {norm}, expected 1"))),
        }
    };
    points.rows().into_iter().enumerate().map(point).collect()
}

/// The azimuth nearest to the usual one from where both families are well seen: of the one
/// with fewer points in front, about as many are as from any azimuth.
fn clear_azimuth(u: &[[f64; 3]], v: &[[f64; 3]]) -> f64 {
    let turn = |k: i32| (k + 1) / 2 * if k % 2 == 0 { 10 } else { -10 };
    let azimuths: Vec<f64> = (0..36).map(|k| f64::from(AZIMUTH + turn(k))).collect();
    let in_front =
        |points: &[[f64; 3]], azimuth| points.iter().filter(|point| seen(**point, azimuth).2 > 0.0).count();
    let score = |azimuth: &f64| in_front(u, *azimuth).min(in_front(v, *azimuth));
    let best = azimuths.iter().map(score).max().unwrap_or(0);
    azimuths.iter().copied().find(|azimuth| 4 * score(azimuth) >= 3 * best).unwrap_or(f64::from(AZIMUTH))
}

fn seen([x, y, z]: [f64; 3], azimuth: f64) -> Seen {
    let (sin_a, cos_a) = azimuth.to_radians().sin_cos();
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
    azimuth: f64,
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
                [latitude.cos() * s.cos(), latitude.cos() * s.sin(), latitude.sin()]
            });
            self.wire(canvas, behind, |s| [s.cos() * angle.cos(), s.cos() * angle.sin(), s.sin()]);
        }
        if !behind {
            let outline: Vec<Point> = steps().map(|s| self.at((s.cos(), s.sin(), 0.0))).collect();
            canvas.line(&outline, Pen::solid(WIRE, 1.8));
        }
    }

    /// The part of a closed curve that lies on one side.
    fn wire(&self, canvas: &mut Canvas, behind: bool, curve: impl Fn(f64) -> [f64; 3]) {
        let pen = Pen::solid(WIRE.tint(if behind { 0.35 } else { 0.75 }), 1.0);
        let points: Vec<Seen> = steps().map(curve).map(|point| seen(point, self.azimuth)).collect();
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
            let (colour, size) = if behind { (colour.tint(BEHIND + 0.1), 1.5) } else { (colour, 1.9) };
            canvas.disc(self.at(point), style::DOT * size + 1.6, Colour::WHITE);
            canvas.disc(self.at(point), style::DOT * size, colour);
        }
    }
}

/// Angles around a circle, the first again at the end.
fn steps() -> impl Iterator<Item = f64> {
    (0..=180).map(|k| f64::from(k) / 180.0 * TAU)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Antipodal families: whatever the first view hides of one, it shows of the other.
        #[test]
        fn both_families_are_seen(points in prop::collection::vec([-1.0..1.0_f64, -1.0..1.0, -0.3..0.3], 20..40)) {
            prop_assume!(points.iter().all(|[x, y, _]| x.hypot(*y) > 0.1));
            let u: Vec<[f64; 3]> = points.iter().map(|[x, y, z]| [x.abs(), *y, *z]).collect();
            let v: Vec<[f64; 3]> = u.iter().map(|point| point.map(|x| -x)).collect();
            let azimuth = clear_azimuth(&u, &v);
            for family in [&u, &v] {
                let in_front = family.iter().filter(|point| seen(**point, azimuth).2 > 0.0).count();
                prop_assert!(4 * in_front >= family.len(), "{in_front} of {} at {azimuth}", family.len());
            }
        }
    }
}
