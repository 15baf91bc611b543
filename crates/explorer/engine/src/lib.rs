//! The one training loop as a WebAssembly module, for the explorer's page.
//!
//! ```text
//! input(bytes)  write JSON there  ->  start()  ->  advance(epochs), as often as wanted  ->  read
//! ```
//!
//! Only numbers cross, some of them addresses in the module's memory. One instance holds one
//! training. JavaScript's views of a memory die when it grows: a page makes them anew after each
//! call, and copies what it keeps. What can fail returns 0 then; `error` tells why, in UTF-8.
//!
//! `cargo run --package siglip-explorer-engine --example build` builds what the page contains.

use std::cell::RefCell;

use constellation::train::fused_only;
use constellation::{Experiment, Record, Result, Settings, State, Training};

/// What an instance holds.
#[derive(Default)]
struct Instance {
    input: Vec<u8>,
    error: String,
    training: Option<(Training, State)>,
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

/// What `read` finds in the training that was started.
fn of_training<T>(read: impl FnOnce(&Training, &State) -> T) -> T {
    INSTANCE.with_borrow(|instance| {
        let (training, state) = instance.training.as_ref().expect("a page starts a training before it reads");
        read(training, state)
    })
}

/// Replaces the training by what `step` makes of it, and says whether that went well.
fn replace(step: impl FnOnce(&[u8], Option<(Training, State)>) -> Result<Training>) -> u32 {
    INSTANCE.with_borrow_mut(|instance| {
        let training = step(&instance.input, instance.training.take());
        let training = training.and_then(|training| Ok((training.state()?, training)));
        match training {
            Ok((state, training)) => instance.training = Some((training, state)),
            Err(error) => instance.error = error.to_string(),
        }
        instance.training.is_some().into()
    })
}

/// Room for a description of `bytes` bytes of JSON.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: usize) -> *mut u8 {
    INSTANCE.with_borrow_mut(|instance| {
        instance.input = vec![0; bytes];
        instance.input.as_mut_ptr()
    })
}

/// Starts the training that the input describes, in place of the one before it.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> u32 {
    let settings =
        Settings { record: Record::MARGIN, snapshots: 0, threads: 1, engines: fused_only, batching: None };
    replace(|input, _| {
        let experiment = Experiment::from_json(&String::from_utf8_lossy(input))?;
        Training::start(&experiment, settings)
    })
}

/// Makes up to `epochs` steps, and takes the vectors after them.
#[unsafe(no_mangle)]
pub extern "C" fn advance(epochs: usize) -> u32 {
    replace(|_, training| {
        let (mut training, _) = training.expect("a page starts a training before it goes on");
        training.advance(epochs)?;
        Ok(training)
    })
}

/// How many steps are made.
#[unsafe(no_mangle)]
pub extern "C" fn epochs_done() -> usize {
    of_training(|training, _| training.epochs_done())
}

/// float64, one for each step: loss, t, b_rel, margin and optimal b_rel, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn column(index: usize) -> *const f64 {
    of_training(|training, _| {
        let history = training.history();
        let columns = [
            &history.loss,
            &history.temperature,
            &history.relative_bias,
            &history.margin,
            &history.optimal_relative_bias,
        ];
        columns[index].as_ptr()
    })
}

/// float32 `[modalities, pairs, dim]`, with an adapter `dim + 1`.
#[unsafe(no_mangle)]
pub extern "C" fn vectors() -> *const f32 {
    of_training(|_, state| state.embeddings.as_ptr())
}

/// How many numbers the vectors are.
#[unsafe(no_mangle)]
pub extern "C" fn vectors_length() -> usize {
    of_training(|_, state| state.embeddings.len())
}

/// t.
#[unsafe(no_mangle)]
pub extern "C" fn temperature() -> f64 {
    of_training(|_, state| state.temperature)
}

/// The bias as parametrised.
#[unsafe(no_mangle)]
pub extern "C" fn bias() -> f64 {
    of_training(|_, state| state.bias)
}

/// The adapter's delta; not a number without one.
#[unsafe(no_mangle)]
pub extern "C" fn delta() -> f64 {
    of_training(|_, state| state.delta.unwrap_or(f64::NAN))
}

/// Text: why a call returned 0.
#[unsafe(no_mangle)]
pub extern "C" fn error() -> *const u8 {
    INSTANCE.with_borrow(|instance| instance.error.as_ptr())
}

/// How many bytes the error is.
#[unsafe(no_mangle)]
pub extern "C" fn error_length() -> usize {
    INSTANCE.with_borrow(|instance| instance.error.len())
}
