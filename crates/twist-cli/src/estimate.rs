//! How long a run takes here, said before it begins; and the number of epochs that `--max-time` leaves time for.
//!
//! No result follows from a timing unless the user asks for it: with `--max-time` and without `--epochs` the measured
//! time chooses the number of epochs, which then stands in the run's `config.toml` as if it had been typed.

use std::path::Path;
use std::time::{Duration, Instant};

use twist_eval::{EvalData, OnlineEvaluator};
use twist_run::{OnExisting, files};
use twist_train::run::Run;
use twist_train::{Costs, Pace, Patience, Pretraining, Recipe, TrainImages, TrainPlan, Work};

use crate::bar::Busy;
use crate::digits::thousands;
use crate::talk::Talk;

/// The part of `--max-time` that is planned for: what was measured may turn out slower.
const FILLED: f64 = 0.9;

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

    pub(crate) fn patience(self) -> Patience {
        Patience::of(self.limit)
    }
}

/// Whether a run begins in `folder`, as opposed to one that goes on or is refused.
pub(crate) fn begins(folder: &Path, on_existing: OnExisting) -> bool {
    on_existing == OnExisting::Replace || !folder.join(files::PLAN).is_file()
}

/// Shows that a run is rehearsed, as long as it lives.
pub(crate) fn measuring(talk: &Talk) -> Busy {
    talk.say("measuring how long a step takes");
    Busy::new("measuring", talk)
}

/// Rehearses a run of images that begins in `folder`, and says how long it takes. Where `--max-time` leaves time for fewer
/// epochs than the plan has and nobody chose those, `make` makes recipe and plan again for them; the time that they were
/// fitted to is returned as well. Of `images` those that were decoded stay in memory for the run, as far as they fit.
///
/// # Errors
/// What the first steps of the run would fail with; those of `make`.
pub(crate) fn timed(
    (recipe, plan): (Recipe, TrainPlan),
    (data, images): (&EvalData, TrainImages),
    folder: &Path,
    asked: TimeAsked,
    talk: &Talk,
    make: impl Fn(u64, &Talk) -> anyhow::Result<(Recipe, TrainPlan)>,
) -> anyhow::Result<((Recipe, TrainPlan), TrainImages, Option<Duration>)> {
    if !asked.wants_to_know(talk) {
        return Ok(((recipe, plan), images, None));
    }
    let busy = measuring(talk);
    let evaluator = OnlineEvaluator::new(data.clone());
    let evaluate = |task: &mut Pretraining| match plan.run.eval_every_steps {
        Some(_) => Ok(evaluator.pace(task.net(), task.plan())?),
        None => Ok(Pace::default()),
    };
    let mut run = Run::stand_in_for(&plan, images)?;
    let costs = run.rehearse(asked.patience(), Some(existing(folder)), evaluate)?;
    drop(busy);
    let images = run.into_task().into_images();
    let fixed = plan.config.self_label.as_ref().map_or(0, |stage| stage.epochs);
    let estimate = Estimate { costs, work: plan.run.work(), fixed };
    let fitted = estimate.tell(asked, talk, |epochs, talk| {
        let made = make(epochs, talk)?;
        Ok((made.1.run.work(), made))
    })?;
    Ok(match fitted {
        Some(made) => (made, images, asked.limit),
        None => ((recipe, plan), images, None),
    })
}

/// The nearest folder above a run that is there already.
fn existing(run: &Path) -> &Path {
    let there = run.ancestors().find(|folder| folder.is_dir());
    there.unwrap_or(Path::new("."))
}

/// A run that was rehearsed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    /// What its parts take.
    pub(crate) costs: Costs,
    /// What the plan has to do.
    pub(crate) work: Work,
    /// Epochs among them that `--epochs` does not count: the second stage.
    pub(crate) fixed: u64,
}

