//! How long a run takes here, said before it begins; and the number of epochs that `--max-time` leaves time for.
//!
//! No result follows from a timing unless the user asks for it: with `--max-time` and without `--epochs` the measured
//! time chooses the number of epochs, which then stands in the run's `config.toml` as if it had been typed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use twist_data::Dataset;
use twist_run::{OnExisting, files};
use twist_train::{Pace, Recipe, TrainPlan, seconds_per_step};

use crate::talk::Talk;

/// The part of `--max-time` that is filled with steps: evaluations, checkpoints and a busier machine take the rest.
const FILLED: f64 = 0.9;

/// What the command line says of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeAsked {
    /// `--max-time`.
    pub(crate) limit: Option<Duration>,
    /// Whether it also says the number of epochs.
    pub(crate) epochs: bool,
}

impl TimeAsked {
    /// Whether a measured time has a use.
    pub(crate) fn wants_to_know(self, talk: &Talk) -> bool {
        self.limit.is_some() || talk.shows_progress()
    }
}

/// Whether a run begins in `folder`, as opposed to one that goes on or is refused.
pub(crate) fn begins(folder: &Path, on_existing: OnExisting) -> bool {
    on_existing == OnExisting::Replace || !folder.join(files::PLAN).is_file()
}

/// Measures some steps of a run of images that begins, and says how long it takes. Where `--max-time` leaves time for fewer
/// epochs than the plan has and nobody chose those, `make` makes recipe and plan again for them; the time that they were
/// fitted to is returned as well.
///
/// # Errors
/// What the first steps of the run would fail with; those of `make`.
pub(crate) fn timed(
    (recipe, plan): (Recipe, TrainPlan),
    images: &Arc<dyn Dataset>,
    asked: TimeAsked,
    talk: &Talk,
    make: impl Fn(u64) -> anyhow::Result<(Recipe, TrainPlan)>,
) -> anyhow::Result<((Recipe, TrainPlan), Option<Duration>)> {
    if !asked.wants_to_know(talk) {
        return Ok(((recipe, plan), None));
    }
    talk.say("measuring how long a step takes");
    let estimate = Estimate {
        pace: seconds_per_step(&plan, images)?,
        per_epoch: plan.run.steps_per_epoch,
        epochs: plan.run.epochs,
        fixed: plan.config().self_label.as_ref().map_or(0, |stage| stage.epochs),
    };
    match estimate.tell(asked, talk) {
        Some(epochs) => Ok((make(epochs)?, asked.limit)),
        None => Ok(((recipe, plan), None)),
    }
}

/// A run whose steps were measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    /// Seconds of a step.
    pub(crate) pace: Pace,
    /// Steps of an epoch.
    pub(crate) per_epoch: u64,
    /// Epochs of the plan.
    pub(crate) epochs: u64,
    /// Those among them that `--epochs` does not count: the second stage.
    pub(crate) fixed: u64,
}

impl Estimate {
    /// Seconds of `epochs` epochs.
    fn seconds(self, epochs: u64) -> f64 {
        let later = epochs.saturating_sub(1) as f64 * self.pace.later;
        self.per_epoch as f64 * (epochs.min(1) as f64 * self.pace.first + later)
    }

    /// Epochs (of all stages) that end within `limit`.
    fn fitting(self, limit: Duration) -> u64 {
        let left = FILLED * limit.as_secs_f64() - self.seconds(1);
        if left < 0.0 {
            return 0;
        }
        1u64.saturating_add((left / (self.per_epoch as f64 * self.pace.later).max(1e-9)) as u64)
    }

    /// Says how long the plan takes; the rest as [`Estimate::fit`].
    pub(crate) fn tell(self, asked: TimeAsked, talk: &Talk) -> Option<u64> {
        let Pace { first, later } = self.pace;
        let decoding = match self.epochs > 1 && first > 1.2 * later {
            true => format!(" ({} in the first epoch, which decodes the images)", short(first)),
            false => String::new(),
        };
        talk.say(format!(
            "time: {} for {} steps, {} each as measured here{decoding}; evaluations come on top",
            about(self.seconds(self.epochs)),
            self.per_epoch.saturating_mul(self.epochs),
            short(if self.epochs > 1 { later } else { first })
        ));
        self.fit(asked.limit?, asked.epochs, talk)
    }

