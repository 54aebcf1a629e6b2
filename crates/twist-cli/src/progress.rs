//! What a person sees of a running training: a bar on a terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use torch_ext::Machine;
use twist_model::Watch;
use twist_run::{Event, EventKind, Figure, Figures, Recorder, RunError, StartFigures, figure};

use crate::bar::{self, Busy};
use crate::contention::Contention;
use crate::digits::{rate, thousands};
use crate::estimate::Drift;
use crate::label_lines::epoch_line;
use crate::summary;
use crate::talk::{Talk, to_stderr};

/// Time between two lines if stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Unreadable images that are named; the others are counted, and the log has them all.
const SKIPPED_NAMED: usize = 5;

/// Shows the events of a run as they come.
pub(crate) struct Progress {
    talk: Talk,
    /// Whether what is stopped is saved and can be resumed.
    resumes: bool,
    bar: Option<ProgressBar>,
    start: StartFigures,
    /// Images per second, smoothed, for the remaining time.
    rate: Option<f64>,
    /// Speed and remaining time as they were read last.
    pace: String,
    /// When there was a line of a step or an epoch.
    line_at: Option<Instant>,
    /// Until it has said something.
    contention: Option<Contention>,
    skipped: BTreeSet<String>,
    warnings: BTreeSet<String>,
    /// How the run keeps to the time that its epochs were chosen for.
    drift: Option<Drift>,
}

impl Progress {
    /// Nothing is shown before the first event.
    pub(crate) fn new(talk: &Talk) -> Self {
        Self {
            talk: talk.clone(),
            resumes: true,
            bar: None,
            start: StartFigures::default(),
            rate: None,
            pace: String::new(),
            line_at: None,
            contention: None,
            skipped: BTreeSet::new(),
            warnings: BTreeSet::new(),
            drift: None,
        }
    }

    /// The number of epochs was chosen for this time, from measured steps: what turns out otherwise is told.
    pub(crate) fn fitted_to(mut self, time: Option<Duration>) -> Self {
        self.drift = time.map(Drift::from);
        self
    }

    /// These warnings were given before.
    pub(crate) fn told(mut self, warnings: &[String]) -> Self {
        self.warnings.extend(warnings.iter().cloned());
        self
    }

    /// Of a training that belongs to an evaluation: a signal ends it.
    pub(crate) fn of_evaluation(talk: &Talk) -> Self {
        let mut shown = Self::new(talk);
        shown.resumes = false;
        shown
    }

    fn begin(&mut self, start: &StartFigures) {
        self.start = start.clone();
        self.contention = (start.device == "cpu").then(|| Contention::watch(start.threads)).flatten();
        let classes = match start.from_labels {
            true => format!("labelled images of {} classes", start.clusters),
            false => format!("images, {} clusters", start.clusters),
        };
        self.talk.say(format!(
            "{} {classes}; {} on {} ({}), {} images a step, {} steps",
            thousands(start.images as u64),
            start.recipe_name,
            start.device,
            start.precision,
            thousands(start.batch_size as u64),
            thousands(start.total_steps)
        ));
        let bar = bar::steps(start.total_steps, &self.talk);
        bar.set_prefix("starting");
        self.bar = (!bar.is_hidden()).then_some(bar);
    }

    fn step(&mut self, event: &Event, figures: &Figures) {
        let now = figures.get(figure::IMAGES_PER_SECOND).unwrap_or(f64::NAN);
        let smooth = self.rate.map_or(now, |old| 0.8 * old + 0.2 * now);
        self.rate = Some(smooth);
        let left =
            self.start.total_steps.saturating_sub(event.step) as f64 * self.start.batch_size as f64 / smooth;
        let epochs = self.start.total_steps as f64 / self.start.steps_per_epoch.max(1) as f64;
        self.pace = format!("{} images/s  ETA {}", rate(now), remaining(left));
        let head = format!("epoch {:.1}/{epochs:.0}  {}", event.epoch, self.pace);
        let terms = terms(figures, self.start.clusters);
        if let Some(bar) = &self.bar {
            bar.set_position(event.step);
            let columns = bar::columns();
            let short = || format!("{:.1}/{epochs:.0}  ETA {}", event.epoch, remaining(left));
            bar.set_prefix(if columns < bar::NARROW { short() } else { head });
            bar.set_message(match terms.chars().count() > columns {
                true => summed_up(figures, "", self.start.clusters),
                false => terms,
            });
        } else if !self.ends_with_epoch_line(event.step) && self.line_is_due() {
            self.line_at = Some(Instant::now());
            self.talk.say(format!("{head}  {terms}"));
        }
        if !self.ends_with_epoch_line(event.step) {
            self.tell_drift(event.step);
        }
        if let Some(advice) = self.contention.as_mut().and_then(Contention::look) {
            self.contention = None;
            let saves = if self.resumes { " (Ctrl-C saves, and --resume goes on)" } else { "" };
            self.warn(&format!("{advice}{saves}"));
        }
    }

