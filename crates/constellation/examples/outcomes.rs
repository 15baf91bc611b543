//! Trains a sweep into a folder, from where it goes on when it is started again, and writes the
//! final numbers of its runs as lines of JSON. The tables of `data/tables` were made so:
//!
//! ```sh
//! cargo run --release --package siglip-constellation --example outcomes -- \
//!     data/tables/table3.sweep.json target/table3 data/tables/table3.jsonl
//! ```

use constellation::sweep::print_sweep_progress;
use constellation::{Outcome, Settings, Sweep};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sweep, folder, outcomes] = &arguments[..] else {
        return Err("expected three arguments: SWEEP.json FOLDER OUTCOMES.jsonl".into());
    };
    let sweep = Sweep::from_json(&std::fs::read_to_string(sweep)?)?;
    let runs = sweep.train_into(folder, Settings::default(), &mut print_sweep_progress())?;
    Outcome::write_all(&runs.runs.iter().map(Outcome::of).collect::<Vec<_>>(), outcomes)?;
    Ok(())
}
