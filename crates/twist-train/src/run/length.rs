//! The length of a run in steps.

use twist_io::Refused;

use crate::plan::refused;

/// Most steps of a run: every number up to here is exact in float64, as schedules and logs hold it.
const MOST_STEPS: u64 = 1 << 53;

/// `epochs` in steps; `key` says where they are written.
///
/// # Errors
/// More steps than can be counted.
pub(crate) fn steps(key: &'static str, epochs: u64, steps_per_epoch: u64) -> Result<u64, Refused> {
    let steps = epochs.checked_mul(steps_per_epoch).filter(|steps| *steps <= MOST_STEPS);
    steps.ok_or_else(|| {
        let most = MOST_STEPS / steps_per_epoch.max(1);
        let rule = format!(
            "must be at most {most}: an epoch has {steps_per_epoch} steps, and a run at most {MOST_STEPS}"
        );
        refused(key, epochs, rule)
    })
}

/// The sum of two numbers of epochs, without overflow; a sum that is too large is refused by [`steps`].
pub(crate) fn together(first: u64, second: u64) -> u64 {
    first.saturating_add(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_steps_than_can_be_counted_are_refused_with_the_most_that_can() {
        assert_eq!(steps("schedule.epochs", 800, 2_502).unwrap(), 2_001_600);
        assert_eq!(steps("schedule.epochs", 0, 7).unwrap(), 0);
        assert_eq!(steps("schedule.epochs", MOST_STEPS / 2, 2).unwrap(), MOST_STEPS);
        for epochs in [MOST_STEPS / 2 + 1, u64::MAX] {
            let message = steps("schedule.epochs", epochs, 2).unwrap_err().to_string();
            assert!(message.contains("schedule.epochs") && message.contains("4503599627370496"), "{message}");
        }
        assert_eq!(together(u64::MAX, 5), u64::MAX);
    }
}
