//! Many folders or archives under one name: `shard-{000..331}.tar`, `{train,test}`.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// No data set has more shards.
const MAX_SOURCES: usize = 1 << 20;

/// The paths that `pattern` stands for: itself, unless it has braces and is not there.
pub(super) fn expand(pattern: &Path) -> Result<Vec<PathBuf>> {
    match pattern.to_str() {
        Some(text) if text.contains('{') && !pattern.exists() => {
            let paths = expanded(text).map_err(|reason| Error::dataset(pattern, reason))?;
            Ok(paths.into_iter().map(PathBuf::from).collect())
        }
        _ => Ok(vec![pattern.to_owned()]),
    }
}

fn expanded(text: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = text.split_once('{') else { return Ok(vec![text.to_owned()]) };
    let (inside, after) =
        rest.split_once('}').ok_or("has a brace that is not closed, expected such as `{000..331}`")?;
    let after = expanded(after)?;
    let alternatives = alternatives(inside)?;
    if alternatives.len().saturating_mul(after.len()) > MAX_SOURCES {
        return Err(format!("stands for more than {MAX_SOURCES} names"));
    }
    let names = alternatives
        .iter()
        .flat_map(|middle| after.iter().map(move |after| format!("{before}{middle}{after}")));
    Ok(names.collect())
}

/// `a,b` or `000..331`; numbers are as wide as the first, if that begins with a zero.
fn alternatives(inside: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = inside.split_once("..") else {
        return Ok(inside.split(',').map(str::to_owned).collect());
    };
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("has `{{{inside}}}`, expected whole numbers such as `{{000..331}}`"))
    };
    let width = if first.starts_with('0') { first.len() } else { 0 };
    let (first, last) = (number(first)?, number(last)?);
    if last < first || last - first >= MAX_SOURCES as u64 {
        return Err(format!("has `{{{inside}}}`, expected numbers that ascend, at most {MAX_SOURCES}"));
    }
    Ok((first..=last).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_names() {
        let names = |text: &str| expanded(text).unwrap();
        assert_eq!(names("cc-{008..011}.tar"), ["cc-008.tar", "cc-009.tar", "cc-010.tar", "cc-011.tar"]);
        assert_eq!(names("{a,b}/{9..10}"), ["a/9", "a/10", "b/9", "b/10"]);
        assert_eq!(names("plain.tar"), ["plain.tar"]);
        for (text, words) in [
            ("{1..", "not closed"),
            ("{b..a}", "whole numbers"),
            ("{5..1}", "ascend"),
            ("{0..99999999}", "at most"),
        ] {
            let error = expanded(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
