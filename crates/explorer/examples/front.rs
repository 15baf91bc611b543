//! Writes the web site's front page:
//!
//!     cargo run --package siglip-explorer --example front FILE [ENTRIES.json [REPORT [STILL.png]]]
//!
//! ENTRIES.json is a list of the notebooks, `{"title", "about", "page", "picture"}` each, titles
//! and paragraphs as HTML; REPORT is the address of the report.

use std::{env, fs};

use explorer::{Entry, write_front};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let file = argument(0).ok_or("which file is to be written?")?;
    let entries: Vec<Entry> = match argument(1) {
        Some(path) => serde_json::from_str(&fs::read_to_string(path)?)?,
        None => Vec::new(),
    };
    let still = argument(3).map_or(Ok(Vec::new()), fs::read)?;
    Ok(write_front(file, &entries, argument(2), still)?)
}
