//! The K-th of N shares of a work.

use std::fmt::{self, Display};
use std::iter::StepBy;
use std::ops::Range;

/// The K-th of N shares of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The whole work.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Shard `number` of `of`, counted from 0; none if there is no such shard.
    pub fn new(number: usize, of: usize) -> Option<Self> {
        (number < of).then_some(Self { number, of })
    }

    /// All shards of a work that is done by `of` processes.
    pub fn all(of: usize) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { number, of })
    }

    /// Which shard, from 0.
    pub fn number(self) -> usize {
        self.number
    }

    /// Of how many.
    pub fn of(self) -> usize {
        self.of
    }

    /// Whether it is all of the work.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Every N-th of `tasks`, beginning with task K.
    pub fn every(self, tasks: usize) -> StepBy<Range<usize>> {
        (self.number..tasks).step_by(self.of)
    }

    /// The K-th of N stretches of `tasks`, whose lengths differ by at most one.
    pub fn stretch(self, tasks: usize) -> Range<usize> {
        let start = |number: usize| (number as u128 * tasks as u128 / self.of as u128) as usize;
        start(self.number)..start(self.number + 1)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// A number of digits alone: `parse` would take a sign.
pub(crate) fn digits(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_every_task_once() {
        for (tasks, of) in [(0, 1), (1, 3), (7, 7), (8, 3), (100, 7), (5, 9)] {
            let mut every: Vec<usize> = Shard::all(of).flat_map(|shard| shard.every(tasks)).collect();
            every.sort_unstable();
            let stretches: Vec<usize> = Shard::all(of).flat_map(|shard| shard.stretch(tasks)).collect();
            assert_eq!(every, (0..tasks).collect::<Vec<_>>());
            assert_eq!(stretches, every);
            let lengths: Vec<usize> = Shard::all(of).map(|shard| shard.stretch(tasks).len()).collect();
            assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
        }
        assert_eq!(Shard::new(1, 2).unwrap().stretch(usize::MAX).end, usize::MAX);
    }
}
