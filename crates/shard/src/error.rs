//! What is no shard.

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
        "the shard is `slurm`, but the array has {count} tasks from {first} to {last}, which is a part of \
         another array, or has gaps: give --shard \"$SLURM_ARRAY_TASK_ID/N\""
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
