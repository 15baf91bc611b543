//! Changed drawings: turned, scaled, shifted and recoloured, never mirrored, because
//! left and right are in the names.

use rand::Rng;
use tch::Tensor;

use models::Result;

/// Most that a drawing is turned, in radians.
const TURN: f32 = 0.25;
/// Factors of its size.
const SCALE: std::ops::Range<f32> = 0.85..1.15;
/// Most that it is shifted either way, in halves of its side.
const SHIFT: f32 = 0.1;
/// Most that a channel takes from another, either sign.
const MIX: f32 = 0.15;

/// Changes each of the pixel values `[B, 3, S, S]`, -1 to 1, in its own way. White
/// stays white, and what comes in from outside is white.
pub(crate) fn augment(pixels: &Tensor, random: &mut impl Rng) -> Result<Tensor> {
    let size = pixels.size();
    let [batch, channels, height, width] = size[..] else { unreachable!("pixels have four axes") };
    let (mut maps, mut mixes) = (Vec::new(), Vec::new());
    for _ in 0..batch {
        maps.extend(affine_map(random));
        mixes.extend(colour_mix(random));
    }
    let maps = Tensor::f_from_slice(&maps)?.f_view([batch, 2, 3])?;
    let grid = Tensor::f_affine_grid_generator(&maps, &size, false)?;
    let (bilinear, zero_outside) = (0, 0);
    let moved = pixels.f_sub_scalar(1.0)?.f_grid_sampler(&grid, bilinear, zero_outside, false)?;

    let mixes = Tensor::f_from_slice(&mixes)?.f_view([batch, channels, channels])?;
    let mixed = mixes.f_bmm(&moved.f_flatten(2, 3)?)?.f_add_scalar(1.0)?;
    Ok(mixed.f_clamp(-1.0, 1.0)?.f_view([batch, channels, height, width])?)
}

/// From places of the new drawing to places of the old, `[2, 3]`.
fn affine_map(random: &mut impl Rng) -> [f32; 6] {
    let (sin, cos) = random.gen_range(-TURN..TURN).sin_cos();
    let scale = random.gen_range(SCALE).recip();
    let [x, y] = [(); 2].map(|()| random.gen_range(-SHIFT..SHIFT));
    [scale * cos, -scale * sin, x, scale * sin, scale * cos, y]
}

/// A matrix `[3, 3]` whose rows sum to 1, so that grey stays grey.
fn colour_mix(random: &mut impl Rng) -> [f32; 9] {
    let mut mix = [0.0; 9];
    for channel in 0..3 {
        let taken = [(); 2].map(|()| random.gen_range(-MIX..MIX));
        mix[3 * channel + channel] = 1.0 - taken[0] - taken[1];
        mix[3 * channel + (channel + 1) % 3] = taken[0];
        mix[3 * channel + (channel + 2) % 3] = taken[1];
    }
    mix
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::batches::{Purpose, generator};

    #[test]
    fn white_stays_white_and_a_dot_stays_in_the_middle() {
        let pixels = Tensor::ones([6, 3, 32, 32], (Kind::Float, Device::Cpu));
        let random = || generator(3, Purpose::Augmentation, 0);
        let white = augment(&pixels, &mut random()).unwrap();
        assert!((&white - &pixels).abs().max().double_value(&[]) < 1e-6);

        let _ = pixels.narrow(2, 12, 8).narrow(3, 12, 8).fill_(-1.0);
        let moved = augment(&pixels, &mut random()).unwrap();
        assert!((&moved - &pixels).abs().max().double_value(&[]) > 0.5);
        assert!(moved.select(2, 16).select(2, 16).max().double_value(&[]) < -0.9);
        assert!(moved.select(2, 0).min().double_value(&[]) > 0.999);
    }

    #[test]
    fn rows_of_a_colour_mix_sum_to_one() {
        let mix = colour_mix(&mut generator(0, Purpose::Augmentation, 7));
        for row in mix.chunks(3) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
