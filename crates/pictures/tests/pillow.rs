//! Pictures as Pillow reads them. `tests/pillow/reference.py tests/golden` says anew what it makes
//! of the committed ones: kinds that Pillow reads, and does not write.
#![allow(missing_docs)]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

#[test]
fn committed_pictures() {
    assert!(check(&Path::new(HERE).join("golden")) > 75);
}

#[test]
fn pictures_made_now() {
    let Some(python) = testing::python("pictures_made_now", &testing::TRANSFORMERS) else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = format!("{HERE}/pillow/reference.py");
    let seed = std::process::id().to_string();
    println!("seed {seed}");
    let status = Command::new(python).arg(script).arg(folder.path()).arg(seed).status().unwrap();
    assert!(status.success());
    let equal = check(folder.path());
    assert!(equal > 1450, "{equal}");
}

/// Compares every picture in `folder`; how many are whole, and read as Pillow does.
fn check(folder: &Path) -> usize {
    let expected: BTreeMap<String, Option<[u32; 3]>> =
        serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let (mut wrong, mut equal) = (Vec::new(), 0);
    for (name, expected) in &expected {
        let decoded = pictures::decode(&fs::read(folder.join(name)).unwrap());
        let found = decoded
            .as_ref()
            .ok()
            .map(|picture| [picture.width(), picture.height(), crc32fast::hash(picture.as_raw())]);
        // Damage that is no error can be coefficients out of all bounds: see the crate's first page.
        let fits = if name.starts_with("damaged") && name.ends_with(".jpg") {
            found.map(|found| [found[0], found[1]]) == expected.map(|expected| [expected[0], expected[1]])
        } else {
            let may_be_refused = name.starts_with("cut") || name.starts_with("rare");
            name.starts_with("damaged") || found == *expected || may_be_refused && found.is_none()
        };
        if found.is_some() && found == *expected {
            equal += 1;
        }
        if !fits {
            wrong.push(format!("{name}: {found:?} {:?}, Pillow {expected:?}", decoded.err()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), expected.len(), wrong.join("\n"));
    equal
}
