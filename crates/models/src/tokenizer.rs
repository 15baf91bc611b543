//! From texts to the token ids that the text tower takes.

use std::panic::catch_unwind;
use std::path::PathBuf;

use serde::Deserialize;
use tch::Tensor;
use tokenizers::Tokenizer as JsonTokenizer;

use crate::config::{Config, ModelType};
use crate::error::{Error, Result};
use crate::folder::{Folder, Layout};
use crate::json;
use crate::open_clip::{self, Description};
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
    cleaning: Cleaning,
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
    /// SigLIP: SentencePiece's Unigram; padded with the end token.
    Unigram(Box<SentencePiece>),
    /// SigLIP 2: Gemma's BPE. In OpenCLIP's layout whatever tokenizer.json has.
    Json(Box<JsonTokenizer>),
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
        let Loaded { file, pieces, is_unigram, side: direction } = Loaded::new(folder)?;
        let cleaning = match (folder.layout(), &pieces, config.model_type) {
            (Layout::OpenClip, ..) => Cleaning::OpenClip(Description::read(folder)?.cleaning()),
            (Layout::HuggingFace, Pieces::Unigram(_), _) => Cleaning::Canonical,
            (Layout::HuggingFace, Pieces::Json(_), ModelType::Siglip) => Cleaning::Lower,
            (Layout::HuggingFace, Pieces::Json(_), ModelType::Siglip2) => Cleaning::LowerEach,
        };
        let (end, padding) = match pieces {
            Pieces::Unigram(_) => ("</s>", "</s>"),
            Pieces::Json(_) if is_unigram => ("</s>", "</s>"),
            Pieces::Json(_) => ("<eos>", "<pad>"),
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
        Ok(Self { cleaning, pieces, end, padding, side, length, vocabulary, file })
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
        let text = self.cleaning.clean(text);
        match &self.pieces {
            Pieces::Unigram(model) => {
                model.encode(&text).map_err(|error| Error::tokenizer(&self.file, error))
            }
            Pieces::Json(tokenizer) => {
                let encoding = tokenizer.encode_fast(text, false);
                Ok(encoding.map_err(|error| Error::tokenizer(&self.file, error))?.get_ids().to_vec())
            }
        }
    }
}

impl Pieces {
    fn id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Unigram(model) => model.id(token),
            Self::Json(tokenizer) => tokenizer.token_to_id(token),
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

/// A tokenizer's file.
struct Loaded {
    file: PathBuf,
    pieces: Pieces,
    is_unigram: bool,
    /// Where it says that padding goes.
    side: Option<Side>,
}

impl Loaded {
    fn new(folder: &Folder) -> Result<Self> {
        let (spiece, json) = (folder.find("spiece.model"), folder.find("tokenizer.json"));
        let unigram = |file: PathBuf, model: Result<SentencePiece, String>| {
            let model = model.map_err(|reason| Error::tokenizer(&file, reason))?;
            Ok(Self { file, pieces: Pieces::Unigram(Box::new(model)), is_unigram: true, side: None })
        };
        match (folder.layout(), spiece, json) {
            (Layout::HuggingFace, Some(file), _) | (Layout::OpenClip, Some(file), None) => {
                let bytes = json::read_limited(&file, MAX_BYTES)?;
                unigram(file, SentencePiece::from_proto(&bytes))
            }
            (layout, _, Some(file)) => {
                let bytes = json::read_limited(&file, MAX_BYTES)?;
                let is_unigram =
                    SentencePiece::is_unigram(&bytes).map_err(|reason| Error::tokenizer(&file, reason))?;
                if is_unigram && layout == Layout::HuggingFace {
                    return unigram(file, SentencePiece::from_json(&bytes));
                }
                let (pieces, side) = read_json(&bytes).map_err(|reason| Error::tokenizer(&file, reason))?;
                Ok(Self { file, pieces, is_unigram, side })
            }
            (_, None, None) => {
                Err(Error::checkpoint(folder.path(), "holds neither spiece.model nor tokenizer.json"))
            }
        }
    }
}

/// `tokenizer.json` as it is, and where it says that padding goes; an error says why it cannot be.
fn read_json(bytes: &[u8]) -> Result<(Pieces, Option<Side>), String> {
    // The crate panics at some damage, such as half of a surrogate pair in its decoder.
    let parsed = catch_unwind(|| JsonTokenizer::from_bytes(bytes).map_err(|error| error.to_string()));
    let mut tokenizer = parsed.unwrap_or_else(|_| Err("is damaged: its reader gave up".to_owned()))?;
    tokenizer.with_padding(None).with_truncation(None).map_err(|error| error.to_string())?;
    let padded: Padded = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok((Pieces::Json(Box::new(tokenizer)), padded.padding.map(|padding| padding.direction)))
}

/// What is done to a text before it is cut into pieces.
#[derive(Debug, Clone, Copy)]
enum Cleaning {
    /// [`canonicalize`]: SigLIP.
    Canonical,
    /// Lower case: SigLIP 2 of a fixed resolution.
    Lower,
    /// [`lowercase_each`]: SigLIP 2 of variable resolution.
    LowerEach,
    /// As the file says.
    OpenClip(open_clip::Cleaning),
}

impl Cleaning {
    fn clean(self, text: &str) -> String {
        match self {
            Self::Canonical => canonicalize(text),
            Self::Lower => text.to_lowercase(),
            Self::LowerEach => lowercase_each(text),
            Self::OpenClip(cleaning) => cleaning.clean(text),
        }
    }
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
