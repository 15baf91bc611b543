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

#[cfg(test)]
mod tests {
    use super::*;

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
