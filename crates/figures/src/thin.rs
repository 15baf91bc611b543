//! Fewer points, the same picture.

use crate::canvas::Point;

/// Leaves out points that no eye could tell: of the consecutive points in half a pixel's
/// width only the first, lowest, highest and last stay, so that spikes survive.
pub(super) fn thin(points: &[Point]) -> Vec<Point> {
    let mut kept = Vec::new();
    for column in columns(points) {
        let mut extremes = [0, 0, 0, column.len() - 1];
        for (index, point) in column.iter().enumerate() {
            if point.1 < column[extremes[1]].1 {
                extremes[1] = index;
            }
            if point.1 > column[extremes[2]].1 {
                extremes[2] = index;
            }
        }
        extremes.sort_unstable();
        let mut before = None;
        for index in extremes {
            if before != Some(index) {
                kept.push(column[index]);
            }
            before = Some(index);
        }
    }
    kept
}

/// Runs of consecutive points within half a pixel's width.
fn columns(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| (a.0 * 2.0).floor() == (b.0 * 2.0).floor())
}

/// As [`thin`], keeping the whole of the band.
pub(super) fn thin_band(low: &[Point], high: &[Point]) -> (Vec<Point>, Vec<Point>) {
    let mut start = 0;
    let mut thinned = (Vec::new(), Vec::new());
    for column in columns(low) {
        let range = start..start + column.len();
        // Upwards on the page is towards smaller values.
        let lowest = column.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
        let highest = high[range.clone()].iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        thinned.0.push((column[0].0, lowest));
        thinned.1.push((column[0].0, highest));
        start = range.end;
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn thinning_keeps_ends_and_extremes(values in prop::collection::vec(-1e3..1e3f64, 1..2000)) {
            let points: Vec<Point> =
                values.iter().enumerate().map(|(k, y)| (k as f64 / 200.0, *y)).collect();
            let kept = thin(&points);
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[points.len() - 1]));
            let extent = |points: &[Point]| axes::extent(points.iter().map(|point| point.1));
            prop_assert_eq!(extent(&kept), extent(&points));
            prop_assert!(kept.len() <= 4 * (values.len() / 100 + 1));
        }
    }
}
