//! How OpenCLIP cleans a text before its tokenizer sees it.

use serde::Deserialize;
use tokenizers::normalizers::unicode::{NFC, NFKC};
use tokenizers::{NormalizedString, Normalizer};

/// What is done to a text, after entities of HTML and glyphs of typesetting are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cleaning {
    /// Single spaces.
    #[default]
    Whitespace,
    /// The same, and lower case.
    Lower,
    /// The same, without ASCII punctuation; an underscore is a space. SigLIP's.
    Canonicalize,
}

impl Cleaning {
    /// The clean text.
    ///
    /// OpenCLIP has the package ftfy mend texts first. Of that all is done here but the repair of
    /// text that was decoded in a wrong encoding ("Ã©" for "é"), and of escapes of terminals.
    pub(crate) fn clean(self, text: &str) -> String {
        let text = mended(text);
        let text = htmlize::unescape(htmlize::unescape(text));
        let text = match self {
            Self::Whitespace => text.into_owned(),
            Self::Lower => text.to_lowercase(),
            Self::Canonicalize => {
                let letters = text.replace('_', " ");
                letters.chars().filter(|c| !c.is_ascii_punctuation()).collect::<String>().to_lowercase()
            }
        };
        // U+001C to U+001F are spaces to Python.
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'));
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// What ftfy does to a text whose encoding is right.
fn mended(text: &str) -> String {
    // With `<` it may be markup.
    let text = if text.contains('<') { text.into() } else { htmlize::unescape(text) };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => plain.push('\''),
            '\u{201c}'..='\u{201f}' => plain.push('"'),
            '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => plain.push('\n'),
            'ŉ' => plain.push_str("'n"),
            'ﬅ' => plain.push_str("ſt"),
            // Ligatures, and letters of another width than usual.
            'Ĳ' | 'ĳ' | 'Ǆ'..='ǌ' | 'Ǳ'..='ǳ' | 'ﬀ'..='ﬆ' | '\u{3000}' | '\u{ff01}'..='\u{ffef}' => {
                plain.push_str(&normalized(&c.to_string(), &NFKC));
            }
            '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' => {}
            '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffc}' | '\u{feff}' => {}
            c => plain.push(c),
        }
    }
    normalized(&plain, &NFC)
}

/// The text in a normal form of Unicode.
fn normalized(text: &str, form: &impl Normalizer) -> String {
    let mut normalized = NormalizedString::from(text);
    match form.normalize(&mut normalized) {
        Ok(()) => normalized.get().to_owned(),
        Err(_) => text.to_owned(), // it has no reason to fail
    }
}

#[cfg(test)]
mod tests {
    use super::Cleaning;

    /// As `get_clean_fn("canonicalize")` of open_clip 3.3 with ftfy 6.3 gives them.
    #[test]
    fn a_text_is_cleaned_as_the_reference_does() {
        for (text, clean) in [
            ("Great White Shark, (Carcharodon)", "great white shark carcharodon"),
            ("well-known", "wellknown"),
            ("under_score", "under score"),
            (" - a dash ", "a dash"),
            ("it’s “quoted”", "its quoted"),
            ("salt &amp; pepper &eacute; &#233;", "salt pepper é é"),
            ("&amp;amp; twice", "twice"),
            ("ＬＯＵＤ！　ＮＯＩＳＥＳ", "loud noises"),
            ("½ cup of ﬁne flour", "½ cup of fine flour"),
            ("e\u{301}", "é"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("a\u{feff}b\u{7}c", "abc"),
            ("...", ""),
        ] {
            assert_eq!(Cleaning::Canonicalize.clean(text), clean, "{text}");
        }
        assert_eq!(Cleaning::Lower.clean(" A_b,  C "), "a_b, c");
        assert_eq!(Cleaning::Whitespace.clean(" A_b,  C "), "A_b, C");
    }
}
