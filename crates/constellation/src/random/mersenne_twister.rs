//! MT19937, the generator behind PyTorch's CPU random stream.
//!
//! Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed
//! uniform pseudo-random number generator", ACM TOMACS 8 (1998).

const WORDS: usize = 624;
const SHIFT: usize = 397;
const UPPER_BIT: u32 = 0x8000_0000;
const MATRIX: u32 = 0x9908_b0df;

#[derive(Clone, Debug)]
pub(super) struct MersenneTwister {
    words: [u32; WORDS],
    used: usize,
}

impl MersenneTwister {
    pub(super) fn seeded(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for index in 1..WORDS {
            let previous = words[index - 1];
            words[index] =
                1_812_433_253u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(index as u32);
        }
        Self { words, used: WORDS }
    }

    /// A float32 in [0, 1): the low 24 bits of one output.
    pub(super) fn uniform_f32(&mut self) -> f32 {
        (self.output() & 0x00ff_ffff) as f32 / 16_777_216.0
    }

    /// A float64 in [0, 1): the low 53 bits of two outputs, the first of them the high half.
    pub(super) fn uniform_f64(&mut self) -> f64 {
        let high = u64::from(self.output());
        let low = u64::from(self.output());
        (((high << 32) | low) & ((1 << 53) - 1)) as f64 / 9_007_199_254_740_992.0
    }

    fn output(&mut self) -> u32 {
        if self.used == WORDS {
            self.twist();
        }
        let mut word = self.words[self.used];
        self.used += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let next = self.words[(index + 1) % WORDS];
            let mixed = (self.words[index] & UPPER_BIT) | (next & !UPPER_BIT);
            let matrix = if next & 1 == 1 { MATRIX } else { 0 };
            self.words[index] = self.words[(index + SHIFT) % WORDS] ^ (mixed >> 1) ^ matrix;
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C++ standard gives the ten-thousandth output of the default seed (26.6.6, `mt19937`).
    #[test]
    fn the_ten_thousandth_output_is_the_standards() {
        let mut twister = MersenneTwister::seeded(5489);
        let last = (0..10_000).map(|_| twister.output()).last();
        assert_eq!(last, Some(4_123_659_995));
    }
}
