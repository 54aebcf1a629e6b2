//! A run of fine-tuning.

use std::time::Duration;

use twist_eval::finetune::{FinetuneRun, FinetuneTrainer};
use twist_run::{Recorder, RunFolder, figure};
use twist_train::{Outcome, RunPlan, StopFlag};

use super::{Begun, Job, Ready, tell_verdicts, write_report};
use crate::estimate::{self, Estimate, TimeAsked};
use crate::label_lines::{calibration_lines, result_lines};
use crate::talk::{Talk, to_stdout};

/// Everything that is decided before anything is written.
pub(crate) struct LabelJob<'a> {
    pub(crate) run: FinetuneRun<'a>,
    pub(crate) time: TimeAsked,
    /// Whether the figures are printed as one JSON object.
    pub(crate) json: bool,
}

/// A classifier that is ready for its next step.
pub(crate) struct BegunLabels<'a> {
    trainer: FinetuneTrainer<'a>,
    max_time: Option<Duration>,
    json: bool,
}

impl<'a> Job for LabelJob<'a> {
    type Begun = BegunLabels<'a>;

    fn begin(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Option<Ready<BegunLabels<'a>>>> {
        let Self { mut run, time, json } = self;
        if let Some(changed) = run.finished(folder)? {
            if changed {
                talk.warn(
                    "model, images, labels or settings are not those of this run any more; it has ended and stays as it is: another \
                     --out begins a run with them, --force replaces this one",
                );
            }
            return Ok(None);
        }
        let told = run.labelled.notes.clone();
        told.iter().for_each(|note| talk.warn(note));
        let mut fitted_to = None;
        if super::begins(folder)
            && time.wants_to_know(talk)
            && let Some(fitted) = timed(&run, time, folder, talk)?
        {
            (run, fitted_to) = (fitted, time.limit);
        }
        let trainer = run.open(folder)?;
        trainer.describe(folder)?.iter().for_each(|aside| talk.say(aside));
        talk.say(format!("run folder {}", folder.path().display()));
        Ok(Some(Ready { begun: BegunLabels { trainer, max_time: time.limit, json }, fitted_to, told }))
    }
}

/// Says how long the run takes, and shortens it to `--max-time` where nobody said how many epochs it has.
fn timed<'a>(
    run: &FinetuneRun<'a>,
    time: TimeAsked,
    folder: &RunFolder,
    talk: &Talk,
) -> anyhow::Result<Option<FinetuneRun<'a>>> {
    let busy = estimate::measuring(talk);
    let estimate = Estimate { costs: run.rehearse(time.patience(), folder)?, work: run.work()?, fixed: 0 };
    drop(busy);
    estimate.tell(time, talk, |epochs, _| {
        let fitted = run.of_epochs(epochs);
        Ok((fitted.work()?, fitted))
    })
}

impl Begun for BegunLabels<'_> {
    // The rates have not come down, so the classifier is of no use yet.
    const EVALUATED_EARLY: bool = false;

    fn plan(&self) -> &RunPlan {
        self.trainer.plan()
    }

    fn step(&self) -> u64 {
        self.trainer.step()
    }

    fn train(&mut self, recorders: &mut [Box<dyn Recorder>], stop: &StopFlag) -> anyhow::Result<Outcome> {
        Ok(self.trainer.train(recorders, stop, self.max_time)?)
    }

    fn finish(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<()> {
        let (model, metrics) = self.trainer.finish(folder)?;
        let report = write_report(folder.path(), talk)?;
        if self.json {
            return Ok(to_stdout(serde_json::to_string_pretty(&metrics)?)?);
        }
        let lines = result_lines(figure::FINETUNE, &metrics).into_iter().chain(calibration_lines(&metrics));
        lines.into_iter().try_for_each(to_stdout)?;
        tell_verdicts(&report)?;
        to_stdout(format!("model: {}", model.display()))?;
        Ok(to_stdout(format!("report: {}", report.path.display()))?)
    }
}
