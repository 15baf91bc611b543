//! SentencePiece's Unigram model, with its own normalisation.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::{Model, models::unigram::Unigram};

/// A Unigram model as SigLIP uses it: every text begins with the word mark "▁".
///
/// Only pieces, scores and the table of characters are taken from a file. The normalizer
/// of the published tokenizer.json leaves three punctuation characters in place, and
/// knows no final sigma; the reference is SentencePiece.
#[derive(Debug)]
pub(crate) struct SentencePiece {
    charsmap: CharsMap,
    model: Unigram,
}

/// The parts of SentencePiece's `ModelProto` that matter here, by their field numbers.
#[derive(Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<NormalizerSpec>,
}

#[derive(Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Message)]
struct TrainerSpec {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
    #[prost(bool, optional, tag = "35")]
    byte_fallback: Option<bool>,
}

#[derive(Message)]
struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "4")]
    remove_extra_whitespaces: Option<bool>,
}

/// The parts of tokenizer.json that matter here.
#[derive(Deserialize)]
struct Json {
    model: JsonModel,
    #[serde(default)]
    normalizer: Value,
}

#[derive(Deserialize)]
struct JsonModel {
    unk_id: Option<usize>,
    vocab: Vec<(String, f64)>,
    #[serde(default)]
    byte_fallback: bool,
}

#[derive(Deserialize)]
struct JsonKind {
    model: JsonModelKind,
}

#[derive(Deserialize)]
struct JsonModelKind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The table of characters, wherever in the sequence of normalizers it stands.
fn find_charsmap(normalizer: &Value) -> Option<&str> {
    match normalizer.get("precompiled_charsmap") {
        Some(charsmap) => charsmap.as_str(),
        None => normalizer.get("normalizers")?.as_array()?.iter().find_map(find_charsmap),
    }
}

const UNIGRAM: i32 = 1;
const UNKNOWN: i32 = 2;

impl SentencePiece {
    /// Reads `spiece.model`; an error says why it cannot be.
    pub(crate) fn from_proto(bytes: &[u8]) -> Result<Self, String> {
        let proto =
            ModelProto::decode(bytes).map_err(|error| format!("is not a SentencePiece model: {error}"))?;
        let (trainer, normalizer) = (proto.trainer.unwrap_or_default(), proto.normalizer.unwrap_or_default());
        if trainer.model_type.unwrap_or(UNIGRAM) != UNIGRAM {
            return Err("is not a Unigram model, which SigLIP's is".to_owned());
        }
        if normalizer.remove_extra_whitespaces == Some(false) {
            return Err("keeps repeated spaces, which SigLIP's tokenizer does not".to_owned());
        }
        let unknown = proto.pieces.iter().position(|piece| piece.kind == Some(UNKNOWN));
        let unknown = unknown.ok_or("has no unknown token")?;
        let pieces =
            proto.pieces.into_iter().map(|p| (p.piece.unwrap_or_default(), p.score.unwrap_or(0.0).into()));
        let byte_fallback = trainer.byte_fallback.unwrap_or(false);
        Self::new(pieces.collect(), unknown, byte_fallback, &normalizer.charsmap.unwrap_or_default())
    }

    /// Whether `tokenizer.json` holds a Unigram model; an error if it is not JSON.
    pub(crate) fn is_unigram(bytes: &[u8]) -> Result<bool, String> {
        let json: JsonKind = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(json.model.kind.as_deref() == Some("Unigram"))
    }

    /// Reads `tokenizer.json`; an error says why it cannot be.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let Json { model, normalizer } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let charsmap = find_charsmap(&normalizer).unwrap_or_default();
        let charsmap = BASE64_STANDARD.decode(charsmap).map_err(|error| error.to_string())?;
        Self::new(model.vocab, model.unk_id.ok_or("has no unknown token")?, model.byte_fallback, &charsmap)
    }

    fn new(
        pieces: Vec<(String, f64)>,
        unknown: usize,
        byte_fallback: bool,
        charsmap: &[u8],
    ) -> Result<Self, String> {
        let model = Unigram::from(pieces, Some(unknown), byte_fallback).map_err(|error| error.to_string())?;
        Ok(Self { charsmap: CharsMap::new(charsmap)?, model })
    }

    /// Id of a piece.
    pub(crate) fn id(&self, piece: &str) -> Option<u32> {
        self.model.token_to_id(piece)
    }

    /// Ids of the pieces of `text`, without special tokens.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let tokens = self.model.tokenize(&self.normalize(text)).map_err(|error| error.to_string())?;
        Ok(tokens.into_iter().map(|token| token.id).collect())
    }

    /// "▁", then the text with its characters replaced and every run of spaces as "▁".
    fn normalize(&self, text: &str) -> String {
        let mut normalized = String::from("▁");
        let mut rest = text;
        let mut after_space = false;
        while let Some(first) = rest.chars().next() {
            let (replacement, length) =
                self.charsmap.longest_match(rest).unwrap_or((&rest[..first.len_utf8()], first.len_utf8()));
            let replacement = if after_space { replacement.trim_start_matches(' ') } else { replacement };
            if !replacement.is_empty() {
                normalized.push_str(&replacement.replace(' ', "▁"));
                after_space = replacement.ends_with(' ');
            }
            rest = &rest[length..];
        }
        normalized.truncate(normalized.trim_end_matches('▁').len());
        normalized
    }
}

/// The replacements of characters, such as NFKC's: a double-array trie (darts-clone)
/// of what is replaced, whose leaves point to strings that end with NUL.
#[derive(Debug)]
struct CharsMap {
    trie: Vec<u32>,
    replacements: String,
}

impl CharsMap {
    fn new(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "has a damaged table of character replacements".to_owned();
        if bytes.is_empty() {
            return Ok(Self { trie: Vec::new(), replacements: String::new() });
        }
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (trie, replacements) =
            rest.split_at_checked(u32::from_le_bytes(*size) as usize).ok_or_else(damaged)?;
        let (units, []) = trie.as_chunks::<4>() else { return Err(damaged()) };
        Ok(Self {
            trie: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: String::from_utf8(replacements.to_vec()).map_err(|_| damaged())?,
        })
    }

    /// The replacement of the longest beginning of `text` that has one, and how many
    /// bytes it replaces.
    fn longest_match(&self, text: &str) -> Option<(&str, usize)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut position = offset(*self.trie.first()?);
        let mut longest = None;
        for (k, byte) in text.bytes().enumerate() {
            position ^= usize::from(byte);
            let Some(&unit) = self.trie.get(position) else { break };
            if unit & ((1 << 31) | 0xff) != u32::from(byte) {
                break;
            }
            position ^= offset(unit);
            let has_leaf = unit & (1 << 8) != 0;
            if has_leaf && let Some(leaf) = self.trie.get(position) {
                longest = Some(((leaf & 0x7fff_ffff) as usize, k + 1));
            }
        }
        let (start, length) = longest?;
        let replacement = self.replacements.get(start..)?.split('\0').next()?;
        // A damaged table could end within a character.
        text.is_char_boundary(length).then_some((replacement, length))
    }
}
