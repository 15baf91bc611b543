//! Which shard a task of a Slurm job array is: from what Slurm tells it in its environment.

use crate::error::Error;
use crate::share::{Shard, digits};

/// The shard of this task, with the environment as `variable` gives it.
///
/// # Errors
/// [`Error::NoArray`] if this is no task of an array, [`Error::Gaps`] if the array has gaps.
pub(crate) fn this_task(variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, Error> {
    let number = |name: &'static str| {
        let value = variable(name);
        let number = value.as_deref().and_then(digits);
        number.ok_or(Error::NoArray { variable: name, value: value.unwrap_or("not set".to_owned()) })
    };
    let task = number("SLURM_ARRAY_TASK_ID")?;
    let count = number("SLURM_ARRAY_TASK_COUNT")?;
    let optional = |name: &'static str, otherwise: usize| match variable(name) {
        Some(_) => number(name),
        None => Ok(otherwise),
    };
    let first = optional("SLURM_ARRAY_TASK_MIN", 0)?;
    let step = optional("SLURM_ARRAY_TASK_STEP", 1)?.max(1);
    let length = count.checked_sub(1).and_then(|gaps| gaps.checked_mul(step));
    let whole = length.and_then(|length| first.checked_add(length)).unwrap_or(usize::MAX);
    let last = optional("SLURM_ARRAY_TASK_MAX", whole)?;
    // An array that begins later is the repetition of a part of another one.
    let has_gaps = last.checked_sub(first) != length || first > step;
    let shard = task.checked_sub(first).and_then(|place| Shard::new(place / step, count));
    match shard {
        Some(shard) if !has_gaps && (task - first) % step == 0 => Ok(shard),
        _ => Err(Error::Gaps { count, first, last }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shard of a task of an array, as Slurm describes it.
    fn shard(task: &str, count: &str, range: Option<(&str, &str, &str)>) -> Result<Shard, Error> {
        this_task(&|variable| {
            let value = match (variable, range) {
                ("SLURM_ARRAY_TASK_ID", _) => task,
                ("SLURM_ARRAY_TASK_COUNT", _) => count,
                ("SLURM_ARRAY_TASK_MIN", Some((first, _, _))) => first,
                ("SLURM_ARRAY_TASK_MAX", Some((_, last, _))) => last,
                ("SLURM_ARRAY_TASK_STEP", Some((_, _, step))) => step,
                _ => return None,
            };
            (!value.is_empty()).then(|| value.to_owned())
        })
    }

    #[test]
    fn an_array_may_begin_anywhere_and_go_in_steps() {
        let is = |number, of| Ok(Shard::new(number, of).unwrap());
        assert_eq!(shard("3", "4", None), is(3, 4));
        assert_eq!(shard("3", "4", Some(("0", "3", "1"))), is(3, 4));
        assert_eq!(shard("4", "4", Some(("1", "4", "1"))), is(3, 4)); // --array=1-4
        assert_eq!(shard("8", "4", Some(("2", "8", "2"))), is(3, 4)); // --array=2-8:2
    }

    #[test]
    fn what_is_no_array_or_has_gaps_is_refused() {
        let gaps = shard("7", "2", Some(("3", "7", "1"))).unwrap_err(); // --array=3,7
        assert!(gaps.to_string().contains("$SLURM_ARRAY_TASK_ID/N"), "{gaps}");
        assert!(shard("5", "1", Some(("5", "5", "1"))).is_err(), "--array=5 is one task of another array");
        let huge = ("0", "9999999999999", "9999999999999");
        assert!(shard("0", "9999999999999", Some(huge)).is_err(), "no overflow");
        for (task, count) in [("", ""), ("1", ""), ("x", "2")] {
            assert!(matches!(shard(task, count, None), Err(Error::NoArray { .. })), "{task} {count}");
        }
        assert!(shard("5", "0", None).is_err() && shard("9", "4", None).is_err());
    }
}
