//! RandAugment (Cubuk, Zoph, Shlens and Le, 2019) in timm's variant `rand-m9-mstd0.5-inc1`, which the released code
//! calls `rand`: how its operations are chosen, and how strong they are.

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::policy::{PROBABILITY, PolicyError, check, is_part};
use super::random::Draws;

/// Most operations of one view.
pub(super) const MAX_OPERATIONS: usize = 8;

/// Strengths go from 0 to this.
const MAX_MAGNITUDE: f64 = 10.0;

/// A few [operations](Operation), chosen with replacement, each as strong as chance has it. The defaults are the
/// released ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// How many are chosen for a view, at most 8.
    pub operations: u32,
    /// Probability that a chosen operation is applied.
    pub probability: f64,
    /// Mean of the normal distribution of strengths, which are cut to 0..=10.
    pub magnitude: f64,
    /// Standard deviation of that distribution.
    pub magnitude_std: f64,
    /// Red, green and blue of what comes in from outside when a view is turned, sheared or shifted.
    pub fill: [u8; 3],
}

impl Default for RandAugment {
    fn default() -> Self {
        // The fill is ImageNet's mean colour.
        Self { operations: 2, probability: 0.5, magnitude: 9.0, magnitude_std: 0.5, fill: [124, 116, 104] }
    }
}

/// What RandAugment does to one view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operations {
    /// One after another. `None` is one that was not chosen, or chosen and not applied.
    pub list: [Option<Operation>; MAX_OPERATIONS],
    /// Red, green and blue of what comes in from outside.
    pub fill: [u8; 3],
}

/// Slots of the random numbers of one operation.
mod slot {
    pub(super) const CHOICE: u64 = 0;
    pub(super) const APPLIED: u64 = CHOICE + 1;
    /// A normally distributed number takes two.
    pub(super) const MAGNITUDE: u64 = APPLIED + 1;
    pub(super) const SIGN: u64 = MAGNITUDE + 2;
    pub(super) const COUNT: u64 = SIGN + 1;
}

impl RandAugment {
    /// Slots that all operations of a view take, however many are chosen.
    pub(super) const SLOTS: u64 = MAX_OPERATIONS as u64 * slot::COUNT;

    pub(super) fn check(&self, view: &str) -> Result<(), PolicyError> {
        let Self { operations, probability, magnitude, magnitude_std, .. } = self;
        let few = (1..=MAX_OPERATIONS as u32).contains(operations);
        let strength = |value: &f64| (0.0..=MAX_MAGNITUDE).contains(value);
        let rule = "strengths lie between 0 and 10";
        check(
            view,
            &[
                ("rand_augment.operations", operations, few, "between 1 and 8 operations are chosen"),
                ("rand_augment.probability", probability, is_part(*probability), PROBABILITY),
                ("rand_augment.magnitude", magnitude, strength(magnitude), rule),
                ("rand_augment.magnitude_std", magnitude_std, strength(magnitude_std), rule),
            ],
        )
    }

    /// The operations of one view, from the slots that begin at `first`.
    pub(super) fn draw(&self, draws: &Draws, first: u64) -> Operations {
        let mut list = [None; MAX_OPERATIONS];
        for (place, operation) in (0..u64::from(self.operations)).zip(&mut list) {
            let first = first + slot::COUNT * place;
            *operation = draws.chance(first + slot::APPLIED, self.probability).then(|| {
                let [normal, _] = draws.normals(first + slot::MAGNITUDE);
                let magnitude = (self.magnitude + self.magnitude_std * normal).clamp(0.0, MAX_MAGNITUDE);
                let sign = if draws.chance(first + slot::SIGN, 0.5) { -1.0 } else { 1.0 };
                let choice = draws.below(first + slot::CHOICE, Operation::COUNT);
                Operation::at(choice, magnitude / MAX_MAGNITUDE, sign)
            });
        }
        Operations { list, fill: self.fill }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_operations_leaves_the_first_ones_as_they_are() {
        let few = RandAugment { probability: 1.0, ..RandAugment::default() };
        let many = RandAugment { operations: 8, ..few };
        for sample in 0..100 {
            let draws = Draws::new(&[sample]);
            let (few, many) = (few.draw(&draws, 7).list, many.draw(&draws, 7).list);
            assert_eq!(few[..2], many[..2]);
            assert!(few[2..].iter().all(Option::is_none) && many.iter().all(Option::is_some));
        }
    }
}
