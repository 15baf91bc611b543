//! Trains a sweep into a folder, from where it goes on when it is started again, and writes the
//! final numbers of its runs as lines of JSON, with `separation` whether a hyperplane separates the two
//! modalities of each. The tables of `data/tables` were made so:
//!
//! ```sh
//! cargo run --release --package siglip-constellation --example outcomes -- \
//!     data/tables/table3.sweep.json target/table3 data/tables/table3.jsonl
//! ```

use constellation::sweep::print_sweep_progress;
use constellation::{Outcome, Run, Settings, Sweep};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sweep, folder, outcomes, more @ ..] = &arguments[..] else {
        return Err("expected arguments: SWEEP.json FOLDER OUTCOMES.jsonl [separation]".into());
    };
    let outcome = match more {
        [] => |run: &Run| Ok(Outcome::of(run)),
        [what] if what == "separation" => Outcome::with_separation,
        _ => return Err(format!("expected `separation` or nothing after the files: {more:?}").into()),
    };
    let sweep = Sweep::from_json(&std::fs::read_to_string(sweep)?)?;
    let runs = sweep.train_into(folder, Settings::default(), &mut print_sweep_progress())?;
    let kept = runs.runs.iter().map(outcome).collect::<Result<Vec<_>, _>>()?;
    Outcome::write_all(&kept, outcomes)?;
    Ok(())
}
