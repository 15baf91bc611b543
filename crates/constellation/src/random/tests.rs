//! Against PyTorch: `tests/golden/random_stream.py` wrote what is expected.

use super::{Generator, normalize_rows};

/// The records of one kind, as the words that follow it.
fn golden(kind: &'static str) -> impl Iterator<Item = (u64, Vec<&'static str>)> {
    include_str!("../../tests/golden/random_stream.txt").lines().filter_map(move |line| {
        let mut words = line.strip_prefix(kind)?.split_whitespace();
        Some((words.next()?.parse().unwrap(), words.collect()))
    })
}

/// The first number and FNV-1a of all, over words of 32 bits.
fn digest(values: &[f32]) -> String {
    let words = values.iter().map(|value| value.to_bits());
    let hash = words
        .fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ u64::from(word)).wrapping_mul(0x100_0000_01b3));
    format!("{:08x}:{hash:016x}", values[0].to_bits())
}

#[test]
fn draws_in_turn_are_pytorchs() {
    let mut draws = 0;
    for (seed, records) in golden("randn") {
        let mut generator = Generator::seeded(seed);
        for record in records {
            let (count, expected) = record.split_once(':').unwrap();
            let mut values = vec![0.0; count.parse().unwrap()];
            generator.fill_normal(&mut values);
            assert_eq!(digest(&values), expected, "seed {seed}, a draw of {count}");
            draws += 1;
        }
    }
    assert_eq!(draws, 7 * 13);
}

#[test]
fn normalized_rows_are_pytorchs() {
    let mut dims = 0;
    for (dim, expected) in golden("rows") {
        let mut values = vec![0.0; 2 * 5 * dim as usize];
        Generator::seeded(dim).fill_normal(&mut values);
        normalize_rows(&mut values, dim as usize);
        assert_eq!(digest(&values), expected[0], "rows of {dim}");
        dims += 1;
    }
    assert_eq!(dims, 133);
}

#[test]
fn a_row_of_zeros_becomes_nan() {
    let mut values = [3.0, 4.0, 0.0, 0.0];
    normalize_rows(&mut values, 2);
    assert_eq!(values[..2], [0.6, 0.8]);
    assert!(values[2..].iter().all(|value| value.is_nan()));
}

#[test]
#[should_panic(expected = "5 values do not fill rows of 2")]
fn a_row_that_is_not_full_is_refused() {
    normalize_rows(&mut [1.0; 5], 2);
}
