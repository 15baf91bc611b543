//! The one training loop.

mod engine;
mod fused;
mod history;
mod libtorch;
mod progress;
pub mod sweep;

use std::time::Instant;

pub(crate) use engine::{Engine, State};
pub use history::{History, Record};
pub use progress::{Progress, print_progress};
pub(crate) use sweep::train_all_keeping;
pub use sweep::{Sweep, train_all};

use crate::run::{Run, Snapshot};
use crate::{EngineChoice, Error, Experiment, Result, sphere};

/// How to run an experiment, as opposed to what it is: nothing here changes its result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Where to compute.
    pub device: Device,
    /// What to record at every epoch beside loss, temperature and relative bias.
    pub record: Record,
    /// How many snapshots of the vectors to keep, spread evenly over log(epoch);
    /// none are kept of more than 100,000 numbers.
    pub snapshots: usize,
    /// Most threads that the fused engine may use for this run.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { device: Device::Cpu, record: Record::default(), snapshots: 64, threads: all_cores() }
    }
}

pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device; only the libtorch engine runs there.
    Cuda,
}

impl Experiment {
    /// Trains the experiment on the CPU, printing progress when it takes long.
    ///
    /// # Errors
    /// [`Error::Value`] if the description cannot be run, [`Error::NonFinite`] if the
    /// loss diverges.
    pub fn train(&self) -> Result<Run> {
        self.train_with(Settings::default(), &mut print_progress())
    }

    /// Trains the experiment as `settings` say; `progress` hears of it every now and then.
    ///
    /// # Errors
    /// As [`Experiment::train`], and [`Error::Device`] if the device is not there.
    pub fn train_with(&self, settings: Settings, progress: &mut dyn FnMut(&Progress)) -> Result<Run> {
        self.validate()?;
        let start = Instant::now();
        let mut engine = build(self, settings.device, settings.threads)?;
        let mut history = History::default();
        let mut snapshots = Vec::new();
        let mut stops = snapshot_epochs(self, settings.snapshots).into_iter().peekable();
        let mut chunk = 1;
        loop {
            let done = history.loss.len();
            if stops.next_if_eq(&done).is_some() {
                snapshots.push(Snapshot { epoch: done, state: engine.state()? });
            }
            if done == self.epochs {
                break;
            }
            let until = stops.peek().copied().unwrap_or(self.epochs);
            let began = Instant::now();
            engine.advance(chunk.min(until - done), settings.record, &mut history)?;
            stop_at_non_finite(self, &history, done)?;
            progress(&Progress::of(self, &history, start.elapsed()));
            chunk = next_chunk(history.loss.len() - done, began.elapsed().as_secs_f64());
        }
        let state = engine.state()?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Run { experiment: self.clone(), state, history, snapshots, engine: engine.name(), seconds })
    }
}

/// The engine that the description asks for, with its initial vectors.
fn build(experiment: &Experiment, device: Device, threads: usize) -> Result<Box<dyn Engine>> {
    let initial = sphere::initial_vectors(experiment)?;
    match (experiment.engine, device) {
        (EngineChoice::Fused, Device::Cuda) => Err(Error::Value {
            key: "engine",
            value: "fused".to_owned(),
            expected: "`auto` or `libtorch` on a CUDA device",
        }),
        (_, Device::Cuda) if !tch::Cuda::is_available() => Err(Error::Device("cuda".to_owned())),
        (_, Device::Cuda) => {
            Ok(Box::new(libtorch::Libtorch::new(experiment, initial, tch::Device::Cuda(0))?))
        }
        (EngineChoice::Libtorch, Device::Cpu) => {
            Ok(Box::new(libtorch::Libtorch::new(experiment, initial, tch::Device::Cpu)?))
        }
        (_, Device::Cpu) => Ok(Box::new(fused::Fused::new(experiment, initial, threads)?)),
    }
}

/// Epochs at which to keep the vectors: the first, the last, and evenly in log(epoch) between.
fn snapshot_epochs(experiment: &Experiment, count: usize) -> Vec<usize> {
    const MAX_NUMBERS: usize = 100_000;
    if count < 2 || experiment.modalities * experiment.pairs * experiment.dim > MAX_NUMBERS {
        return Vec::new();
    }
    let last = experiment.epochs as f64;
    let mut epochs: Vec<usize> = (0..count - 1)
        .map(|k| last.powf(k as f64 / (count - 2).max(1) as f64).round() as usize)
        .chain([0])
        .collect();
    epochs.sort_unstable();
    epochs.dedup();
    epochs
}

/// Long enough that the loop costs nothing, short enough that progress is seen.
fn next_chunk(epochs: usize, seconds: f64) -> usize {
    const SECONDS: f64 = 0.1;
    (epochs as f64 * SECONDS / seconds.max(1e-9)).clamp(1.0, 10_000.0) as usize
}

fn stop_at_non_finite(experiment: &Experiment, history: &History, from: usize) -> Result<()> {
    let columns = history.loss.iter().zip(&history.temperature).zip(&history.relative_bias);
    for (step, ((&loss, &temperature), &relative_bias)) in columns.enumerate().skip(from) {
        if ![loss, temperature, relative_bias].iter().all(|x| x.is_finite()) {
            let seed = experiment.seed;
            return Err(Error::NonFinite { loss, step, temperature, relative_bias, seed });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_begin_at_the_start_and_end_at_the_end() {
        let epochs = snapshot_epochs(&Experiment { epochs: 10_000, ..Default::default() }, 64);
        assert_eq!((epochs[0], epochs[1], *epochs.last().unwrap()), (0, 1, 10_000));
        assert!(epochs.is_sorted() && epochs.len() <= 64);
        assert_eq!(snapshot_epochs(&Experiment { epochs: 1, ..Default::default() }, 64), [0, 1]);
    }

    #[test]
    fn a_diverging_run_says_where() {
        let experiment = Experiment {
            temperature: crate::Temperature::fixed(3e38),
            numerics: crate::Numerics::Exact,
            ..Default::default()
        };
        let message = experiment.train().unwrap_err().to_string();
        assert!(message.contains("at step 0") && message.contains("seed 50"), "{message}");
    }
}
