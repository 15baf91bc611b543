//! PyTorch's CPU random stream without PyTorch: the same bits from the same seed.
//!
//! ```
//! use constellation::random::{Generator, normalize_rows};
//!
//! let mut x = [0.0; 3];
//! Generator::seeded(0).fill_normal(&mut x); // torch.manual_seed(0); x = torch.randn(3)
//! assert_eq!(x, [1.5409961, -0.2934289, -2.1787894]);
//! normalize_rows(&mut x, 3); // x / x.norm(dim=-1, keepdim=True)
//! ```
//!
//! The bits are those of PyTorch 2.13 on x86-64 processors with AVX2, where it takes the
//! same two kernels if there is AVX-512. Without AVX2, its draws of 16 numbers and more
//! and its norms are rounded otherwise. Here they are the same on every target: float32
//! needs only IEEE arithmetic, and the float64 logarithm, sine and cosine of shorter draws
//! come from the platform, whose last bit is all but never seen once they are rounded to
//! float32.

mod cephes;
mod mersenne_twister;
mod normal;
mod rows;
#[cfg(test)]
mod tests;

use mersenne_twister::MersenneTwister;
pub use rows::normalize_rows;

/// PyTorch's CPU generator.
#[derive(Clone, Debug)]
pub struct Generator {
    twister: MersenneTwister,
    /// The second number of a pair of which only the first has been asked for.
    kept: Option<f64>,
}

impl Generator {
    /// The generator after `torch.manual_seed(seed)`, which looks at the low 32 bits only.
    /// Python's negative seeds are the same 64 bits.
    pub fn seeded(seed: u64) -> Self {
        Self { twister: MersenneTwister::seeded(seed as u32), kept: None }
    }

    /// What `torch.randn` draws for a tensor of as many numbers, of any shape. The numbers
    /// depend on how many are asked for at once: from 16 on, PyTorch draws them otherwise.
    pub fn fill_normal(&mut self, values: &mut [f32]) {
        if values.len() < normal::BLOCK {
            values.fill_with(|| self.next() as f32);
        } else {
            normal::fill_blocks(&mut self.twister, values);
        }
    }

    fn next(&mut self) -> f64 {
        self.kept.take().unwrap_or_else(|| {
            let [first, second] = normal::pair(&mut self.twister);
            self.kept = Some(second);
            first
        })
    }
}
