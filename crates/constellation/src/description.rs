//! Descriptions in JSON: errors name the key, and single keys can be replaced.

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
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

/// A description from a whole text of JSON, its values not yet validated. A byte-order mark before
/// it is skipped.
///
/// # Errors
/// As [`read`]; text after the description, a key that is there twice, at any depth, and a list in
/// place of an object are errors as well.
pub fn from_json<T: Serialize + for<'de> Deserialize<'de>>(json: &str) -> Result<T> {
    let json = json.trim_start_matches('\u{feff}');
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let written = Unique::read(&mut deserializer)?;
    deserializer.end().map_err(|error| Error::Description {
        key: "after the description".to_owned(),
        reason: error.to_string(),
    })?;
    without_lists(read(&mut serde_json::Deserializer::from_str(json))?, &written)
}

/// As [`read`], of JSON that is a value already; a list in place of an object is an error.
pub(crate) fn read_value<T: Serialize + for<'de> Deserialize<'de>>(value: Value) -> Result<T> {
    without_lists(read(value.clone())?, &value)
}

/// The description that was read from `written`, unless a list was taken for an object's values.
fn without_lists<T: Serialize>(description: T, written: &Value) -> Result<T> {
    let understood = serde_json::to_value(&description).expect("a description is valid JSON");
    match list_for_object("", written, &understood) {
        Some(key) => {
            let reason = "is a list, expected an object with the names of its keys".to_owned();
            Err(Error::Description { key: format!("`{key}`"), reason })
        }
        None => Ok(description),
    }
}

/// The key under which a list was taken for an object's values, which serde allows.
fn list_for_object(key: &str, written: &Value, understood: &Value) -> Option<String> {
    match (written, understood) {
        (Value::Array(_), Value::Object(_)) => Some(if key.is_empty() { "." } else { key }.to_owned()),
        (Value::Object(written), Value::Object(understood)) => written.iter().find_map(|(name, value)| {
            let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            list_for_object(&key, value, understood.get(name)?)
        }),
        _ => None,
    }
}

/// JSON in which no object has a key twice.
struct Unique(Value);

impl Unique {
    fn read<'de>(source: impl serde::Deserializer<'de, Error = serde_json::Error>) -> Result<Value> {
        read::<Self>(source).map(|unique| unique.0)
    }
}

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = serde_json::Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value::<Unique>()?.0;
            if entries.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("duplicate field `{key}`")));
            }
        }
        Ok(Value::Object(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<Unique>()? {
            values.push(value.0);
        }
        Ok(Value::Array(values))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
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
    read_value(value)
}

/// The place of a dotted key. Its last part may be one that `description` leaves out; whether there is
/// such a key shows when the description is read again.
pub(crate) fn at<'a>(description: &'a mut Value, key: &str) -> Result<&'a mut Value> {
    let error = || Error::Description { key: format!("`{key}`"), reason: "no such key".to_owned() };
    let (parents, name) = key
        .rsplit_once('.')
        .map_or((String::new(), key), |(parents, name)| (format!("/{}", parents.replace('.', "/")), name));
    let parent = description.pointer_mut(&parents).and_then(Value::as_object_mut).ok_or_else(error)?;
    Ok(parent.entry(name).or_insert(Value::Null))
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
