//! The Box-Muller transform, in the two forms that PyTorch's `randn` has on a CPU.

use super::cephes;
use super::mersenne_twister::MersenneTwister;

/// The numbers that are transformed together, and the fewest that `randn` draws so.
pub(super) const BLOCK: usize = 16;

/// Draws of at least [`BLOCK`] numbers, in float32: all uniforms first, then block after
/// block. The last block of a count that is no multiple is drawn anew, over its neighbour.
///
/// # Panics
/// If there are fewer values.
pub(super) fn fill_blocks(twister: &mut MersenneTwister, values: &mut [f32]) {
    values.fill_with(|| twister.uniform_f32());
    values.chunks_exact_mut(BLOCK).for_each(transform);
    if !values.len().is_multiple_of(BLOCK) {
        let last = values.len() - BLOCK;
        fill_blocks(twister, &mut values[last..]);
    }
}

/// Uniforms j and j + 8 of a block become the numbers j and j + 8.
fn transform(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    for (first, second) in first.iter_mut().zip(second) {
        let radius = (-2.0 * cephes::ln(1.0 - *first)).sqrt();
        let (sine, cosine) = cephes::sin_cos(std::f32::consts::TAU * *second);
        // The mean: it turns a negative zero into a positive one.
        *first = radius * cosine + 0.0;
        *second = radius * sine + 0.0;
    }
}

/// Two numbers of a shorter draw, in float64.
pub(super) fn pair(twister: &mut MersenneTwister) -> [f64; 2] {
    let angle = std::f64::consts::TAU * twister.uniform_f64();
    let radius = (-2.0 * (-twister.uniform_f64()).ln_1p()).sqrt();
    [radius * angle.cos() + 0.0, radius * angle.sin() + 0.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_has_no_sign() {
        // Radius zero, and angles in all four quadrants.
        let mut block = [0.0; BLOCK];
        block[BLOCK / 2..].copy_from_slice(&[0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]);
        transform(&mut block);
        assert_eq!(block.map(f32::to_bits), [0; BLOCK]);
    }
}
