//! Parts of a batch side by side: each goes through a tower on threads of its own.
//!
//! Threads that share every product wait for each other some hundred times a batch; whole passes
//! through a tower need no waiting, and the numbers of a few images stay in the cache.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use ndarray::{Array2, Axis, concatenate};
use tch::Device;
use threads::Threads;

use crate::error::Result;

/// Images or texts of a part, where they do not have to go alone. The size moves the last bits of a result,
/// so that it must not depend on how many threads there are.
pub(crate) const PART: usize = 4;

/// Works on all of `parts`, some at a time; `receive` hears of each in their order, on the caller's thread.
/// Each stream has a clone of `tower`, for a tensor's handle cannot be used by two threads at once.
///
/// # Errors
/// Those of `receive`, after which no new part is begun.
pub(crate) fn in_order<T: Clone + Send, P: Sync, R: Send>(
    parts: &[P],
    tower: &T,
    work: impl Fn(&T, &P) -> R + Sync,
    mut receive: impl FnMut(&P, R) -> Result<()>,
) -> Result<()> {
    let streams = Streams::new(parts.len());
    let next = AtomicUsize::new(0);
    let number = streams.threads;
    let stream = |tower: T, sender: Sender<(usize, R)>| {
        threads::set(number);
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        for (k, part) in numbers.map_while(|k| Some((k, parts.get(k)?))) {
            if sender.send((k, work(&tower, part))).is_err() {
                return; // nobody listens any more
            }
        }
    };
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..streams.count {
            let (tower, sender) = (tower.clone(), sender.clone());
            scope.spawn(|| stream(tower, sender));
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for (k, part) in parts.iter().enumerate() {
            while !early.contains_key(&k) {
                let Ok((number, done)) = receiver.recv() else {
                    return Ok(()); // a stream has panicked, and so does the scope
                };
                early.insert(number, done);
            }
            receive(part, early.remove(&k).expect("it has come"))?;
        }
        Ok(())
    })
}

/// Rows that `embed` gives for the ranges of `size` that make up `0..count`, one below the other. On another
/// device than the processor the range is one.
///
/// # Errors
/// Those of `embed`, of the first range that has one.
pub(crate) fn side_by_side<T: Clone + Send>(
    count: usize,
    device: Device,
    size: usize,
    tower: &T,
    embed: impl Fn(&T, Range<usize>) -> Result<Array2<f32>> + Sync,
) -> Result<Array2<f32>> {
    if device != Device::Cpu || count <= size {
        let _threads = Threads::all();
        return embed(tower, 0..count);
    }
    let starts = (0..count).step_by(size);
    let parts: Vec<Range<usize>> = starts.map(|start| start..count.min(start + size)).collect();
    let mut rows = Vec::with_capacity(parts.len());
    in_order(
        &parts,
        tower,
        |tower, range| embed(tower, range.clone()),
        |_, part| {
            rows.push(part?);
            Ok(())
        },
    )?;
    let views: Vec<_> = rows.iter().map(Array2::view).collect();
    Ok(concatenate(Axis(0), &views).expect("all embeddings of a model have one dimension"))
}

/// How libtorch's threads are dealt out: as many streams as parts and threads allow, and what is left to
/// each.
struct Streams {
    count: usize,
    /// Of each.
    threads: i32,
    /// The caller only waits; what it had it has again when the streams are done.
    _threads: Threads,
}

impl Streams {
    fn new(parts: usize) -> Self {
        keep_freed_memory();
        let threads = Threads::all();
        let count = parts.clamp(1, threads.of_process());
        Self { count, threads: (threads.of_process() / count) as i32, _threads: threads }
    }
}

/// Has glibc's allocator keep what is freed, up to 64 MB, instead of giving it back to the system, which
/// would clear the same pages again in every layer: its thresholds follow the largest mapping that was
/// freed, of 32 MB at most. Elsewhere nothing happens.
fn keep_freed_memory() {
    const LARGEST: usize = (32 << 20) - (64 << 10);
    drop(std::hint::black_box(vec![0u8; LARGEST]));
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::error::Error;

    /// The number of threads is the process's.
    static ALONE: Mutex<()> = Mutex::new(());

    /// The rows' numbers.
    fn numbered(range: Range<usize>) -> Array2<f32> {
        Array2::from_shape_fn((range.len(), 2), |(row, _)| (range.start + row) as f32)
    }

    #[test]
    fn rows_come_in_order_whatever_the_size() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = tch::get_num_threads();
        for count in [1, 3, 4, 5, 16, 61] {
            let rows = side_by_side(count, Device::Cpu, PART, &(), |(), range| Ok(numbered(range))).unwrap();
            assert_eq!(rows, numbered(0..count));
        }
        assert_eq!(tch::get_num_threads(), threads);
    }

    #[test]
    fn the_first_error_is_told_and_threads_are_given_back() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = tch::get_num_threads();
        let fails = |(): &(), range: Range<usize>| match range.start {
            8 | 20 => Err(Error::image(format!("{}.png", range.start), "is broken")),
            _ => Ok(numbered(range)),
        };
        let error = side_by_side(30, Device::Cpu, PART, &(), fails).unwrap_err().to_string();
        assert!(error.contains("8.png"), "{error}");
        assert_eq!(tch::get_num_threads(), threads);
    }
}