    /// Says what `limit` means for the run, and returns the `--epochs` to use instead of the plan's, where those do not fit
    /// and the user did not choose them.
    fn fit(self, limit: Duration, chosen: bool, talk: &Talk) -> Option<u64> {
        let (fits, limit) = (self.fitting(limit), about(limit.as_secs_f64()));
        if fits >= self.epochs {
            return None;
        }
        let epochs = fits.saturating_sub(self.fixed);
        if chosen || epochs == 0 {
            let remedy = match epochs {
                0 => "not even one epoch fits".to_string(),
                epochs => format!("--epochs {epochs} fits"),
            };
            talk.warn(format!(
                "--max-time, {limit}, ends the run at about epoch {fits} of {}, before its learning rate has come down: {remedy}",
                self.epochs
            ));
            return None;
        }
        talk.say(format!(
            "--max-time, {limit}, leaves time for about {epochs} of {} epochs: the run has {epochs} (--epochs sets another number)",
            self.epochs - self.fixed
        ));
        Some(epochs)
    }
}

/// What to say where a run whose epochs were chosen for `limit` takes `seconds`: nothing when it fills most of that.
pub(crate) fn left_over(seconds: f64, limit: Duration, epochs: u64) -> Option<String> {
    const MUCH: f64 = 1.5;
    let limit = limit.as_secs_f64();
    let fill = (epochs as f64 * FILLED * limit / seconds.max(1e-9)) as u64;
    (seconds * MUCH < FILLED * limit).then(|| {
        format!(
            "steps are faster than those measured before the run, so it will take {} of {}: a run with --epochs {fill} would use all of that time",
            about(seconds),
            about(limit)
        )
    })
}

/// A length of time in words, with two digits or so.
fn about(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 90.0 => (s, "second"),
        s if s < 90.0 * 60.0 => (s / 60.0, "minute"),
        s if s < 48.0 * 3_600.0 => (s / 3_600.0, "hour"),
        s => (s / 86_400.0, "day"),
    };
    let value =
        if value < 9.95 && unit != "second" { (value * 10.0).round() / 10.0 } else { value.round().max(1.0) };
    format!("about {value} {unit}{}", if value == 1.0 { "" } else { "s" })
}

/// The time of a step.
fn short(seconds: f64) -> String {
    match seconds {
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Estimate =
        Estimate { pace: Pace { first: 0.5, later: 0.5 }, per_epoch: 10, epochs: 400, fixed: 0 };

    fn fit(run: Estimate, seconds: u64, chosen: bool) -> Option<u64> {
        run.fit(Duration::from_secs(seconds), chosen, &Talk::new(true, false))
    }

    #[test]
    fn a_run_that_fits_stays_and_a_longer_one_gets_the_epochs_that_do() {
        assert_eq!(RUN.seconds(400), 2_000.0);
        assert_eq!(fit(RUN, 3_000, false), None, "400 epochs fit");
        assert_eq!(fit(RUN, 1_000, false), Some(180), "of 5 s, in nine tenths of the time");
        assert_eq!(fit(RUN, 5, false), None, "not even one fits: the run stops at the time");
    }

    #[test]
    fn an_epoch_that_decodes_takes_longer_than_those_that_follow() {
        let run = Estimate { pace: Pace { first: 5.0, later: 0.5 }, ..RUN };
        assert_eq!((run.seconds(0), run.seconds(1), run.seconds(400)), (0.0, 50.0, 50.0 + 399.0 * 5.0));
        assert_eq!(fit(run, 1_000, false), Some(171), "50 s for the first, 850 s for 170 more");
        assert_eq!(run.fitting(Duration::from_secs(50)), 0);
    }

    #[test]
    fn chosen_epochs_stay() {
        assert_eq!(fit(RUN, 1_000, true), None);
    }

    #[test]
    fn much_time_that_is_left_is_told() {
        let limit = Duration::from_secs(1_800);
        assert_eq!(left_over(1_500.0, limit, 40), None);
        let told = left_over(810.0, limit, 40).unwrap();
        assert!(
            told.contains("about 14 minutes of about 30 minutes") && told.contains("--epochs 80"),
            "{told}"
        );
    }

    #[test]
    fn a_second_stage_keeps_its_epochs() {
        let staged = Estimate { fixed: 100, ..RUN };
        assert_eq!(fit(staged, 1_000, false), Some(80));
        assert_eq!(fit(staged, 500, false), None, "90 epochs are less than the second stage");
    }

    #[test]
    fn times_have_two_digits() {
        for (seconds, text) in [
            (0.2, "about 1 second"),
            (47.3, "about 47 seconds"),
            (90.0, "about 1.5 minutes"),
            (1_800.0, "about 30 minutes"),
            (3_600.0 * 1.0, "about 60 minutes"),
            (3_600.0 * 2.5, "about 2.5 hours"),
            (86_400.0 * 12.3, "about 12 days"),
        ] {
            assert_eq!(about(seconds), text);
        }
        let steps = [0.0021, 0.123, 2.34, 61.2].map(short);
        assert_eq!(steps, ["2.1 ms", "123 ms", "2.3 s", "61 s"]);
    }
}
