//! Principal axes, onto which vectors of more than three dimensions are projected.

use ndarray::{Array1, Array2, Axis};

/// Three orthonormal axes `[3, dim]` and the share of the variance along each.
pub(super) struct Axes {
    pub(super) rows: Array2<f64>,
    pub(super) share: [f64; 3],
}

/// The axes along which `points` `[n, dim]` vary most, by subspace iteration; up to
/// three dimensions the coordinate axes themselves (rows beyond `dim` are zero).
///
/// Where eigenvalues are close, the axes are some orthonormal basis of the space that
/// belongs to them, which serves a projection as well.
pub(super) fn principal(points: &Array2<f64>) -> Axes {
    let dim = points.ncols();
    let mean = points.mean_axis(Axis(0)).expect("there are points");
    let centred = points - &mean;
    let total = centred.iter().map(|x| x * x).sum::<f64>();
    // The start is fixed, so the same run gives the same picture.
    let mut rows = Array2::from_shape_fn((3, dim), |(i, j)| match dim {
        ..=3 => f64::from(i == j),
        _ => ((1 + i + 3 * j) as f64 * 0.754_877_666).fract() - 0.5,
    });
    if dim > 3 {
        orthonormalise(&mut rows);
        for _ in 0..STEPS {
            rows = centred.dot(&rows.t()).t().dot(&centred);
            orthonormalise(&mut rows);
        }
        rows.rows_mut().into_iter().for_each(fix_sign);
    }
    let share = [0, 1, 2].map(|i| {
        let along: f64 = centred.dot(&rows.row(i)).iter().map(|x| x * x).sum();
        if total > 0.0 { along / total } else { 0.0 }
    });
    Axes { rows, share }
}

/// Enough for a picture: axes whose eigenvalues differ by 10 % agree to 1e-8.
const STEPS: usize = 200;

/// Gram-Schmidt; a row that depends on those before it becomes a coordinate axis.
fn orthonormalise(rows: &mut Array2<f64>) {
    for i in 0..rows.nrows() {
        let mut candidates = std::iter::once(rows.row(i).to_owned())
            .chain((0..rows.ncols()).map(|j| Array1::from_shape_fn(rows.ncols(), |k| f64::from(j == k))));
        let unit = candidates
            .find_map(|mut row| {
                let size = row.dot(&row).sqrt();
                for k in 0..i {
                    let along = row.dot(&rows.row(k));
                    row.scaled_add(-along, &rows.row(k));
                }
                let rest = row.dot(&row).sqrt();
                (rest > 1e-9 * size && rest > 0.0).then(|| row / rest)
            })
            .expect("one of dim > 3 coordinate axes is independent of two rows");
        rows.row_mut(i).assign(&unit);
    }
}

/// An axis has no direction: the largest component is made positive.
fn fix_sign(mut row: ndarray::ArrayViewMut1<'_, f64>) {
    let largest = row.iter().copied().reduce(|a, b| if b.abs() > a.abs() { b } else { a });
    if largest.is_some_and(|x| x < 0.0) {
        row.mapv_inplace(|x| -x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_orthonormal_and_ordered() {
        // Variances 9, 4, 1 and 0.25 along the coordinate axes, which are then the principal ones.
        let points = Array2::from_shape_fn((8, 4), |(i, j)| {
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            if i / 2 == j { sign * [3.0, 2.0, 1.0, 0.5][j] } else { 0.0 }
        });
        let axes = principal(&points);
        for i in 0..3 {
            for j in 0..4 {
                assert!((axes.rows[[i, j]] - f64::from(i == j)).abs() < 1e-9, "{:?}", axes.rows);
            }
        }
        for (share, expected) in axes.share.iter().zip([9.0, 4.0, 1.0]) {
            assert!((share - expected / 14.25).abs() < 1e-9, "{:?}", axes.share);
        }
    }

    #[test]
    fn degenerate_points_have_axes_too() {
        for dim in [1, 2, 3, 5] {
            let axes = principal(&Array2::ones((4, dim)));
            assert!(axes.rows.iter().all(|x| x.is_finite()) && axes.share == [0.0; 3]);
        }
    }
}
