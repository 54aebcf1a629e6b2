//! The guard: names a collapse while it happens and stops the run before it wastes a night.

mod kind;
mod saved;

pub use kind::CollapseKind;
pub(crate) use saved::{LogitStatistics, SavedStep, save};

use twist_run::{Streaks, figure};

use crate::config::GuardConfig;
use crate::reading::StepReading;

/// Watches the figures of every step for signs of collapse.
///
/// The statistics are those of the loss itself, so nothing is computed for the guard alone:
///
/// | kind | sign |
/// |---|---|
/// | [`CollapseKind::OneHot`] | the entropy of the mean distribution is that of one class, and one class wins everything |
/// | [`CollapseKind::Uniform`] | the mean distribution has no more entropy than those of the images have on average: all are the same, so an image tells nothing of its class (their mutual information is 0) |
/// | [`CollapseKind::DeadClasses`] | few of the reachable classes win an image, and the mean distribution agrees |
/// | [`CollapseKind::NonFiniteLoss`], [`CollapseKind::NonFiniteGradient`] | a number is NaN or infinite |
///
/// A sign must hold at every step of a window; non-finite numbers count at once. Healthy early training shows none of
/// them: with the norm before softmax, untrained logits have unit variance per class, which puts an image's entropy
/// about half a nat below `ln K` and the mean distribution's entropy at `ln K`. Without that norm the common
/// distribution keeps what the last layer's bias makes of it, so it need not be flat. A batch of B images can use at most
/// B classes, so K far above B is judged by B.
#[derive(Clone, Debug)]
pub struct Guard {
    pub(crate) limits: GuardConfig,
    /// Classes that a batch can use at most.
    reachable: f64,
    /// Logits are divided by this before entropies are taken, which shrinks an untrained gap by its square.
    temperature: f64,
    /// The streaks up to the last step that was observed.
    pub(crate) streaks: Streaks,
}

impl Guard {
    /// A guard for `clusters` classes and batches of `batch_size` images.
    pub fn new(limits: GuardConfig, clusters: i64, batch_size: usize, temperature: f64) -> Self {
        let clusters = clusters.max(2) as f64;
        let streaks = Streaks::default();
        Self { limits, reachable: clusters.min(batch_size as f64), temperature, streaks }
    }

    /// The same guard after steps that left these streaks.
    pub fn after(self, streaks: Streaks) -> Self {
        Self { streaks, ..self }
    }

