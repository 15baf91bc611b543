//! libtorch's own random generator.

use std::sync::{Mutex, MutexGuard};

/// libtorch's CPU generator belongs to the process, so whoever draws from it holds this.
static GENERATOR: Mutex<()> = Mutex::new(());

/// libtorch's CPU generator, seeded, for as long as the guard is held.
pub fn seed_generator(seed: u64) -> MutexGuard<'static, ()> {
    // The lock guards no data that a panic could leave half-written.
    let guard = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    tch::manual_seed(seed as i64); // PyTorch takes the same 64 bits
    guard
}
