//! Pillow's resize of 8-bit images, to the bit.
//!
//! Two passes, columns first, each with integer weights of 22 bits and rounded to
//! 8 bits (`Resample.c` of Pillow up to version 12; version 13 orders the passes by the
//! image's proportions). Other resizes, even with the same kernel, differ by several
//! levels: pretrained towers see the difference.

use std::borrow::Cow;

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// Kernel of the interpolation, by Pillow's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Filter {
    /// Triangle; SigLIP 2.
    Bilinear,
    /// Keys' cubic with a = -1/2; SigLIP.
    Bicubic,
}

impl TryFrom<u8> for Filter {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            2 => Ok(Self::Bilinear),
            3 => Ok(Self::Bicubic),
            _ => Err(format!("is {number}, expected 2 (bilinear) or 3 (bicubic)")),
        }
    }
}

impl From<Filter> for u8 {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Bilinear => 2,
            Filter::Bicubic => 3,
        }
    }
}

impl Filter {
    /// Half the width of the kernel, in pixels of the smaller image.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear if x < 1.0 => 1.0 - x,
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// `image` at `width` x `height`, antialiased.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let mut image = Cow::Borrowed(image);
    if image.width() != width {
        image = Cow::Owned(resize_rows(&image, width, filter));
    }
    if image.height() != height {
        image = Cow::Owned(resize_columns(&image, height, filter));
    }
    image.into_owned()
}

/// Bits after the binary point of a weight: a product with a level, and a bit for
/// negative sums, still fit into 32.
const PRECISION: u32 = 32 - 8 - 2;

/// The pixels that one output pixel is made of.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// The window of each of `output` pixels over `input` ones.
fn windows(input: u32, output: u32, filter: Filter) -> Vec<Window> {
    let scale = f64::from(input) / f64::from(output);
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    (0..output)
        .map(|k| {
            let center = (f64::from(k) + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(input as usize);
            let weights: Vec<f64> =
                (first..end).map(|x| filter.weight((x as f64 - center + 0.5) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            Window { first, weights: weights.iter().map(|weight| fixed(weight / sum)).collect() }
        })
        .collect()
}

fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION)).round() as i32
}

fn level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION - 1);

fn resize_rows(image: &RgbImage, width: u32, filter: Filter) -> RgbImage {
    let windows = windows(image.width(), width, filter);
    let mut output = RgbImage::new(width, image.height());
    let rows = image.as_raw().chunks_exact(3 * image.width() as usize);
    for (row, target) in rows.zip(output.chunks_exact_mut(3 * width as usize)) {
        for (window, pixel) in windows.iter().zip(target.chunks_exact_mut(3)) {
            let mut sums = [HALF; 3];
            for (&weight, source) in window.weights.iter().zip(row[3 * window.first..].chunks_exact(3)) {
                for channel in 0..3 {
                    sums[channel] += i32::from(source[channel]) * weight;
                }
            }
            pixel.copy_from_slice(&sums.map(level));
        }
    }
    output
}

fn resize_columns(image: &RgbImage, height: u32, filter: Filter) -> RgbImage {
    let mut output = RgbImage::new(image.width(), height);
    let stride = 3 * image.width() as usize;
    let mut sums = vec![0; stride];
    let targets = output.chunks_exact_mut(stride);
    for (window, target) in windows(image.height(), height, filter).iter().zip(targets) {
        sums.fill(HALF);
        let rows = image.as_raw()[stride * window.first..].chunks_exact(stride);
        for (&weight, row) in window.weights.iter().zip(rows) {
            for (sum, &source) in sums.iter_mut().zip(row) {
                *sum += i32::from(source) * weight;
            }
        }
        for (target, &sum) in target.iter_mut().zip(&sums) {
            *target = level(sum);
        }
    }
    output
}
