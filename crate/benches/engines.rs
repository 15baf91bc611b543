//! Our engines as contestants of `cargo xtask bench`, which starts this program:
//! `engines THREADS`. Each line of standard input is a JSON list of run descriptions;
//! they are trained, and the answer is a line with the seconds that it took and the losses
//! of the first of them. `peers/` has the same in Python.

use std::io::{BufRead, Write};
use std::time::Instant;

use constellation::sweep::train_all;
use constellation::{Experiment, Run, Settings};
use serde_json::{Value, json};
use siglip_core::Device;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [threads] = arguments.as_slice() else {
        eprintln!("engines: run by `cargo xtask bench`");
        return Ok(());
    };
    let threads: usize = threads.parse()?;
    tch::set_num_threads(threads as i32);
    let settings = Settings { threads, snapshots: 0, ..Device::Cpu.settings() };
    for line in std::io::stdin().lock().lines() {
        let experiments: Vec<Experiment> = serde_json::from_str(&line?)?;
        println!("{}", answer(&experiments, settings)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(experiments: &[Experiment], settings: Settings) -> constellation::Result<Value> {
    let start = Instant::now();
    let first: Run = match experiments {
        [experiment] => experiment.train_with(settings, &mut |_| ())?,
        _ => train_all(experiments, settings)?.swap_remove(0),
    };
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({"seconds": seconds, "losses": first.history.loss, "peak_bytes": peak_bytes()}))
}

/// The most memory that this process has had, where the system tells it as Linux does.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kibibytes.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