impl Estimate {
    /// Says how long the plan takes and what `--max-time` means for it. Where its epochs do not fit and the user did not choose
    /// them, the run that `make` makes of those that do is returned; `make` also says how much work that is.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn tell<M>(
        self,
        asked: TimeAsked,
        talk: &Talk,
        make: impl Fn(u64, &Talk) -> anyhow::Result<(Work, M)>,
    ) -> anyhow::Result<Option<M>> {
        self.say(talk);
        match asked.limit {
            Some(limit) => self.fit(limit, asked.epochs, talk, make),
            None => Ok(None),
        }
    }

    pub(crate) fn say(self, talk: &Talk) {
        let (Work { epochs, steps_per_epoch, .. }, Pace { first, later }) = (self.work, self.costs.step);
        let decoding = match epochs > 1 && first > 1.2 * later {
            true => format!(" ({} in the first epoch, which decodes the images)", short(first)),
            false => String::new(),
        };
        talk.say(format!(
            "time: {} for {} steps, {} each as measured here{decoding}, with evaluations and checkpoints, without the final evaluation",
            about(self.costs.seconds(self.work)),
            thousands(steps_per_epoch.saturating_mul(epochs)),
            short(if epochs > 1 { later } else { first })
        ));
        let Costs { evaluation, checkpoint, .. } = self.costs;
        talk.detail(format!(
            "an evaluation takes {}, the first one {}, a checkpoint {}",
            short(evaluation.later),
            short(evaluation.first),
            short(checkpoint)
        ));
    }

    fn fit<M>(
        self,
        limit: Duration,
        chosen: bool,
        talk: &Talk,
        make: impl Fn(u64, &Talk) -> anyhow::Result<(Work, M)>,
    ) -> anyhow::Result<Option<M>> {
        let (all, planned) = (self.work.epochs, self.costs.seconds(self.work));
        if planned <= FILLED * limit.as_secs_f64() {
            return Ok(None);
        }
        let (fits, time) = (self.fitting(limit, &make)?, spoken(limit.as_secs_f64()));
        if chosen {
            let remedy = match fits {
                0 => "not even one epoch fits".to_string(),
                epochs => format!("--epochs {epochs} fits"),
            };
            if planned > limit.as_secs_f64() {
                let ends = all as f64 * limit.as_secs_f64() / planned;
                talk.warn(format!(
                    "--max-time, {time}, ends the run at about epoch {ends:.0} of {all}, before its learning rate has come down: {remedy}"
                ));
            }
            return Ok(None);
        }
        let fits = fits.max(1);
        let (work, made) = make(fits, talk)?;
        let seconds = self.costs.seconds(work);
        if seconds > limit.as_secs_f64() {
            let enough = (seconds / FILLED / 60.0).ceil();
            talk.warn(format!(
                "--max-time, {time}, leaves no time for one epoch, which takes {} as measured here: the run has one. Where it does \
                 not end in this time, it is saved and stopped, and --resume ends it; --max-time {enough:.0}m has time for it",
                about(seconds)
            ));
        } else {
            talk.say(format!(
                "--max-time, {time}, leaves time for about {fits} of {} epochs: the run has {fits} and takes {} (--epochs sets another number)",
                all - self.fixed,
                about(seconds)
            ));
        }
        Ok(Some(made))
    }

    /// The `--epochs` of the longest run within the planned part of `limit`; 0 if none fits. How often a run is evaluated
    /// and saved depends on its epochs, so their number is approached from above, where only steps take time.
    fn fitting<M>(
        self,
        limit: Duration,
        make: &impl Fn(u64, &Talk) -> anyhow::Result<(Work, M)>,
    ) -> anyhow::Result<u64> {
        let (room, Pace { first, later }) = (FILLED * limit.as_secs_f64(), self.costs.step);
        let epoch = |step: f64| (self.work.steps_per_epoch as f64 * step).max(1e-9);
        let mut epochs = match room - epoch(first) {
            left if left < 0.0 => 0,
            left => 1u64.saturating_add((left / epoch(later)) as u64).min(self.work.epochs),
        };
        while epochs > self.fixed {
            let seconds = self.costs.seconds(make(epochs - self.fixed, &Talk::silent())?.0);
            if seconds <= room {
                break;
            }
            epochs = (epochs - 1).min((epochs as f64 * room / seconds) as u64);
        }
        Ok(epochs.saturating_sub(self.fixed))
    }
}

/// Watches how a run keeps to the time that its epochs were chosen for.
#[derive(Debug)]
pub(crate) struct Drift {
    limit: Duration,
    began: Instant,
    /// After how many steps, and when, a fifth of them was made: the first epoch, which may be slower, is behind.
    fifth: Option<(u64, Instant)>,
    /// Whether it was asked if time is left over.
    asked: bool,
}