    /// Takes the figures of one step, in the order of the steps; tells when they add up to a collapse.
    pub fn observe(&mut self, reading: &StepReading) -> Option<CollapseKind> {
        if !self.limits.enabled {
            return None;
        }
        if !reading.get(figure::LOSS).is_finite() {
            return Some(CollapseKind::NonFiniteLoss);
        }
        if reading.figures.get(figure::GRAD_NORM).is_some_and(|norm| !norm.is_finite()) {
            return Some(CollapseKind::NonFiniteGradient);
        }
        // Labels keep the classes apart, so that nothing else is judged where they say them.
        let of = |figure| reading.figures.get(figure);
        let (sharpness, diversity) = (of(figure::SHARPNESS)?, of(figure::DIVERSITY)?);
        let in_use = of(figure::CLASSES_IN_USE)?;
        let gap = self.limits.uniform_gap / self.temperature.powi(2).max(1.0);
        let few = (self.limits.dead_fraction * self.reachable).max(1.0);
        let worth = diversity.exp();
        let one_hot = worth < self.limits.one_hot_classes && in_use <= 1.0;
        let uniform = diversity - sharpness < gap;
        let dead_classes = worth < few && in_use < few;

        let longer = |streak: u64, sign: bool| if sign { streak + 1 } else { 0 };
        self.streaks = Streaks {
            one_hot: longer(self.streaks.one_hot, one_hot),
            uniform: longer(self.streaks.uniform, uniform),
            dead_classes: longer(self.streaks.dead_classes, dead_classes),
        };
        let Streaks { one_hot, uniform, dead_classes } = self.streaks;
        let streaks = [
            (CollapseKind::OneHot, one_hot),
            (CollapseKind::Uniform, uniform),
            (CollapseKind::DeadClasses, dead_classes),
        ];
        let over = streaks.into_iter().find(|(_, streak)| *streak >= self.limits.window_steps);
        over.map(|(kind, _)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 20;

    fn guard(clusters: i64, batch: usize) -> Guard {
        Guard::new(GuardConfig { window_steps: WINDOW, ..GuardConfig::default() }, clusters, batch, 1.0)
    }

    fn reading(step: u64, sharpness: f64, diversity: f64, classes_in_use: u64) -> StepReading {
        let figures = [
            (figure::LOSS, sharpness - diversity),
            (figure::SHARPNESS, sharpness),
            (figure::DIVERSITY, diversity),
            (figure::GRAD_NORM, 1.0),
            (figure::CLASSES_IN_USE, classes_in_use as f64),
        ];
        StepReading { step, figures: figures.into_iter().collect(), answers: None }
    }

    /// The step (counted from 1) at which the guard fires on figures that do not change.
    fn fires(mut guard: Guard, sharpness: f64, diversity: f64, classes: u64) -> Option<(u64, CollapseKind)> {
        (1..=3 * WINDOW)
            .find_map(|step| Some((step, guard.observe(&reading(step, sharpness, diversity, classes))?)))
    }

    #[test]
    fn each_kind_is_named_after_a_whole_window() {
        let ln = |value: f64| value.ln();
        let uniform = fires(guard(10, 64), ln(10.0) - 0.001, ln(10.0), 7);
        assert_eq!(uniform, Some((WINDOW, CollapseKind::Uniform)));
        let constant = fires(guard(10, 64), ln(10.0) - 0.03, ln(10.0) - 0.029, 1);
        assert_eq!(constant, Some((WINDOW, CollapseKind::Uniform)), "the same for all, though not flat");
        assert_eq!(fires(guard(10, 64), 0.01, 0.02, 1), Some((WINDOW, CollapseKind::OneHot)));
        assert_eq!(fires(guard(1024, 256), 0.5, ln(9.0), 11), Some((WINDOW, CollapseKind::DeadClasses)));
    }

    #[test]
    fn non_finite_numbers_fire_at_once() {
        let mut bad = reading(1, 1.0, 2.0, 8);
        bad.figures.set(figure::LOSS, f64::NAN);
        assert_eq!(guard(10, 64).observe(&bad), Some(CollapseKind::NonFiniteLoss));
        let mut bad = reading(1, 1.0, 2.0, 8);
        bad.figures.set(figure::GRAD_NORM, f64::INFINITY);
        assert_eq!(guard(10, 64).observe(&bad), Some(CollapseKind::NonFiniteGradient));
    }

    #[test]
    fn healthy_training_never_fires() {
        // (K, B): few classes, as many as images, far more than images. From untrained (sharpness half a nat below
        // ln K) to sharp; as long as K is above B, argmax reaches at most B classes.
        for (clusters, batch) in [(2, 64), (10, 64), (128, 256), (1024, 256), (32_768, 128)] {
            let mut guard = guard(clusters, batch);
            let ceiling = (clusters as f64).ln();
            let reachable = (clusters as f64).min(batch as f64);
            for step in 0..2_000 {
                let progress = step as f64 / 2_000.0;
                let sharpness = (ceiling - 0.2) * (1.0 - 0.97 * progress);
                let in_use = (0.3 + 0.6 * progress) * reachable;
                let fired = guard.observe(&reading(step, sharpness, 0.98 * ceiling, in_use as u64));
                assert_eq!(fired, None, "K {clusters}, B {batch}, step {step}");
            }
        }
    }

    #[test]
    fn a_sign_that_passes_starts_its_count_anew() {
        let mut guard = guard(10, 64);
        for step in 0..10 * WINDOW {
            let sharpness = if step % (WINDOW - 1) == 0 { 1.5 } else { 10f64.ln() };
            assert_eq!(guard.observe(&reading(step, sharpness, 10f64.ln(), 9)), None);
        }
    }

    #[test]
    fn pieces_shorter_than_the_window_are_judged_like_one() {
        let flat = reading(1, 10f64.ln(), 10f64.ln(), 7);
        let mut streaks = Streaks::default();
        for step in 1..WINDOW {
            let mut piece = guard(10, 64).after(streaks);
            assert_eq!(piece.observe(&flat), None, "step {step}");
            streaks = piece.streaks;
        }
        assert_eq!(guard(10, 64).after(streaks).observe(&flat), Some(CollapseKind::Uniform));
    }

    #[test]
    fn switched_off_it_says_nothing() {
        let limits = GuardConfig { enabled: false, window_steps: 1, ..GuardConfig::default() };
        let mut bad = reading(1, 0.0, 0.0, 1);
        bad.figures.set(figure::LOSS, f64::NAN);
        assert_eq!(Guard::new(limits, 10, 64, 1.0).observe(&bad), None);
    }
}
