//! Schedules: pure functions of the step.
//!
//! Nothing here has state, so nothing here is checkpointed: a resumed run asks for the same step and gets the same
//! number. The formulas are those of the released code's `adjust_learning_rate` and `cosine_scheduler`.

use serde::Serialize;

/// The learning rate over a run: one stage, or several of which each restarts with its own peak and warm-up.
///
/// ```
/// use twist_train::{LearningRate, Stage};
///
/// let rate = LearningRate::new(Stage { start: 0, steps: 100, warmup: 10, peak: 4.0, final_fraction: 0.001 });
/// assert_eq!(rate.at(0), 0.0);
/// assert_eq!(rate.at(10), 4.0);
/// assert!(rate.at(99) < 0.01);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LearningRate {
    stages: Vec<Stage>,
}

/// One warm-up followed by one cosine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// The first step of the stage.
    pub start: u64,
    /// Length of the stage, warm-up included, in steps.
    pub steps: u64,
    /// Length of the warm-up in steps: the rate rises linearly from exactly 0.
    pub warmup: u64,
    /// The rate at the end of the warm-up.
    pub peak: f64,
    /// The cosine ends at `final_fraction * peak`.
    pub final_fraction: f64,
}

impl LearningRate {
    /// A schedule of one stage.
    pub fn new(stage: Stage) -> Self {
        Self { stages: vec![stage] }
    }

    /// Adds a restart: from `stage.start` on, only `stage` counts.
    pub fn then(mut self, stage: Stage) -> Self {
        self.stages.push(stage);
        self.stages.sort_by_key(|stage| stage.start);
        self
    }

    /// The learning rate of the update that `step` makes (the first step is 0).
    pub fn at(&self, step: u64) -> f64 {
        let stage = self.stages.iter().rev().find(|stage| stage.start <= step);
        stage.or(self.stages.first()).map_or(0.0, |stage| stage.at(step))
    }
}

impl Stage {
    /// `peak * t / warmup` while warming up, then `peak * (q + f (1 - q))` with `q = (1 + cos(pi t / T)) / 2` and
    /// `f = final_fraction`.
    fn at(&self, step: u64) -> f64 {
        let step = step.saturating_sub(self.start);
        if step < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let length = self.steps.saturating_sub(self.warmup).max(1);
        let progress = (step - self.warmup) as f64 / length as f64;
        let q = 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
        self.peak * (q + self.final_fraction * (1.0 - q))
    }
}

/// A plain half cosine from `base` to `end`, without warm-up: weight decay now, teacher momentum and quantiles in the
/// released code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cosine {
    /// The value at step 0.
    pub base: f64,
    /// The value that step `steps` would have; the last step stays one short of it, as released.
    pub end: f64,
    /// Length in steps.
    pub steps: u64,
}

impl Cosine {
    /// The value at `step`.
    pub fn at(&self, step: u64) -> f64 {
        let progress = (step as f64 / self.steps.max(1) as f64).min(1.0);
        self.end + 0.5 * (self.base - self.end) * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}

/// The released rule for the length of the warm-up in epochs: 10, but 5 up to 50 epochs and 3 up to 20.
///
/// Released, the rule always overwrote the command line; here it only speaks when the recipe is silent.
pub fn released_warmup_epochs(epochs: u64) -> u64 {
    match epochs {
        0..=20 => 3,
        21..=50 => 5,
        _ => 10,
    }
}

/// Epochs of warm-up where a recipe is silent: the released rule for a run of `epochs`, and a quarter of its first stage
/// if that is not longer than the released warm-up.
pub fn silent_warmup_epochs(epochs: u64, first_stage: u64) -> u64 {
    match released_warmup_epochs(epochs) {
        released if released < first_stage => released,
        _ => first_stage / 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmup_starts_at_exactly_zero_and_ends_at_the_peak() {
        let stage = Stage { start: 0, steps: 40, warmup: 8, peak: 0.3, final_fraction: 0.001 };
        let rate = LearningRate::new(stage);
        assert_eq!(rate.at(0), 0.0);
        assert_eq!(rate.at(4), 0.15);
        assert_eq!(rate.at(8), 0.3);
        assert!((rate.at(40) - 0.0003).abs() < 1e-15, "the floor holds beyond the end");
        assert_eq!(rate.at(40), rate.at(4000));
    }

    #[test]
    fn a_schedule_without_warmup_starts_at_the_peak() {
        let rate = LearningRate::new(Stage { start: 0, steps: 4, warmup: 0, peak: 2.0, final_fraction: 0.0 });
        assert_eq!(rate.at(0), 2.0);
        assert!((rate.at(2) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_released_rule_has_its_boundaries_where_the_code_has_them() {
        let warmups: Vec<u64> = [1, 20, 21, 50, 51, 800].map(released_warmup_epochs).to_vec();
        assert_eq!(warmups, [3, 3, 5, 5, 10, 10]);
        let silent: Vec<u64> = [1, 3, 4, 20, 51].map(|epochs| silent_warmup_epochs(epochs, epochs)).to_vec();
        assert_eq!(silent, [0, 0, 3, 3, 10]);
        assert_eq!(silent_warmup_epochs(60, 8), 2, "a first stage of 8 epochs, and 52 of self-labelling");
    }
}
