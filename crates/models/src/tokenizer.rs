//! From texts to the token ids that the text tower takes.

use std::panic::catch_unwind;
use std::path::PathBuf;

use serde::Deserialize;
use tch::Tensor;
use tokenizers::Tokenizer as JsonTokenizer;

use crate::config::{Config, ModelType};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::json;
use crate::sentencepiece::SentencePiece;

/// A checkpoint's tokenizer, read from `spiece.model` or else `tokenizer.json`: a Unigram
/// model is SigLIP's, a BPE model SigLIP 2's.
///
/// Every text is lower-cased, and ends with one end token; it is truncated and padded
/// to the model's text length, as all models were trained. transformers does neither
/// unless asked, and lower-cases for SigLIP 2 only where its resolution is variable. No
/// mask goes to the model, as the published checkpoints ask.
#[derive(Debug)]
pub struct Tokenizer {
    file: PathBuf,
    pieces: Pieces,
    end: u32,
    padding: u32,
    /// Where padding goes.
    side: Side,
    length: usize,
    vocabulary: i64,
}

/// Where padding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    #[serde(alias = "Left")]
    Left,
    #[serde(alias = "Right")]
    Right,
}

#[derive(Debug)]
enum Pieces {
    /// SigLIP: SentencePiece's Unigram, without punctuation; padded with the end token.
    Siglip(Box<SentencePiece>),
    /// SigLIP 2: Gemma's BPE, of text lower-cased by the function.
    Siglip2(Box<JsonTokenizer>, fn(&str) -> String),
}

/// The keys of `tokenizer_config.json` that matter here.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Settings {
    eos_token: Option<Token>,
    pad_token: Option<Token>,
    padding_side: Option<Side>,
    tokenizer_class: Option<String>,
}

/// The keys of `tokenizer.json` that its own reader loses.
#[derive(Deserialize)]
struct Padded {
    padding: Option<Direction>,
}

#[derive(Deserialize)]
struct Direction {
    direction: Side,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Plain(String),
    Described { content: String },
}

impl Token {
    fn content(&self) -> &str {
        match self {
            Self::Plain(content) | Self::Described { content } => content,
        }
    }
}

/// Gemma's tokenizer.json has 34 MB.
const MAX_BYTES: u64 = 256 << 20;

impl Tokenizer {
    /// Reads the tokenizer of a checkpoint.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or lacks its special tokens.
    pub fn load(folder: &Folder, config: &Config) -> Result<Self> {
        let settings: Settings = match folder.find("tokenizer_config.json") {
            Some(file) => json::read(&file)?,
            None => Settings::default(),
        };
        let (file, pieces, direction) = load_pieces(folder, config.model_type)?;
        let (end, padding) = match pieces {
            Pieces::Siglip(_) => ("</s>", "</s>"),
            Pieces::Siglip2(..) => ("<eos>", "<pad>"),
        };
        let side = settings.padding_side.or(direction).unwrap_or_else(|| settings.usual_side());
        let id = |setting: &Option<Token>, usual: &str| {
            let token = setting.as_ref().map_or(usual, Token::content);
            let missing = || Error::tokenizer(&file, format!("has no token `{token}`"));
            pieces.id(token).ok_or_else(missing)
        };
        let (end, padding) = (id(&settings.eos_token, end)?, id(&settings.pad_token, padding)?);
        let text = &config.text_config;
        let (length, vocabulary) = (text.max_position_embeddings as usize, text.vocab_size);
        Ok(Self { pieces, end, padding, side, length, vocabulary, file })
    }

    /// Token ids `[texts, L]`, int64, of padded and truncated texts.
    ///
    /// # Errors
    /// If a token is not in the model's vocabulary, that is if the tokenizer is another model's.
    pub fn encode<S: AsRef<str>>(&self, texts: &[S]) -> Result<Tensor> {
        let mut ids = Vec::with_capacity(texts.len() * self.length);
        for text in texts {
            let mut row = self.pieces(text.as_ref())?;
            row.truncate(self.length - 1);
            row.push(self.end);
            let padding = std::iter::repeat_n(self.padding, self.length - row.len());
            match self.side {
                Side::Right => row.extend(padding),
                Side::Left => drop(row.splice(..0, padding)),
            }
            ids.extend(row.into_iter().map(i64::from));
        }
        if let Some(id) = ids.iter().find(|&&id| id >= self.vocabulary) {
            let reason = format!(
                "gives token {id}, beyond text_config.vocab_size ({}): another model's",
                self.vocabulary
            );
            return Err(Error::tokenizer(&self.file, reason));
        }
        Ok(Tensor::f_from_slice(&ids)?.f_view([texts.len() as i64, self.length as i64])?)
    }

