//! Lines of text: notation, measure, wrapping.
//!
//! `_{…}` lowers and `^{…}` raises, as in TeX: `b_{rel}`, `10^{-5}`. A plain `b_rel`
//! means `b_{rel}`, and a hyphen before a number is drawn as a minus sign.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont};

/// Embedded, so that a figure has the same pixels on every machine.
const FONT: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");

/// Distance between base lines, in units of the font size.
pub(super) const LEADING: f64 = 1.3;

/// One line of text, ready to draw: glyphs with places relative to its start on the base line.
pub(super) struct Line {
    pub(super) glyphs: Vec<(GlyphId, (f64, f64), PxScale)>,
    pub(super) width: f64,
}

/// Parsing costs microseconds, so the font is not kept between calls.
pub(super) fn font() -> FontRef<'static> {
    FontRef::try_from_slice(FONT).expect("the embedded font is valid")
}

/// Places the glyphs of one line of `text` at font size `size`.
pub(super) fn lay_out(text: &str, size: f64) -> Line {
    let font = font();
    let em = font.units_per_em().unwrap_or(2048.0);
    let mut line = Line { glyphs: Vec::new(), width: 0.0 };
    for (run, level) in runs(text) {
        let (scale, rise) = match level {
            Level::Base => (1.0, 0.0),
            Level::Lowered => (0.7, 0.18),
            Level::Raised => (0.7, -0.38),
        };
        let pixels = PxScale::from((size * scale) as f32 * font.height_unscaled() / em);
        let scaled = font.as_scaled(pixels);
        let mut previous = None;
        for character in run.chars() {
            let glyph = scaled.glyph_id(character);
            if let Some(previous) = previous {
                line.width += f64::from(scaled.kern(previous, glyph));
            }
            line.glyphs.push((glyph, (line.width, rise * size), pixels));
            line.width += f64::from(scaled.h_advance(glyph));
            previous = Some(glyph);
        }
    }
    line
}

/// Width of one line of `text` at font size `size`.
pub(super) fn width(text: &str, size: i32) -> i32 {
    lay_out(text, size.into()).width.ceil() as i32
}

/// Height of `text`, which may have several lines.
pub(super) fn height(text: &str, size: i32) -> i32 {
    (f64::from(size) * LEADING) as i32 * text.lines().count() as i32
}

/// Breaks `text` at spaces into as few lines as fit into `room`, of about equal length; a
/// longer word stands alone. Line breaks in `text` are kept.
pub(super) fn wrap(text: &str, size: i32, room: i32) -> String {
    wrap_to(usize::MAX, text, size, room)
}

/// As [`wrap`], in at most `most` lines; what does not fit is left out, with an ellipsis.
pub(super) fn wrap_to(most: usize, text: &str, size: i32, room: i32) -> String {
    let mut lines = fill(text, size, room);
    if lines.len() > most {
        lines.truncate(most);
        return format!("{}…", lines.join("\n").trim_end_matches([' ', ',', ':']));
    }
    let narrower = (20..40).map(|k| fill(text, size, room * k / 40));
    let fits = |other: &Vec<String>| {
        other.len() == lines.len() && other.iter().all(|line| width(line, size) <= room)
    };
    narrower.into_iter().find(fits).unwrap_or(lines).join("\n")
}

/// Fills each line as far as it goes.
fn fill(text: &str, size: i32, room: i32) -> Vec<String> {
    let mut lines = Vec::new();
    // An equation stays in one piece.
    for paragraph in text.replace(" = ", "\u{a0}=\u{a0}").lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && width(&longer, size) > room {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            } else {
                line = longer;
            }
        }
        lines.push(line);
    }
    lines.iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Level {
    Base,
    Lowered,
    Raised,
}

/// Splits `text` into runs at one level each.
fn runs(text: &str) -> Vec<(String, Level)> {
    let text = with_minus_signs(&text.replace("b_rel", "b_{rel}"));
    let mut runs = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = ["_{", "^{"].iter().filter_map(|mark| rest.find(mark)).min() {
        let Some(end) = rest[start..].find('}').map(|end| start + end) else { break };
        let level = if rest[start..].starts_with('_') { Level::Lowered } else { Level::Raised };
        runs.push((rest[..start].to_owned(), Level::Base));
        runs.push((rest[start + 2..end].to_owned(), level));
        rest = &rest[end + 1..];
    }
    runs.push((rest.to_owned(), Level::Base));
    runs
}

/// A hyphen that begins a number becomes a minus sign; one inside a word stays.
fn with_minus_signs(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_minus = |k: usize| {
        let opens = k == 0 || " =([{,±".contains(characters[k - 1]);
        let number = characters.get(k + 1).is_some_and(|c| c.is_ascii_digit() || ".∞".contains(*c));
        characters[k] == '-' && opens && number
    };
    (0..characters.len()).map(|k| if is_minus(k) { '−' } else { characters[k] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_is_split_into_levels() {
        let base = |text: &str| (text.to_owned(), Level::Base);
        let lowered = |text: &str| (text.to_owned(), Level::Lowered);
        assert_eq!(runs("b_rel = -1"), [base("b"), lowered("rel"), base(" = −1")]);
        assert_eq!(runs("10^{-5}"), [base("10"), ("−5".to_owned(), Level::Raised), base("")]);
        assert_eq!(runs("non-matching, so400m-224"), [base("non-matching, so400m-224")]);
        assert_eq!(runs("x_{unclosed"), [base("x_{unclosed")]);
    }

    #[test]
    fn wrapped_lines_fit_and_lose_nothing() {
        let text = "The margin of the constellations that gradient descent finds";
        let lines = wrap(text, 20, 200);
        assert!(lines.lines().count() > 1);
        assert!(lines.lines().all(|line| width(line, 20) <= 200));
        assert_eq!(lines.replace('\n', " "), text);
    }

    #[test]
    fn an_equation_is_not_broken() {
        let text = "Margin over training at b_rel = 0, N = 100, d = 10: median of 20 seeds";
        for room in 100..700 {
            let lines = wrap(text, 20, room);
            assert!(lines.lines().all(|line| !line.starts_with('=') && !line.ends_with('=')), "{lines}");
            assert_eq!(lines.replace('\n', " "), text);
        }
    }

    #[test]
    fn every_character_that_figures_use_is_in_the_font() {
        let font = font();
        for character in "−±×≤≥≠∞δξηλβ⟨⟩‖·…–→°√✓✗⁸₀".chars() {
            assert_ne!(font.glyph_id(character), GlyphId(0), "{character}");
        }
    }
}
