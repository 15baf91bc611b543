//! Descriptions in JSON: errors name the key, and single keys can be replaced.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// A description from JSON, its values not yet validated.
///
/// # Errors
/// [`Error::Description`] names a key that is unknown or of the wrong type.
pub fn read<'de, T: Deserialize<'de>>(
    source: impl serde::Deserializer<'de, Error = serde_json::Error>,
) -> Result<T> {
    serde_path_to_error::deserialize(source).map_err(|error| Error::Description {
        key: format!("`{}`", error.path()),
        reason: error.into_inner().to_string(),
    })
}

/// A description from a whole text of JSON, its values not yet validated.
///
/// # Errors
/// As [`read`]; text after the description is an error as well.
pub fn from_json<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let description = read(&mut deserializer)?;
    deserializer.end().map_err(|error| Error::Description {
        key: "after the description".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(description)
}

/// The description with some keys replaced, its values not yet validated:
/// `replace(&experiment, &["temperature.init=5"])`. A value is JSON, or else a bare word.
///
/// # Errors
/// As [`read`]; an assignment without `=` is an error as well.
pub fn replace<T, S>(description: &T, assignments: &[S]) -> Result<T>
where
    T: Serialize + for<'de> Deserialize<'de>,
    S: AsRef<str>,
{
    let mut value = serde_json::to_value(description).expect("a description is valid JSON");
    for assignment in assignments {
        let assignment = assignment.as_ref();
        let (key, word) = assignment.split_once('=').ok_or_else(|| Error::Description {
            key: format!("`{assignment}`"),
            reason: "expected KEY=VALUE".to_owned(),
        })?;
        let word = word.trim();
        let new = serde_json::from_str(word).unwrap_or_else(|_| Value::String(word.to_owned()));
        *at(&mut value, key.trim())? = new;
    }
    read(value)
}

/// The place of a dotted key, which `description` must have.
pub(crate) fn at<'a>(description: &'a mut Value, key: &str) -> Result<&'a mut Value> {
    let error = || Error::Description { key: format!("`{key}`"), reason: "no such key".to_owned() };
    description.pointer_mut(&format!("/{}", key.replace('.', "/"))).ok_or_else(error)
}

/// `[dotted key, value]` of every leaf of a description, in a fixed order.
pub fn entries(description: &impl Serialize) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(description).expect("a description is valid JSON"), &mut rows);
    rows
}

fn flatten(key: &str, value: &Value, rows: &mut Vec<[String; 2]>) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, rows);
            }
        }
        Value::String(word) => rows.push([key.to_owned(), word.clone()]),
        Value::Null => rows.push([key.to_owned(), "none".to_owned()]),
        value => rows.push([key.to_owned(), value.to_string()]),
    }
}
