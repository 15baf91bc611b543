//! How many of libtorch's threads a piece of work has.
//!
//! libtorch adds up in another order with each number of threads, so that the number belongs to
//! what makes a result. It is a thread's own, but one that has not computed yet takes the number
//! that was set last, by whatever thread: work that begins beside other work would have that one's.
//! Everything whose bytes must not depend on what runs beside it says here what it wants. Depends
//! on libtorch alone.
//!
//! ```
//! let work = threads::Threads::at_most(1);
//! assert_eq!(tch::get_num_threads(), 1);
//! drop(work);
//! ```

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// Work that has its threads at the moment, of all threads of the process.
struct Running {
    count: usize,
    /// What the process had before the first began, and has again after the last.
    of_process: i32,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { count: 0, of_process: 1 });

thread_local! {
    /// What the innermost work on this thread was given.
    static INNERMOST: Cell<Option<i32>> = const { Cell::new(None) };
}

/// The number of threads of libtorch on the thread that it was made on, until it is dropped.
#[derive(Debug)]
#[must_use = "the number holds until this is dropped"]
pub struct Threads {
    of_process: i32,
    outer: Option<i32>,
    /// The number is the thread's own: this must be dropped where it was made.
    not_send: PhantomData<*const ()>,
}

impl Threads {
    /// As many as the process has: `tch::set_num_threads`, and if that was never called
    /// `OMP_NUM_THREADS` or the cores.
    pub fn all() -> Self {
        Self::at_most(usize::MAX)
    }

    /// So many, or as many as the process has.
    pub fn at_most(most: usize) -> Self {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if running.count == 0 {
            running.of_process = of_process();
        }
        running.count += 1;
        let of_process = running.of_process;
        let number = i32::try_from(most.max(1)).unwrap_or(i32::MAX).min(of_process);
        set(number);
        let outer = INNERMOST.replace(Some(number));
        Self { of_process, outer, not_send: PhantomData }
    }

    /// How many the process has.
    #[must_use]
    pub fn of_process(&self) -> usize {
        self.of_process as usize
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        INNERMOST.set(self.outer);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.count -= 1;
        set(self.outer.unwrap_or(self.of_process));
    }
}

/// Gives this thread so many, at least 1, which lasts until another number is set on it. For threads that a
/// piece of work starts and ends.
pub fn set(number: i32) {
    // On a thread that has not computed yet libtorch would take the last number of all at the first
    // product, whatever was set on the thread. To ask for the number settles that.
    let _ = tch::get_num_threads();
    tch::set_num_threads(number);
}

/// What a new thread gets; the present one may have got its number beside other work.
fn of_process() -> i32 {
    let asked = std::thread::Builder::new().spawn(tch::get_num_threads);
    asked.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(tch::get_num_threads).max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use tch::{Device, Kind, Tensor};

    use super::*;

    /// What a product on this thread has.
    fn at_a_product() -> i32 {
        let _ = Tensor::ones([300, 300], (Kind::Float, Device::Cpu)).exp();
        tch::get_num_threads()
    }

    /// What `after` gives on a thread of its own, where `before` was done before `meanwhile` was here.
    fn around<T, R: Send>(
        before: impl FnOnce() -> T + Send,
        meanwhile: impl FnOnce(),
        after: impl FnOnce(T) -> R + Send,
    ) -> R {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let made = before();
                barrier.wait();
                barrier.wait();
                after(made)
            });
            barrier.wait();
            meanwhile();
            barrier.wait();
            other.join().unwrap()
        })
    }

    /// One test, for the number is the process's.
    #[test]
    fn work_has_its_number_whatever_runs_beside_it() {
        tch::set_num_threads(3);
        {
            let outer = Threads::all();
            assert_eq!((outer.of_process(), tch::get_num_threads()), (3, 3));
            {
                let _inner = Threads::at_most(1);
                assert_eq!(tch::get_num_threads(), 1);
                // A thread that begins beside it takes the same, unless it says otherwise.
                let beside = || {
                    let taken = tch::get_num_threads();
                    let work = Threads::all();
                    let given = tch::get_num_threads();
                    drop(work);
                    (taken, given, tch::get_num_threads())
                };
                assert_eq!(thread::spawn(beside).join().unwrap(), (1, 3, 3));
                assert_eq!(tch::get_num_threads(), 1);
            }
            assert_eq!(tch::get_num_threads(), 3);
            assert_eq!(Threads::at_most(8).of_process(), 3);
        }
        // A thread that took another's number does not hand it on.
        let work = Threads::at_most(1);
        let (taken, of_process) =
            around(tch::get_num_threads, || drop(work), |taken| (taken, Threads::all().of_process()));
        assert_eq!((taken, of_process), (1, 3));
        assert_eq!(tch::get_num_threads(), 3);
        assert_eq!(thread::spawn(tch::get_num_threads).join().unwrap(), 3);
        // Not even one that has not computed when its number is set, before another is, elsewhere.
        let work = Threads::at_most(2);
        let at_a_product = around(Threads::all, || tch::set_num_threads(1), |_work| at_a_product());
        assert_eq!(at_a_product, 3);
        drop(work);
        // What is set between two pieces of work holds for the next.
        tch::set_num_threads(2);
        assert_eq!(Threads::all().of_process(), 2);
    }
}
