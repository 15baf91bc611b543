//! Rows divided by their norms.

/// Lanes of the vectors in which PyTorch's kernel sums.
const LANES: usize = 8;

/// Divides each row of `dim` numbers by its norm, as PyTorch does in
/// `x / x.norm(dim=-1, keepdim=True)`, whatever the axes before the last are. A row of
/// zeros becomes NaN, as there.
///
/// # Panics
/// If `dim` is zero, or if `values` do not fill their last row.
pub fn normalize_rows(values: &mut [f32], dim: usize) {
    assert!(values.len().is_multiple_of(dim), "{} values do not fill rows of {dim}", values.len());
    for row in values.chunks_exact_mut(dim) {
        let norm = norm(row);
        row.iter_mut().for_each(|value| *value /= norm);
    }
}

/// In the kernel's order: the squares in eight partial sums, these in turn, then the rest
/// of the row, of which the compiler fused only what was left of four.
fn norm(row: &[f32]) -> f32 {
    let (vectors, rest) = row.as_chunks::<LANES>();
    let (four, last) = rest.as_chunks::<4>();
    let mut partial = [0.0; LANES];
    for vector in vectors {
        for (sum, value) in partial.iter_mut().zip(vector) {
            *sum += value * value;
        }
    }
    let sum = partial.iter().fold(0.0, |sum, partial| sum + partial);
    let sum = four.as_flattened().iter().fold(sum, |sum, value| sum + value * value);
    last.iter().fold(sum, |sum, value| value.mul_add(*value, sum)).sqrt()
}
