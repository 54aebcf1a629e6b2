//! Initial values that depend on a seed and a name only.
//!
//! Each parameter has its own stream of numbers, named after it: adding a layer, changing the device or the version of
//! libtorch changes no other parameter's start.

use std::f64::consts::TAU;

use twist_io::{GOLDEN, splitmix};

/// How a parameter starts. The distributions are PyTorch's defaults; the numbers are our own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All elements equal.
    Const(f64),
    /// Uniform in `[-bound, bound)`.
    Uniform {
        /// The bound.
        bound: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
}

impl Init {
    /// What linear maps, tokens and positions of a vision transformer start from.
    pub const TRANSFORMER: Self = Self::Normal { std: 0.02 };

    /// PyTorch's default for `Linear`, weight and bias: uniform with bound `1 / sqrt(fan_in)`.
    pub fn linear(fan_in: i64) -> Self {
        Self::Uniform { bound: (fan_in as f64).sqrt().recip() }
    }

    /// He et al.'s normal distribution over outgoing connections, as torchvision initialises the convolutions of a
    /// ResNet: variance `2 / (out_channels * kernel²)`.
    pub fn kaiming_fan_out(out_channels: i64, kernel: i64) -> Self {
        Self::Normal { std: (2.0 / (out_channels * kernel * kernel) as f64).sqrt() }
    }
}

/// `count` values for the parameter called `name`.
pub fn fill(init: Init, seed: u64, name: &str, count: usize) -> Vec<f32> {
    let stream = Stream::new(seed, name);
    match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Uniform { bound } => {
            (0..count).map(|i| (bound * (2.0 * stream.unit(i as u64) - 1.0)) as f32).collect()
        }
        Init::Normal { std } => (0..count).map(|i| (std * stream.normal(i as u64)) as f32).collect(),
    }
}

/// A counter-based generator: number `i` of a stream needs none before it.
struct Stream(u64);

impl Stream {
    fn new(seed: u64, name: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325u64; // FNV-1a
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Self(splitmix(hash ^ splitmix(seed)))
    }

    /// Uniform in `[0, 1)`.
    fn unit(&self, index: u64) -> f64 {
        let bits = splitmix(self.0.wrapping_add(index.wrapping_mul(GOLDEN)));
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller from a pair of uniform numbers.
    fn normal(&self, index: u64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit(2 * (index / 2))).ln()).sqrt();
        let angle = TAU * self.unit(2 * (index / 2) + 1);
        if index.is_multiple_of(2) { radius * angle.cos() } else { radius * angle.sin() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, square.sqrt())
    }

    #[test]
    fn distributions_have_their_moments() {
        let (mean, std) = moments(&fill(Init::Normal { std: 0.5 }, 3, "conv1.weight", 100_000));
        assert!(mean.abs() < 0.01 && (std - 0.5).abs() < 0.01, "normal: {mean} {std}");
        let uniform = fill(Init::linear(4), 3, "fc.weight", 100_000);
        let (mean, std) = moments(&uniform);
        assert!(mean.abs() < 0.01 && (std - 0.5 / 3f64.sqrt()).abs() < 0.01, "uniform: {mean} {std}");
        assert!(uniform.iter().all(|v| v.abs() <= 0.5));
    }

    #[test]
    fn a_stream_depends_on_seed_and_name_only() {
        let init = Init::Normal { std: 1.0 };
        let a = fill(init, 0, "a", 64);
        assert_eq!(a, fill(init, 0, "a", 64));
        assert_eq!(a[..10], fill(init, 0, "a", 10), "a longer parameter starts alike");
        assert_ne!(a, fill(init, 1, "a", 64));
        assert_ne!(a, fill(init, 0, "b", 64));
    }
}
