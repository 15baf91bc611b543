//! Paired points on the unit sphere.

use std::f64::consts::{PI, TAU};

use ndarray::ArrayView2;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::element::PathElement;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::Color as _;

use crate::canvas::Canvas;
use crate::error::{Error, Result};
use crate::figure::Figure;
use crate::legend::{Entry, Key};
use crate::marks;
use crate::page::Page;
use crate::style::{self, Colour, PIXEL};

/// Direction that the sphere is seen from, in degrees; the azimuth is turned from this one
/// to where both families are seen.
const AZIMUTH: i32 = -52;
const ELEVATION: f64 = 22.0;
/// Width of the page.
const WIDTH: i32 = 900 * PIXEL;
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
    let legend = [
        Entry::new("U_{i}", Colour::MATCHING, Key::Dot),
        Entry::new("V_{i}", Colour::NON_MATCHING, Key::Dot),
        Entry::new("partners", PARTNERS, Key::Dashed),
    ];
    let side = WIDTH - 60 * PIXEL;
    let page = Page::new(title, &legend, WIDTH, side)?;
    let margin = (page.body.dim_in_pixel().0 as i32 - side) / 2;
    let mut builder = ChartBuilder::on(&page.body);
    builder.margin(14 * PIXEL).margin_left(margin + 14 * PIXEL).margin_right(margin + 14 * PIXEL);
    let mut chart: Disc = builder.build_cartesian_2d(-1.0..1.0, -1.0..1.0)?;
    // From back to front.
    for behind in [true, false] {
        draw_wires(&mut chart, azimuth, behind)?;
        for (u, v) in u.iter().zip(&v) {
            draw_partners(&mut chart, *u, *v, behind)?;
        }
        draw_points(&mut chart, &[(&u, Colour::MATCHING), (&v, Colour::NON_MATCHING)], behind)?;
    }
    page.finish()
}

/// The plane that the sphere is seen in: to the right, and up.
type Disc = ChartContext<'static, Canvas, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

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
        if (norm - 1.0).abs() < 1e-3 {
            Ok(point)
        } else {
            Err(Error::Figure(format!("sphere: {name} row {index} has norm {norm}, expected 1")))
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

/// Circles of latitude and longitude, and in front the outline.
fn draw_wires(chart: &mut Disc, azimuth: f64, behind: bool) -> Result<()> {
    let mut wire = |curve: &dyn Fn(f64) -> [f64; 3]| -> Result<()> {
        let pen = WIRE.tint(if behind { 0.35 } else { 0.75 }).stroke_width(style::HAIRLINE);
        let points: Vec<Seen> = steps().map(|s| seen(curve(s), azimuth)).collect();
        let side = points.windows(2).filter(|ends| (ends[0].2 + ends[1].2 < 0.0) == behind);
        chart.draw_series(side.map(|ends| PathElement::new([ends[0], ends[1]].map(|p| (p.0, p.1)), pen)))?;
        Ok(())
    };
    for k in 0..(PI / STEP).round() as usize {
        let angle = k as f64 * STEP;
        let (height, radius) = (angle - PI / 2.0).sin_cos();
        wire(&|s| [radius * s.cos(), radius * s.sin(), height])?;
        wire(&|s| [s.cos() * angle.cos(), s.cos() * angle.sin(), s.sin()])?;
    }
    if !behind {
        chart.draw_series(LineSeries::new(steps().map(|s| (s.cos(), s.sin())), WIRE.stroke_width(5)))?;
    }
    Ok(())
}

/// The part of the line between two partners on one side of the sphere's middle plane.
fn draw_partners(chart: &mut Disc, u: Seen, v: Seen, behind: bool) -> Result<()> {
    let between = |part: f64| (u.0 + part * (v.0 - u.0), u.1 + part * (v.1 - u.1));
    let crossing = u.2 / (u.2 - v.2);
    let (from, to) = match (u.2 < 0.0, v.2 < 0.0) {
        (u_behind, v_behind) if u_behind == v_behind && u_behind != behind => return Ok(()),
        (u_behind, v_behind) if u_behind == v_behind => (0.0, 1.0),
        (u_behind, _) if u_behind == behind => (0.0, crossing),
        _ => (crossing, 1.0),
    };
    let pen = PARTNERS.tint(if behind { BEHIND } else { 1.0 }).stroke_width(6);
    chart.draw_series(DashedLineSeries::new([between(from), between(to)], 20, 19, pen))?;
    Ok(())
}

/// The points on one side, the nearest last, with a white edge that sets them apart.
fn draw_points(chart: &mut Disc, families: &[(&Vec<Seen>, Colour)], behind: bool) -> Result<()> {
    let of = |(points, colour): &(&Vec<Seen>, Colour)| {
        let colour = *colour;
        points.iter().map(move |point| (*point, colour)).collect::<Vec<_>>()
    };
    let mut points: Vec<(Seen, Colour)> = families.iter().flat_map(of).collect();
    points.retain(|(point, _)| (point.2 < 0.0) == behind);
    points.sort_by(|a, b| a.0.2.total_cmp(&b.0.2));
    for ((right, up, _), colour) in points {
        let (colour, size) = if behind { (colour.tint(BEHIND + 0.1), 22) } else { (colour, 28) };
        chart.draw_series([marks::disc((right, up), size, 5, colour)])?;
    }
    Ok(())
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
