//! Random numbers that are a function of split and index.

use twist_io::{GOLDEN, splitmix};

use super::split::Split;

/// SplitMix64: a counter through a mixer, so that near seeds give unrelated streams.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(split: Split, index: u64) -> Self {
        let stream = match split {
            Split::Train => 0x5448_5249_4e47_0001,
            Split::Test => 0x5445_5354_494e_0002,
        };
        let mut random = Random(stream);
        random.0 = random.bits() ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93);
        random
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        let bits = splitmix(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        bits
    }

    /// Uniform in [low, high).
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / (1u64 << 24) as f32)
    }

    /// Uniform in 0..count.
    pub(super) fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// A direction: uniform on the unit circle, by rejection, because a sine differs between machines.
    pub(super) fn direction(&mut self) -> [f32; 2] {
        loop {
            let (x, y) = (self.range(-1.0, 1.0), self.range(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.01 && square <= 1.0 {
                let length = square.sqrt();
                return [x / length, y / length];
            }
        }
    }
}
