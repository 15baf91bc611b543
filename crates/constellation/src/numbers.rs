//! Numbers and times as a reader wants them.

use std::time::Duration;

/// About four significant digits: `1.09e-6`, `0.0124`, `950.98`.
pub fn short(x: f64) -> String {
    match x.abs() {
        _ if x == 0.0 => "0".to_owned(),
        _ if !x.is_finite() => x.to_string(),
        size if size < 1e-3 => format!("{x:.2e}"),
        size if size < 10.0 => format!("{x:.4}"),
        size if size < 1e6 => format!("{x:.2}"),
        _ => format!("{x:.3e}"),
    }
}

/// A count with separators: `50,000`.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share: `97.5 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `12 s`, `3 min 5 s`, `2 h 10 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `count` equidistant numbers from `first` to `last`, both included.
pub fn equidistant(first: f64, last: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| first + (last - first) * k as f64 / (count - 1) as f64).collect()
}

/// Mean and sample standard deviation; that of a single value is 0.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / values.len().saturating_sub(1).max(1) as f64).sqrt())
}

/// Slope and intercept of the straight line with the least squared distance in y.
pub fn line_through(x: &[f64], y: &[f64]) -> (f64, f64) {
    let (mean_x, _) = mean_and_deviation(x);
    let (mean_y, _) = mean_and_deviation(y);
    let squares: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    let products: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (products / squares, mean_y - products / squares * mean_x)
}

/// Pearson's correlation of two equally long columns.
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let ((mean_x, sd_x), (mean_y, sd_y)) = (mean_and_deviation(x), mean_and_deviation(y));
    let products: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    products / ((x.len() as f64 - 1.0) * sd_x * sd_y)
}

/// The rank of each value from 1, equal values with their mean rank: [`correlation`] of ranks is
/// Spearman's.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let less = values.iter().filter(|other| *other < value).count();
        let same = values.iter().filter(|other| *other == value).count();
        less as f64 + (same as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anscombe's first quartet: slope 0.5001, intercept 3.0001, correlation 0.8164.
    #[test]
    fn lines_and_correlations_are_those_of_a_famous_example() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let (slope, intercept) = line_through(&x, &y);
        assert!((slope - 0.500_091).abs() < 1e-6 && (intercept - 3.000_091).abs() < 1e-6);
        assert!((correlation(&x, &y) - 0.816_421).abs() < 1e-6);
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 7.0]), [2.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn short_numbers_keep_their_digits() {
        let texts = [1.0854e-6, 0.01238, 950.984, 0.0].map(short);
        assert_eq!(texts, ["1.09e-6", "0.0124", "950.98", "0"]);
    }

    #[test]
    fn counts_have_separators() {
        let texts = [0, 7, 1000, 50_000, 3_000_000].map(thousands);
        assert_eq!(texts, ["0", "7", "1,000", "50,000", "3,000,000"]);
    }

    #[test]
    fn times_are_readable() {
        let texts = [59, 185, 7800].map(|seconds| duration(Duration::from_secs(seconds)));
        assert_eq!(texts, ["59 s", "3 min 5 s", "2 h 10 min"]);
    }
}