impl From<Duration> for Drift {
    fn from(limit: Duration) -> Self {
        Self { limit, began: Instant::now(), fifth: None, asked: false }
    }
}

impl Drift {
    /// What to say after `step` of `total` steps of a run with so many epochs. Of the time that is left over an epoch tells, with
    /// its evaluation.
    pub(crate) fn after(&mut self, step: u64, total: u64, epochs: u64) -> Option<String> {
        let fifth = total.div_ceil(5);
        if step >= fifth {
            self.fifth.get_or_insert_with(|| (step, Instant::now()));
        }
        if !self.asked && step >= fifth.max(total / epochs.max(1)) {
            self.asked = true;
            let seconds = self.began.elapsed().as_secs_f64() * total as f64 / step.max(1) as f64;
            return left_over(seconds, self.limit, epochs);
        }
        let (fifth, at) = self.fifth.filter(|(fifth, _)| step > *fifth && step >= total / 2)?;
        let (spent, since) = (self.began.elapsed().as_secs_f64(), at.elapsed().as_secs_f64());
        let to_come = since * total.saturating_sub(step) as f64 / (step - fifth) as f64;
        falls_short(step as f64 / total.max(1) as f64, spent, to_come, self.limit)
    }
}

/// What to say where a run whose epochs were chosen for `limit` takes `seconds`: nothing when it fills most of that.
fn left_over(seconds: f64, limit: Duration, epochs: u64) -> Option<String> {
    const MUCH: f64 = 1.5;
    let limit = limit.as_secs_f64();
    let fill = (epochs as f64 * FILLED * limit / seconds.max(1e-9)) as u64;
    (seconds * MUCH < FILLED * limit).then(|| {
        format!(
            "this is faster than what was measured before the run: it takes {} of {}, and a run with --epochs {fill} would use all of \
             that time",
            about(seconds),
            spoken(limit)
        )
    })
}

/// What to say where `part` of a run took `spent` seconds and the rest will take `to_come`: nothing when it ends in time, or so
/// soon after it that the learning rate has come down.
fn falls_short(part: f64, spent: f64, to_come: f64, limit: Duration) -> Option<String> {
    const NEARLY: f64 = 1.05;
    let limit = limit.as_secs_f64();
    (spent + to_come > NEARLY * limit).then(|| {
        let done = part + (1.0 - part) * ((limit - spent) / to_come.max(1e-9)).max(0.0);
        format!(
            "this is slower than what was measured before the run, so its time ends when about {:.0} % are done; --resume goes on from there",
            100.0 * done
        )
    })
}

/// An estimated length of time in words.
fn about(seconds: f64) -> String {
    format!("about {}", spoken(seconds))
}

