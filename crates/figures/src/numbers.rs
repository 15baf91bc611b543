//! Numbers as a reader wants them at an axis.

/// A tick's number, with the digits that steps of `step` need.
pub(super) fn number(value: f64, step: f64) -> String {
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if value != 0.0 && !(1e-4..1e6).contains(&value.abs().max(step)) {
        return power_of_ten(value, (value.abs() / step).log10().ceil().clamp(0.0, 12.0) as usize);
    }
    let decimals = (0..10).find(|decimals| {
        let scaled = step * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    grouped(&format!("{value:.*}", decimals.unwrap_or(10) as usize))
}

/// A number in at most three digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1e-3..1e5 => {
            let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 5) as usize;
            let digits = format!("{value:.decimals$}");
            grouped(without_final_zeros(&digits))
        }
        _ => scientific(value),
    }
}

/// A number as a power of ten times at most two digits.
pub(super) fn scientific(value: f64) -> String {
    power_of_ten(value, 1)
}

/// A number as a power of ten times a number of at most `decimals` decimals.
fn power_of_ten(value: f64, decimals: usize) -> String {
    let written = format!("{value:.decimals$e}");
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    match without_final_zeros(digits) {
        "1" => format!("10^{{{exponent}}}"),
        "-1" => format!("−10^{{{exponent}}}"),
        digits => format!("{digits}×10^{{{exponent}}}"),
    }
}

fn without_final_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Sets a comma between thousands.
fn grouped(digits: &str) -> String {
    let whole_end = digits.find('.').unwrap_or(digits.len());
    let start = usize::from(digits.starts_with('-'));
    if whole_end - start < 4 {
        return digits.to_owned();
    }
    let mut grouped = String::new();
    for (index, digit) in digits.char_indices() {
        if index > start && index < whole_end && (whole_end - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, written) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (950.98, "951"),
            (12345.0, "12,345"),
            (1.2e-7, "1.2×10^{-7}"),
            (100.0, "100"),
        ] {
            assert_eq!(short(value), written);
        }
    }
}
