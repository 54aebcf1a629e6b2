//! Ranges of values and their round ticks.

/// Ranges below this are taken for none: their steps would round to zero.
const SMALLEST: f64 = 1e-300;
/// Ranges below this part of their ends are too narrow for ticks that read differently.
const NARROWEST: f64 = 1e-9;

/// A range of values shown along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// The value at the start of the axis.
    pub(super) low: f64,
    /// The value at its end; always above `low`.
    pub(super) high: f64,
    step: f64,
}

impl Scale {
    /// A range around `low..=high` that begins and ends at round values.
    pub(super) fn round(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = widen(low, high);
        let step = round_step((high - low) / ticks as f64);
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, step }
    }

    /// Exactly `low..=high`, with round ticks inside.
    pub(super) fn exact(low: f64, high: f64, ticks: usize) -> Self {
        let (low, high) = widen(low, high);
        Self { low, high, step: round_step((high - low) / ticks as f64) }
    }

    /// Where `value` lies on the axis, from 0 to 1.
    pub(super) fn at(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(-0.5, 1.5)
    }

    /// Round values inside the range.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-9).ceil() as i64;
        let last = (self.high / self.step + 1e-9).floor() as i64;
        (first..=last).take(20).map(|i| i as f64 * self.step).collect()
    }

    /// Decimals that tell neighbouring ticks apart.
    pub(super) fn decimals(&self) -> usize {
        (-(self.step.log10() - 1e-9).floor()).clamp(0.0, 9.0) as usize
    }
}

/// A range of equal ends, or of ends that are hardly apart, becomes one around them.
fn widen(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > (size * NARROWEST).max(SMALLEST) {
        return (low, high);
    }
    let half = if size < SMALLEST { 1.0 } else { size * 0.1 };
    (low - half, high + half)
}

/// The smallest of 1, 2, 5 × 10ⁿ that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        let scale = Scale::round(-2.1, 0.3, 5);
        assert_eq!((scale.low, scale.high), (-2.5, 0.5));
        assert_eq!(scale.ticks().len(), 7);
        assert_eq!(scale.decimals(), 1);
        assert_eq!(Scale::exact(0.0, 200.0, 5).ticks(), [0.0, 50.0, 100.0, 150.0, 200.0]);
    }

    #[test]
    fn one_value_still_has_a_range() {
        for value in [0.0, 3.0, -1e-7, 1e20, 1e300, 5e-324] {
            let scale = Scale::round(value, value, 4);
            assert!(scale.high > scale.low && (scale.at(value) - 0.5).abs() <= 0.5, "{scale:?}");
            assert!(!scale.ticks().is_empty());
        }
    }

    #[test]
    fn ranges_of_any_size_have_ticks() {
        let next = f64::from_bits(1e20f64.to_bits() + 1);
        let ranges = [(0.0, 1e20), (-1e300, 1e300), (-1.0, 3e38), (0.0, 5e-324), (0.0, 1e-299), (1e20, next)];
        for (low, high) in ranges {
            let scale = Scale::round(low, high, 5);
            let ticks = scale.ticks();
            assert!((2..20).contains(&ticks.len()), "{scale:?}: {ticks:?}");
            assert!(ticks.iter().all(|tick| tick.is_finite()) && scale.at(high) <= 1.0, "{scale:?}");
        }
    }
}