    fn pieces(&self, text: &str) -> Result<Vec<u32>> {
        match &self.pieces {
            Pieces::Siglip(model) => {
                model.encode(&canonicalize(text)).map_err(|error| Error::tokenizer(&self.file, error))
            }
            Pieces::Siglip2(tokenizer, lowercase) => {
                let encoding = tokenizer.encode_fast(lowercase(text), false);
                Ok(encoding.map_err(|error| Error::tokenizer(&self.file, error))?.get_ids().to_vec())
            }
        }
    }
}

impl Pieces {
    fn id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Siglip(model) => model.id(token),
            Self::Siglip2(tokenizer, _) => tokenizer.token_to_id(token),
        }
    }
}

impl Settings {
    /// Where the classes of transformers pad that do not say it in the file.
    fn usual_side(&self) -> Side {
        let class = self.tokenizer_class.as_deref().unwrap_or_default();
        if class.starts_with("Gemma") || class.starts_with("Siglip2") { Side::Left } else { Side::Right }
    }
}

/// The file, its model, and where it says that padding goes.
fn load_pieces(folder: &Folder, family: ModelType) -> Result<(PathBuf, Pieces, Option<Side>)> {
    if let Some(file) = folder.find("spiece.model") {
        let bytes = json::read_limited(&file, MAX_BYTES)?;
        let model = SentencePiece::from_proto(&bytes).map_err(|reason| Error::tokenizer(&file, reason))?;
        return Ok((file, Pieces::Siglip(Box::new(model)), None));
    }
    let Some(file) = folder.find("tokenizer.json") else {
        return Err(Error::checkpoint(folder.path(), "holds neither spiece.model nor tokenizer.json"));
    };
    let bytes = json::read_limited(&file, MAX_BYTES)?;
    if SentencePiece::is_unigram(&bytes).map_err(|reason| Error::tokenizer(&file, reason))? {
        let model = SentencePiece::from_json(&bytes).map_err(|reason| Error::tokenizer(&file, reason))?;
        return Ok((file, Pieces::Siglip(Box::new(model)), None));
    }
    // The crate panics at some damage, such as half of a surrogate pair in its decoder.
    let parsed = catch_unwind(|| JsonTokenizer::from_bytes(&bytes).map_err(|error| error.to_string()));
    let parsed = parsed.unwrap_or_else(|_| Err("is damaged: its reader gave up".to_owned()));
    let mut tokenizer = parsed.map_err(|reason| Error::tokenizer(&file, reason))?;
    tokenizer.with_padding(None).with_truncation(None).map_err(|error| Error::tokenizer(&file, error))?;
    let padded: Padded = serde_json::from_slice(&bytes).map_err(|error| Error::tokenizer(&file, error))?;
    let lowercase = match family {
        ModelType::Siglip => str::to_lowercase,
        ModelType::Siglip2 => lowercase_each,
    };
    let direction = padded.padding.map(|padding| padding.direction);
    Ok((file, Pieces::Siglip2(Box::new(tokenizer), lowercase), direction))
}

/// Lower case of each character for itself, as transformers' tokenizer of SigLIP 2 has it: the
/// sigma at the end of a Greek word is as any other.
fn lowercase_each(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// SigLIP's canonical text: lower case, no ASCII punctuation, single spaces.
///
/// A leading space stays, although big_vision strips it: transformers puts its word mark
/// before it and then does not strip it, which adds a token to such texts.
pub fn canonicalize(text: &str) -> String {
    let text: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    // U+2581 is SentencePiece's own mark for a space; U+001C to U+001F are Python's.
    let is_space = |c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}' | '▁');
    let words: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    let lead = if text.starts_with(is_space) && !words.is_empty() { " " } else { "" };
    format!("{lead}{}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{canonicalize, lowercase_each};

    #[test]
    fn lower_case_has_a_final_sigma_or_not() {
        assert_eq!(lowercase_each("ΟΔΥΣΣΕΥΣ İ Straße"), "οδυσσευσ i\u{307} straße");
        assert_eq!("ΟΔΥΣΣΕΥΣ".to_lowercase(), "οδυσσευς");
    }

    #[test]
    fn canonical_text_is_that_of_the_reference() {
        for (text, canonical) in [
            ("Great White Shark, (Carcharodon)", "great white shark carcharodon"),
            ("well-known", "wellknown"),
            ("a / b < c", "a b c"),
            ("\tone\n\u{a0}two\u{1f}three ", " one two three"),
            ("- dash", " dash"),
            ("...", ""),
            ("   ", ""),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("¡Hola!", "¡hola"),
        ] {
            assert_eq!(canonicalize(text), canonical, "{text}");
        }
    }
}