    /// The end of an epoch of training from labels: few labels make hundreds of them, of which some are shown.
    fn epoch(&mut self, figures: &Figures) {
        if figures.get(figure::TEST_TOP1).is_some() || self.line_is_due() {
            self.line_at = Some(Instant::now());
            let pace = if self.bar.is_none() { format!("  {}", self.pace) } else { String::new() };
            let epochs = self.start.total_steps / self.start.steps_per_epoch.max(1);
            self.talk.say(format!("{}{pace}", epoch_line(figures, epochs)));
        }
    }

    /// Whether the line of an epoch follows that of this step and says the same.
    fn ends_with_epoch_line(&self, step: u64) -> bool {
        self.start.from_labels && step.is_multiple_of(self.start.steps_per_epoch.max(1))
    }

    /// Whether it is time for a line of a step or an epoch.
    fn line_is_due(&self) -> bool {
        self.talk.is_verbose() || self.line_at.is_none_or(|at| at.elapsed() >= LINE_EVERY)
    }

    /// Says once that the run will not take the time that it was fitted to.
    fn tell_drift(&mut self, step: u64) {
        let Some(drift) = &mut self.drift else { return };
        let epochs = self.start.total_steps / self.start.steps_per_epoch.max(1);
        if let Some(advice) = drift.after(step, self.start.total_steps, epochs) {
            self.drift = None;
            self.talk.say(&advice);
        }
    }

    fn warn(&mut self, message: &str) {
        if self.warnings.insert(message.to_string()) {
            self.talk.warn(message);
        }
    }

    fn skip(&mut self, path: &str, reason: &str) {
        if !self.skipped.insert(path.to_string()) {
            return;
        }
        if self.skipped.len() <= SKIPPED_NAMED {
            self.warn(&format!("skipped {path}: {reason}"));
        } else if self.skipped.len() == SKIPPED_NAMED + 1 {
            self.warn("more images are unreadable; log.jsonl names them all");
        }
    }

    /// Takes the bar away and sums up what was skipped.
    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.skipped.len() > SKIPPED_NAMED {
            self.warn(&format!(
                "{} unreadable images were skipped; log.jsonl names them",
                self.skipped.len()
            ));
        }
    }
}

impl Drop for Progress {
    /// An error leaves no bar behind.
    fn drop(&mut self) {
        self.finish();
    }
}

impl Recorder for Progress {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        match &event.kind {
            EventKind::Start(start) => self.begin(start),
            EventKind::Step(figures) => self.step(event, figures),
            EventKind::Eval(figures) if self.start.from_labels => {
                self.epoch(figures);
                self.tell_drift(event.step);
            }
            EventKind::Eval(scores) => {
                self.talk.say(format!("epoch {:.1}, evaluation: {}", event.epoch, summary::line(scores)))
            }
            EventKind::Resumed { path } => {
                self.talk.say(format!("resumed at step {} from {path}", event.step))
            }
            EventKind::SkippedImage { path, reason } => self.skip(path, reason),
            EventKind::Warning { message } => self.warn(message),
            EventKind::Checkpoint { path } => self.talk.detail(format!("saved {path}")),
            EventKind::Collapse { .. } | EventKind::Stopped { .. } | EventKind::Done { .. } => self.finish(),
        }
        Ok(())
    }
}

/// Shows how much of something is done: a bar on a terminal, now and then a line elsewhere.
pub(crate) struct Counting {
    talk: Talk,
    what: String,
    /// Until something is done.
    waiting: Option<Busy>,
    bar: Option<ProgressBar>,
    line_at: Instant,
    /// Until it has said something.
    contention: Option<Contention>,
}

impl Counting {
    /// Before something is done, a terminal shows what is waited for.
    pub(crate) fn new(talk: &Talk, what: &str) -> Self {
        let (waiting, what) = (Some(Busy::new(what, talk)), what.to_string());
        Self { talk: talk.clone(), what, waiting, bar: None, line_at: Instant::now(), contention: None }
    }

