//! Which drawings a step sees. Everything random is a function of the seed and the
//! step, so that a training that was interrupted goes on as if it had not been.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// What random numbers are for; each has streams of its own, which its number chooses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of the drawings in a pass over them.
    Order = 1,
    /// The augmentation of a step.
    Augmentation = 2,
}

/// The stream `index` of random numbers for `purpose`.
pub(crate) fn generator(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(4 * index as u64 + purpose as u64);
    generator
}

/// One drawing of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pick {
    /// The class.
    pub class: usize,
    /// Which of its drawings.
    pub drawing: usize,
}

/// The batch of `step`: `size` drawings of different classes, fewer at the end of a
/// round. A round visits every class once, and as many rounds as a class has drawings
/// visit every drawing once.
pub(crate) fn batch(seed: u64, step: usize, classes: usize, drawings: usize, size: usize) -> Vec<Pick> {
    let steps_of_round = classes.div_ceil(size);
    let pass = step / (steps_of_round * drawings);
    let round = step / steps_of_round % drawings;
    let mut generator = generator(seed, Purpose::Order, pass);
    let mut order_of_class: Vec<Vec<usize>> = vec![(0..drawings).collect(); classes];
    for order in &mut order_of_class {
        order.shuffle(&mut generator);
    }
    let mut visited: Vec<usize> = (0..classes).collect();
    for _ in 0..=round {
        visited.shuffle(&mut generator);
    }
    let batch = visited.chunks(size).nth(step % steps_of_round).unwrap_or_default();
    batch.iter().map(|&class| Pick { class, drawing: order_of_class[class][round] }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_pass_sees_every_drawing_once_and_a_batch_no_class_twice() {
        for size in [1, 3, 4, 10] {
            let steps = 10usize.div_ceil(size) * 3;
            for pass in 0..3 {
                let mut seen = Vec::new();
                for step in pass * steps..(pass + 1) * steps {
                    let batch = batch(5, step, 10, 3, size);
                    let classes: HashSet<_> = batch.iter().map(|pick| pick.class).collect();
                    assert!(classes.len() == batch.len() && !batch.is_empty());
                    seen.extend(batch);
                }
                assert_eq!((seen.len(), seen.into_iter().collect::<HashSet<_>>().len()), (30, 30));
            }
        }
    }

    #[test]
    fn batches_depend_on_seed_and_step() {
        let first = batch(1, 0, 100, 3, 10);
        assert_eq!(first, batch(1, 0, 100, 3, 10));
        assert_ne!(first, batch(2, 0, 100, 3, 10));
        assert_ne!(first, batch(1, 30, 100, 3, 10));
    }
}
