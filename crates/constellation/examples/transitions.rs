//! Bisects the critical start of the bias for every experiment of a sweep, and writes the transitions
//! as lines of JSON. `data/tables` has some that were found so:
//!
//! ```sh
//! cargo run --release --package siglip-constellation --example transitions -- \
//!     data/tables/transitions.sweep.json data/tables/transitions.jsonl
//! ```

use constellation::Sweep;
use constellation::transition::Transition;

/// The first two starts beyond log(N - 1), halvings, and the b_rel between the two ends: as in
/// `WhereTheBiasStarts.ipynb`.
const OFFSETS: (f64, f64) = (-1.0, 5.0);
const STEPS: usize = 6;
const THRESHOLD: f64 = 0.4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sweep, transitions] = &arguments[..] else {
        return Err("expected two arguments: SWEEP.json TRANSITIONS.jsonl".into());
    };
    let sweep = Sweep::from_json(&std::fs::read_to_string(sweep)?)?;
    let experiments = sweep.experiments();
    Ok(Transition::write_all(&Transition::find(experiments, OFFSETS, STEPS, THRESHOLD)?, transitions)?)
}