/// A length of time in words, with two digits or so.
fn spoken(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 90.0 => (s, "second"),
        s if s < 90.0 * 60.0 => (s / 60.0, "minute"),
        s if s < 48.0 * 3_600.0 => (s / 3_600.0, "hour"),
        s => (s / 86_400.0, "day"),
    };
    let value =
        if value < 9.95 && unit != "second" { (value * 10.0).round() / 10.0 } else { value.round().max(1.0) };
    format!("{value} {unit}{}", if value == 1.0 { "" } else { "s" })
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

    /// 400 epochs of ten steps that take half a second each.
    const RUN: Estimate = Estimate {
        costs: Costs {
            step: Pace { first: 0.5, later: 0.5 },
            evaluation: Pace { first: 0.0, later: 0.0 },
            checkpoint: 0.0,
        },
        work: Work { epochs: 400, steps_per_epoch: 10, evaluations: 0, checkpoints: 0 },
        fixed: 0,
    };

    /// The `--epochs` of a run that is evaluated five times, or after every epoch if it has fewer than ten.
    fn fit(run: Estimate, seconds: u64, chosen: bool) -> Option<u64> {
        let make = |epochs: u64, _: &Talk| {
            let all = epochs + run.fixed;
            Ok((Work { epochs: all, evaluations: all / (all / 5).max(1), ..run.work }, epochs))
        };
        run.fit(Duration::from_secs(seconds), chosen, &Talk::silent(), make).unwrap()
    }

    #[test]
    fn a_run_that_fits_stays_and_a_longer_one_gets_the_epochs_that_do() {
        assert_eq!(fit(RUN, 3_000, false), None, "400 epochs fit");
        assert_eq!(fit(RUN, 1_000, false), Some(180), "of 5 s, in nine tenths of the time");
        assert_eq!(fit(RUN, 5, false), Some(1), "not even one fits: the shortest run stops at the time");
        assert_eq!(fit(RUN, 5, true), None, "chosen epochs stay");
    }

    #[test]
    fn an_epoch_that_decodes_takes_longer_than_those_that_follow() {
        let costs = Costs { step: Pace { first: 5.0, later: 0.5 }, ..RUN.costs };
        let run = Estimate { costs, ..RUN };
        assert_eq!(fit(run, 1_000, false), Some(171), "50 s for the first, 850 s for 170 more");
        assert_eq!(fit(run, 50, false), Some(1));
    }

    #[test]
    fn evaluations_and_checkpoints_take_their_part_of_the_time() {
        let costs = Costs { evaluation: Pace { first: 60.0, later: 30.0 }, ..RUN.costs };
        let run = Estimate { costs, ..RUN };
        assert_eq!(fit(run, 1_000, false), Some(144), "900 s: 180 for five evaluations, 720 for the steps");
        assert_eq!(
            fit(run, 100, false),
            Some(1),
            "90 s: one epoch and its evaluation, a second would need 100 s"
        );
        let saved = |epochs: u64, _: &Talk| Ok((Work { epochs, checkpoints: epochs, ..RUN.work }, epochs));
        let run = Estimate { costs: Costs { checkpoint: 4.0, ..RUN.costs }, ..RUN };
        let found = run.fit(Duration::from_secs(1_000), false, &Talk::silent(), saved).unwrap();
        assert_eq!(found, Some(100), "a checkpoint of 4 s after each epoch of 5 s");
    }

    #[test]
    fn chosen_epochs_stay() {
        assert_eq!(fit(RUN, 1_000, true), None);
    }

    #[test]
    fn time_that_is_left_or_short_is_told() {
        let limit = Duration::from_secs(1_800);
        assert_eq!(left_over(1_500.0, limit, 40), None);
        let told = left_over(810.0, limit, 40).unwrap();
        assert!(told.contains("about 14 minutes of 30 minutes") && told.contains("--epochs 80"), "{told}");
        assert_eq!(falls_short(0.5, 900.0, 950.0, limit), None);
        let told = falls_short(0.5, 1_200.0, 1_200.0, limit).unwrap();
        assert!(told.contains("ends when about 75 % are done") && told.contains("--resume"), "{told}");
    }

    #[test]
    fn a_slow_first_epoch_is_no_drift() {
        let mut drift = Drift::from(Duration::from_secs(3_600));
        drift.began = Instant::now() - Duration::from_secs(1_200);
        assert_eq!(drift.after(20, 100, 10), None, "a fifth after a third of the time");
        assert_eq!(drift.after(50, 100, 10), None, "and the rest in no time");
        let mut quick = Drift::from(Duration::from_secs(3_600));
        assert_eq!(quick.after(10, 100, 10), None, "too early to say");
        assert!(quick.after(20, 100, 10).unwrap().contains("faster"));
        let mut one = Drift::from(Duration::from_secs(3_600));
        assert_eq!(one.after(20, 100, 1), None, "the evaluation of the only epoch is still to come");
        assert!(one.after(100, 100, 1).unwrap().contains("faster"));
    }

    #[test]
    fn a_second_stage_keeps_its_epochs() {
        let staged = Estimate { fixed: 100, ..RUN };
        assert_eq!(fit(staged, 1_000, false), Some(80));
        assert_eq!(fit(staged, 500, false), Some(1), "90 epochs are less than the second stage");
    }

    #[test]
    fn a_folder_that_is_there_is_found_above_a_run() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(existing(&place.path().join("runs/demo-1")), place.path());
        assert_eq!(existing(place.path()), place.path());
        assert_eq!(existing(Path::new("no-such-folder/demo-1")), Path::new("."));
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
