//! Random numbers as a function of where they are used, not of what was drawn before.
//!
//! A draw is a function of key and slot: the key names the seed, epoch, sample and view; the slot names the quantity. Nothing is
//! carried from one draw to the next, so any thread, in any order, on any device, gets the same numbers, and a resumed
//! run needs no generator state. The mixer is SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014), applied once
//! per word of the key so that neighbouring samples and views are unrelated.

use twist_io::{GOLDEN, splitmix};

/// All random numbers of one key; a number is picked by its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    /// The numbers that belong to a sequence of words, for example seed, epoch, sample and view.
    pub(crate) fn new(words: &[u64]) -> Self {
        Self(words.iter().fold(0, |key, &word| splitmix(key ^ splitmix(word))))
    }

    /// 64 uniform bits.
    pub(crate) fn bits(&self, slot: u64) -> u64 {
        splitmix(self.0.wrapping_add(slot.wrapping_mul(GOLDEN)))
    }

    /// Uniform in `[0, 1)` with 53 random bits.
    pub(crate) fn unit(&self, slot: u64) -> f64 {
        (self.bits(slot) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn range(&self, slot: u64, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit(slot)
    }

    /// Uniform in `0..count` (by multiplication: the bias is below `count / 2^64`).
    pub(crate) fn below(&self, slot: u64, count: u64) -> u64 {
        ((u128::from(self.bits(slot)) * u128::from(count)) >> 64) as u64
    }

    /// Two independent numbers of the standard normal distribution, from this slot and the next one (Box and Muller, 1958).
    pub(crate) fn normals(&self, slot: u64) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.unit(slot)).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit(slot + 1)).sin_cos();
        [radius * cos, radius * sin]
    }

    /// True with probability `p`; never for 0, always for 1.
    pub(crate) fn chance(&self, slot: u64, p: f64) -> bool {
        self.unit(slot) < p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_slots_give_unrelated_uniform_numbers() {
        // Neighbouring keys and slots, as training uses them: the mean of n uniforms is within 5 / sqrt(12 n) of ½ and
        // the correlation of neighbours within 5 / sqrt(n) of 0.
        let values: Vec<f64> = (0..100u64)
            .flat_map(|sample| (0..100).map(move |slot| Draws::new(&[0, 0, sample, 1]).unit(slot)))
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        assert!((mean - 0.5).abs() < 5.0 / (12.0 * n).sqrt(), "mean {mean}");
        for lag in [1, 100] {
            let pairs = values.iter().zip(&values[lag..]);
            let correlation = 12.0 * pairs.map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>() / n;
            assert!(correlation.abs() < 5.0 / n.sqrt(), "lag {lag}: correlation {correlation}");
        }
    }

    #[test]
    fn normals_have_the_moments_of_the_normal_distribution() {
        type Moment = fn(f64, f64) -> f64;
        let draws = Draws::new(&[5]);
        let pairs: Vec<[f64; 2]> = (0..50_000).map(|pair| draws.normals(2 * pair)).collect();
        let mean = |f: Moment| pairs.iter().map(|&[a, b]| f(a, b)).sum::<f64>() / pairs.len() as f64;
        // Value and variance of each mean; five standard errors.
        let moments: [(Moment, f64, f64); 6] = [
            (|a, _| a, 0.0, 1.0),
            (|_, b| b, 0.0, 1.0),
            (|a, _| a.powi(2), 1.0, 2.0),
            (|_, b| b.powi(2), 1.0, 2.0),
            (|a, b| a * b, 0.0, 1.0),
            (|a, _| a.powi(4), 3.0, 96.0),
        ];
        for (index, (moment, expected, variance)) in moments.into_iter().enumerate() {
            let error = (mean(moment) - expected).abs() / (variance / pairs.len() as f64).sqrt();
            assert!(error < 5.0, "moment {index} is off by {error} standard errors");
        }
    }

    #[test]
    fn the_order_of_words_matters_and_bounds_hold() {
        assert_ne!(Draws::new(&[1, 2]).bits(0), Draws::new(&[2, 1]).bits(0));
        assert_ne!(Draws::new(&[0]).bits(0), Draws::new(&[0, 0]).bits(0));
        let draws = Draws::new(&[7]);
        assert!(
            (0..1000)
                .all(|slot| draws.below(slot, 3) < 3 && !draws.chance(slot, 0.0) && draws.chance(slot, 1.0))
        );
    }
}