    /// Watches for programs that slow the threads of this machine down.
    pub(crate) fn on(mut self, machine: &Machine) -> Self {
        let on_cpu = !machine.device.is_cuda();
        self.contention = on_cpu.then(|| Contention::watch(machine.threads)).flatten();
        self
    }

    /// `done` of `all` are done.
    pub(crate) fn at(&mut self, done: usize, all: usize) {
        if !self.talk.shows_progress() {
            return;
        }
        self.waiting = None;
        let bar = self.bar.get_or_insert_with(|| bar::counting(all as u64, &self.what, &self.talk));
        bar.set_position(done as u64);
        if bar.is_hidden() && self.line_at.elapsed() >= LINE_EVERY {
            self.line_at = Instant::now();
            to_stderr(&format!("{}: {done} of {all}", self.what));
        }
        if let Some(advice) = self.contention.as_mut().and_then(Contention::look) {
            self.contention = None;
            self.talk.warn(advice);
        }
    }
}

/// Shows what an evaluation is doing: a bar of images where they are counted, else that something is done.
pub(crate) fn watch(talk: &Talk, machine: &Machine) -> Watch {
    let (talk, machine) = (talk.clone(), machine.clone());
    let (mut pass, mut shown) = (Pass::default(), None);
    Watch::new(move |what, done, all| {
        if !pass.goes_on(what, done, all) || shown.is_none() {
            shown = None; // the old bar goes before the new one comes
            shown = Some(match all {
                0 => Stage::Busy(Busy::new(what, &talk)),
                _ => Stage::Counted(Counting::new(&talk, what).on(&machine)),
            });
        }
        pass = Pass { what: what.to_string(), done, all };
        if let Some(Stage::Counted(counting)) = &mut shown {
            counting.at(done, all);
        }
    })
}

/// One pass over images, as far as it was heard of.
#[derive(Default)]
struct Pass {
    what: String,
    done: usize,
    all: usize,
}

impl Pass {
    /// Whether what is heard now belongs to the same pass.
    fn goes_on(&self, what: &str, done: usize, all: usize) -> bool {
        self.what == what && self.all == all && self.done <= done
    }
}

/// What is shown of a part of an evaluation, as long as it lives.
enum Stage {
    Counted(Counting),
    Busy(#[expect(dead_code, reason = "it shows itself")] Busy),
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The loss in nats with what it is made of, and how many clusters win an image.
fn terms(figures: &Figures, clusters: i64) -> String {
    let of = |figure: &Figure| figures.get(figure);
    let made_of = match (of(figure::CONFIDENT), of(figure::KL), of(figure::SHARPNESS), of(figure::DIVERSITY))
    {
        (Some(confident), ..) => {
            format!(" (cross entropy to the labels of the {:.0} % most certain images)", 100.0 * confident)
        }
        (None, Some(kl), Some(sharpness), Some(diversity)) => {
            format!(" (consistency {kl:.3}, sharpness {sharpness:.3}, diversity {diversity:.3})")
        }
        _ => String::new(),
    };
    summed_up(figures, &made_of, clusters)
}

fn summed_up(figures: &Figures, made_of: &str, clusters: i64) -> String {
    let more = match (figures.get(figure::CLASSES_IN_USE), figures.get(figure::TOP1)) {
        (Some(in_use), _) => format!("  classes in the batch {in_use:.0}/{clusters}"),
        (None, Some(top1)) => format!("  accuracy {top1:.3}"),
        (None, None) => String::new(),
    };
    format!("loss {:.3}{made_of}{more}", figures.get(figure::LOSS).unwrap_or(f64::NAN))
}

/// Seconds as a person says them.
pub(crate) fn remaining(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".into();
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) if h < 48 => format!("{h}h {m:02}m"),
        (h, _, _) => format!("{}d {:02}h", h / 24, h % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_over_images_has_a_bar_of_its_own() {
        let pass = Pass { what: "features".into(), done: 256, all: 1_000 };
        assert!(pass.goes_on("features", 512, 1_000));
        assert!(!pass.goes_on("features", 256, 5_000), "as many images as the next pass has");
        assert!(!pass.goes_on("features", 128, 1_000), "the same images once more");
        assert!(!pass.goes_on("baselines", 512, 1_000));
    }

    #[test]
    fn times_are_short() {
        for (seconds, text) in [
            (0.4, "0s"),
            (59.6, "1m 00s"),
            (3_599.0, "59m 59s"),
            (3_661.0, "1h 01m"),
            (200_000.0, "2d 07h"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(remaining(seconds), text);
        }
    }
}
