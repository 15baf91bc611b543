//! The tokenizer of the small towers: the words of the names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use models::canonicalize;

/// Ids 0, 1 and 2, as in SigLIP's own tokenizer. The end token is also what pads.
const SPECIAL: [&str; 3] = ["<pad>", "</s>", "<unk>"];
/// Id of the end token.
pub(crate) const END: usize = 1;
const UNKNOWN: usize = 2;

/// Number of tokens of [`tokenizer`].
pub(crate) fn vocabulary_size<S: AsRef<str>>(names: &[S]) -> usize {
    SPECIAL.len() + words(names).len()
}

/// `tokenizer.json`: SigLIP's normalisation, and a Unigram model whose pieces are the
/// words of the canonical `names`, each with its log frequency as score.
pub(crate) fn tokenizer<S: AsRef<str>>(names: &[S]) -> Value {
    let words = words(names);
    let total: usize = words.values().sum();
    let special = SPECIAL.iter().map(|token| json!([token, 0.0]));
    let pieces =
        words.iter().map(|(word, &count)| json!([format!("▁{word}"), (count as f64 / total as f64).ln()]));
    let added = SPECIAL.iter().enumerate().map(|(id, token)| {
        json!({
            "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    });
    let metaspace =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"Regex": PUNCTUATION}, "content": ""},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Strip", "strip_left": true, "strip_right": true},
        ]},
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [
                {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "</s>", "type_id": 1}},
            ],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [END], "tokens": ["</s>"]}},
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram", "unk_id": UNKNOWN, "byte_fallback": false,
            "vocab": special.chain(pieces).collect::<Vec<_>>(),
        },
    })
}

/// `tokenizer_config.json` for texts of `length` tokens. Only `input_ids` are the
/// model's input: padding is not masked.
pub(crate) fn tokenizer_config(length: i64) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "processor_class": "SiglipProcessor",
        "model_input_names": ["input_ids"],
        "model_max_length": length,
        "padding_side": "right",
        "pad_token": "</s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    })
}

/// The 32 characters that [`canonicalize`] deletes.
const PUNCTUATION: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]\^_`{|}~]"##;

/// How often each word occurs in the canonical names, in order of the words.
fn words<S: AsRef<str>>(names: &[S]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        for word in canonicalize(name.as_ref()).split_whitespace() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::{Config, Folder, TextConfig, Tokenizer};

    #[test]
    fn a_text_becomes_the_ids_of_its_words() {
        let names = ["cat face", "dog face", "flag: Côte d’Ivoire"];
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer(&names).to_string()).unwrap();
        std::fs::write(folder.path().join("tokenizer_config.json"), tokenizer_config(6).to_string()).unwrap();
        let text_config = TextConfig {
            vocab_size: vocabulary_size(&names) as i64,
            max_position_embeddings: 6,
            ..TextConfig::default()
        };
        let folder = Folder::new(folder.path().to_str().unwrap()).unwrap();
        let ids = Tokenizer::load(&folder, &Config { text_config, ..Config::default() }).unwrap();
        // cat 3, côte 4, dog 5, d’ivoire 6, face 7, flag 8; 1 ends and pads, 2 is unknown.
        let encode = |text: &str| Vec::<i64>::try_from(ids.encode(&[text]).unwrap().get(0)).unwrap();
        assert_eq!(encode("Cat  FACE!"), [3, 7, 1, 1, 1, 1]);
        assert_eq!(encode("flag: Côte d’Ivoire"), [8, 4, 6, 1, 1, 1]);
        assert_eq!(encode("zebra face"), [2, 7, 1, 1, 1, 1]);
        assert_eq!(encode("cat cat cat cat cat cat cat"), [3, 3, 3, 3, 3, 1]);
        assert_eq!(encode(""), [1; 6]);
    }
}
