//! The part of a work that one of several processes does.
//!
//! A work is a number of independent tasks, counted from 0. Shard K of N, counted from 0 as well,
//! has every N-th of them, or the K-th of N equal stretches. Which one makes no difference to any
//! result; where tasks become dearer from first to last, every N-th is the fairer share, and where
//! neighbours lie in one file, a stretch is. Of the workspace this crate knows nothing.
//!
//! ```
//! use shard::Shard;
//!
//! let shard: Shard = "1/3".parse()?;
//! assert_eq!(shard.every(8).collect::<Vec<_>>(), [1, 4, 7]);
//! assert_eq!(shard.stretch(8), 2..5);
//! # Ok::<(), shard::Error>(())
//! ```

mod slurm;

use std::fmt::{self, Display};
use std::iter::StepBy;
use std::ops::Range;
use std::str::FromStr;

/// What is no shard: names the value, what was expected, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not of the form `K/N` with K below N.
    #[error("the shard is `{0}`, expected K/N with K from 0 to N - 1, such as 0/8, or `slurm`")]
    Form(String),
    /// `slurm` where Slurm has started no array.
    #[error("the shard is `slurm`, but {variable} is {value}: this is no task of a job array; give K/N")]
    NoArray {
        /// The variable of the environment.
        variable: &'static str,
        /// What it is, or `not set`.
        value: String,
    },
    /// `slurm` in an array with gaps, where the number of tasks does not tell which shards there are.
    #[error(
        "the shard is `slurm`, but the array has {count} tasks between {first} and {last}, so it has \
         gaps: give --shard \"$SLURM_ARRAY_TASK_ID/N\""
    )]
    Gaps {
        /// How many tasks the array has.
        count: usize,
        /// The least number of a task.
        first: usize,
        /// The greatest.
        last: usize,
    },
}

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

impl FromStr for Shard {
    type Err = Error;

    /// `K/N`, or `slurm` for this task of a job array.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "slurm" {
            return slurm::this_task(&|variable| std::env::var(variable).ok());
        }
        let numbers = text.split_once('/').and_then(|(k, n)| Some((digits(k)?, digits(n)?)));
        numbers.and_then(|(k, n)| Self::new(k, n)).ok_or_else(|| Error::Form(text.to_owned()))
    }
}

/// A number of digits alone: `parse` would take a sign.
fn digits(text: &str) -> Option<usize> {
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

    #[test]
    fn a_shard_is_written_as_it_is_read() {
        for text in ["0/1", "3/4", "63/64"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for wrong in [
            "4/4",
            "1/0",
            "0/0",
            "1",
            "a/2",
            "-1/2",
            "+1/2",
            "1/2/3",
            "1 /2",
            "",
            "/",
            "1/99999999999999999999",
        ] {
            let message = wrong.parse::<Shard>().unwrap_err().to_string();
            assert!(message.contains(&format!("`{wrong}`")) && message.contains("K/N"), "{message}");
        }
    }
}
