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

mod error;
mod share;
mod slurm;

use std::str::FromStr;

pub use error::Error;
pub use share::Shard;
use share::digits;

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

#[cfg(test)]
mod tests {
    use super::*;

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
