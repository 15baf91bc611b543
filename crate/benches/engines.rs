//! Our engines as contestants of `cargo xtask bench`, which starts this program:
//! `engines THREADS [DEVICE [HOW]]`, on `cpu` or `cuda`, and how libtorch's engine trains: `alone`, the runs
//! `together` in one tensor program, or `dense`, with all similarities stored. Each line of standard
//! input is a JSON list of run descriptions; they are trained, and the answer is a line with the seconds
//! that it took and the losses of the first of them. `peers/` has the same in Python.

use std::io::{BufRead, Write};
use std::num::NonZeroUsize;
use std::time::Instant;

use constellation::sweep::train_all;
use constellation::train::{Batching, Engines};
use constellation::{Experiment, Run, Settings};
use serde_json::{Value, json};
use siglip_core::{Device, Libtorch, settings_on};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [threads, options @ ..] = arguments.as_slice() else {
        eprintln!("engines: run by `cargo xtask bench`");
        return Ok(());
    };
    let threads: usize = threads.parse()?;
    tch::set_num_threads(threads as i32);
    let option = |place: usize, default| options.get(place).map_or(default, String::as_str);
    let settings = settings(option(0, "cpu"), option(1, "alone"))?;
    let settings = Settings { threads: settings.threads.min(threads), snapshots: 0, ..settings };
    for line in std::io::stdin().lock().lines() {
        let experiments: Vec<Experiment> = serde_json::from_str(&line?)?;
        println!("{}", answer(&experiments, settings)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn settings(device: &str, how: &str) -> Result<Settings, String> {
    let settings = match device {
        "cpu" => settings_on(Device::Cpu),
        "cuda" => settings_on(Device::Cuda),
        other => return Err(format!("device `{other}`, expected cpu or cuda")),
    };
    let limit = |limit| settings.batching.map(|it| Batching { limit, ..it });
    match how {
        "alone" => Ok(Settings { batching: limit(NonZeroUsize::new(1)), ..settings }),
        "together" => Ok(Settings { batching: limit(None), threads: 1, ..settings }),
        "dense" if device == "cpu" => Ok(Settings { engines: dense_on(tch::Device::Cpu), ..settings }),
        "dense" => Ok(Settings { engines: dense_on(tch::Device::Cuda(0)), ..settings }),
        other => Err(format!("`{other}`, expected alone, together or dense")),
    }
}

/// libtorch's engine with all similarities stored, whatever their number.
fn dense_on(device: tch::Device) -> Engines {
    match device {
        tch::Device::Cpu => {
            |run, initial, _| Ok(Box::new(Libtorch::new(run, initial, tch::Device::Cpu)?.dense()))
        }
        _ => |run, initial, _| Ok(Box::new(Libtorch::new(run, initial, tch::Device::Cuda(0))?.dense())),
    }
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
