//! Pictures of any proportions for a model of variable resolution (SigLIP 2 NaFlex): how many
//! patches one is resized to, and in which order they are read.

use image::RgbImage;

/// Rows and columns of patches that a picture is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// From top to bottom.
    pub rows: u32,
    /// From left to right.
    pub columns: u32,
}

impl Grid {
    /// The largest grid of no more than `most` patches, `side` pixels each, that keeps the
    /// proportions of a picture of `width` x `height` pixels.
    ///
    /// A side is rounded up to whole patches, and never is less than one. The factor is that of
    /// the reference to the bit: found by halving the interval 1e-6 to 100 until it is shorter
    /// than 1e-5 (`get_image_size_for_max_num_patches` of transformers, after big_vision).
    pub fn fitting(width: u32, height: u32, side: u32, most: u32) -> Self {
        const EPS: f64 = 1e-5;
        let patches = |length: u32, scale: f64| {
            (f64::from(length) * scale / f64::from(side)).ceil().max(1.0) // an integer
        };
        let (mut low, mut high) = (EPS / 10.0, 100.0);
        while high - low >= EPS {
            let scale = (low + high) / 2.0;
            if patches(height, scale) * patches(width, scale) <= f64::from(most) {
                low = scale;
            } else {
                high = scale;
            }
        }
        Self { rows: patches(height, low) as u32, columns: patches(width, low) as u32 }
    }

    /// Number of patches.
    pub fn patches(self) -> i64 {
        i64::from(self.rows) * i64::from(self.columns)
    }
}

/// Pixel values `[patches, side * side * 3]` of a picture whose sides are multiples of `side`:
/// patch by patch and row by row, the three channels of a pixel side by side. `tables` have the
/// value of each level, per channel.
pub(crate) fn patchify(picture: &RgbImage, side: u32, tables: &[[f32; 256]; 3]) -> Vec<f32> {
    let side = side as usize;
    let mut values = Vec::with_capacity(picture.as_raw().len());
    for band in picture.as_raw().chunks_exact(3 * side * picture.width() as usize) {
        for column in 0..picture.width() as usize / side {
            for row in band.chunks_exact(3 * picture.width() as usize) {
                for pixel in row[3 * side * column..][..3 * side].chunks_exact(3) {
                    values.extend((0..3).map(|channel| tables[channel][usize::from(pixel[channel])]));
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_fits_and_keeps_proportions() {
        // As `get_image_size_for_max_num_patches(height, width, 16, 256)` / 16 gives them.
        for ((width, height), (rows, columns)) in [
            ((256, 256), (16, 16)),
            ((900, 300), (9, 27)),
            ((100, 500), (35, 7)),
            ((1, 1), (7, 7)),
            ((1, 100_000), (256, 1)),
            ((4032, 3024), (14, 18)),
        ] {
            assert_eq!(Grid::fitting(width, height, 16, 256), Grid { rows, columns }, "{width} x {height}");
        }
    }

    #[test]
    fn patches_are_read_row_by_row_with_channels_last() {
        let picture = RgbImage::from_fn(4, 2, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let tables = [0.0, 100.0, 200.0].map(|base| std::array::from_fn(|level| base + level as f32));
        let values = patchify(&picture, 2, &tables);
        assert_eq!(values[..6], [0.0, 100.0, 209.0, 1.0, 100.0, 209.0]);
        assert_eq!(values[6..12], [0.0, 101.0, 209.0, 1.0, 101.0, 209.0]);
        assert_eq!(values[12..15], [2.0, 100.0, 209.0]);
        assert_eq!(values.len(), 24);
    }
}
