//! What a person sees while something learns from labels: a bar of steps, and a line for each test.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use twist_train::{Event, Recorder, TrainError, What};

use crate::talk::{Talk, to_stderr};

/// Time between two lines of epochs without a test.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the events of a course as they come.
pub(crate) struct Course {
    talk: Talk,
    bar: ProgressBar,
    line_at: Option<Instant>,
}

impl Course {
    /// Nothing is shown before the first step.
    pub(crate) fn new(talk: &Talk) -> Self {
        let shown = talk.shows_progress() && std::io::stderr().is_terminal();
        let bar = if shown { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) =
            ProgressStyle::with_template("{bar:32.cyan/dim} step {pos}/{len}  ETA {eta}  {msg}")
        {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { talk: talk.clone(), bar, line_at: None }
    }

    /// Moves the bar: finished steps and their number.
    pub(crate) fn steps(&self) -> impl FnMut(usize, usize) + use<> {
        let bar = self.bar.clone();
        move |done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
    }

    fn say(&self, line: &str) {
        if self.talk.shows_progress() {
            self.bar.suspend(|| to_stderr(line));
        }
    }

    fn epoch(&mut self, figures: &Map<String, Value>) {
        let line = line(figures);
        self.bar.set_message(line.clone());
        let tested = figures.contains_key("test_top1");
        let due = self.line_at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if tested || due || self.talk.is_verbose() {
            self.line_at = Some(Instant::now());
            self.say(&line);
        }
    }
}

impl Recorder for Course {
    fn record(&mut self, event: &Event) -> Result<(), TrainError> {
        match &event.what {
            What::Start(start) => self.say(&format!(
                "{} labelled images of {} classes; on {} ({}), {} images a step, {} steps",
                start.images,
                start.classes,
                start.device,
                start.precision,
                start.batch_size,
                start.total_steps
            )),
            What::Eval(figures) => self.epoch(figures),
            What::Resumed { path } => self.say(&format!("resumed at step {} from {path}", event.step)),
            What::SkippedImage { path, reason } => {
                self.bar.suspend(|| self.talk.warn(format!("skipped {path}: {reason}")));
            }
            What::Warning { message } => self.bar.suspend(|| self.talk.warn(message)),
            What::Stopped { .. } | What::Done { .. } => self.bar.finish_and_clear(),
            What::Step(_) | What::Checkpoint { .. } | What::Collapse { .. } => {}
        }
        Ok(())
    }
}

impl Drop for Course {
    /// An error leaves no bar behind.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `epoch 3: loss 0.512, training 0.823, test 0.791`.
fn line(figures: &Map<String, Value>) -> String {
    let number = |key: &str| figures.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let test = match figures.contains_key("test_top1") {
        true => format!(", test {:.4}", number("test_top1")),
        false => String::new(),
    };
    let (loss, training) = (number("train_loss"), number("train_top1"));
    format!("epoch {:.0}: loss {loss:.4}, training {training:.4}{test}", number("epochs"))
}

/// The result of `name` (`finetune`, `linear`) for people: the last epoch first, and the best one as what it is.
pub(crate) fn result_lines(name: &str, metrics: &Map<String, Value>) -> Vec<String> {
    let number = |key: &str| metrics.get(&format!("{name}_{key}")).and_then(Value::as_f64);
    let Some(top1) = number("top1") else {
        return vec!["not tested: name test images with --test".into()];
    };
    let spread = |key: &str| number(key).map_or_else(String::new, |std| format!(" ± {std:.4}"));
    let top5 =
        number("top5").map_or_else(String::new, |top5| format!(", top-5 {top5:.4}{}", spread("top5_std")));
    let images = metrics["protocol"]["test_images"].as_u64().unwrap_or(0);
    let mut lines =
        vec![format!("top-1 {top1:.4}{}{top5} on {images} images (last epoch)", spread("top1_std"))];
    if let Some(best) = number("top1_best_epoch") {
        let std = spread("top1_best_epoch_std");
        lines.push(format!("best of the tested epochs {best:.4}{std}: chosen on the test set, no result"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_best_epoch_is_called_what_it_is() {
        let metrics = json!({
            "finetune_top1": 0.5, "finetune_top1_std": 0.01, "finetune_top5": 0.75, "finetune_top1_best_epoch": 0.625,
            "protocol": { "test_images": 10 },
        });
        let Value::Object(metrics) = metrics else { unreachable!() };
        assert_eq!(
            result_lines("finetune", &metrics),
            [
                "top-1 0.5000 ± 0.0100, top-5 0.7500 on 10 images (last epoch)",
                "best of the tested epochs 0.6250: chosen on the test set, no result",
            ]
        );
        assert_eq!(result_lines("linear", &metrics), ["not tested: name test images with --test"]);
    }
}
