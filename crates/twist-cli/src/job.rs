//! A run from its folder to its report: what `twist train` and `twist demo` share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use twist_eval::{EvalData, OnlineEvaluator, final_evaluation, is_evaluated};
use twist_io::shell_word;
use twist_report::ReportSummary;
use twist_run::{OnExisting, Recorder, RunFolder, files};
use twist_train::{Outcome, Recipe, StopFlag, StopReason, TrainOptions, TrainPlan, Trainer};

use crate::exit::Exit;
use crate::progress::{self, Progress};
use crate::sources::Sources;
use crate::talk::{Talk, to_stdout};
use crate::{signals, summary, timing};

/// Everything that is decided before anything is written.
pub(crate) struct Job {
    pub(crate) recipe: Recipe,
    pub(crate) plan: TrainPlan,
    pub(crate) sources: Sources,
    pub(crate) data: EvalData,
    pub(crate) folder: PathBuf,
    pub(crate) on_existing: OnExisting,
    pub(crate) max_time: Option<Duration>,
    /// The time that the number of epochs was chosen for.
    pub(crate) fitted_to: Option<Duration>,
    pub(crate) strict: bool,
    pub(crate) init: Option<PathBuf>,
    /// The command that resumes a run, up to the folder.
    pub(crate) again: &'static str,
}

impl Job {
    /// Trains to the end (or to the first reason to stop), evaluates, and writes the report.
    ///
    /// A run that was finished and evaluated before is left alone. A signal leaves evaluation and report to the
    /// process that resumes.
    pub(crate) fn run(self, talk: &Talk) -> anyhow::Result<Exit> {
        let folder = RunFolder::open(&self.folder, self.on_existing)?;
        folder.warnings().iter().for_each(|sentence| talk.warn(sentence));
        let mut trainer = self.trainer(&folder, talk)?;
        let step = trainer.step();
        if trainer.is_finished() && folder.says_done(step)? {
            // Nothing is trained that would record them.
            trainer.notes().iter().for_each(|note| talk.warn(note));
            if is_evaluated(folder.path(), step) {
                return already_finished(folder.path(), talk);
            }
        }
        folder.describe(self.recipe.text(), &self.plan)?.iter().for_each(|aside| talk.say(aside));
        self.sources.write(folder.path())?;
        talk.say(format!("run folder {}", folder.path().display()));

        let outcome = self.train(&mut trainer, &folder, talk)?;
        if let Some(exit) = early_exit(outcome, self.plan.total_steps(), self.again, &self.folder, talk)? {
            return Ok(exit);
        }
        talk.say("evaluating");
        let watch = progress::watch(talk, self.plan.machine());
        let run = timing::of_run(folder.path(), trainer.step(), self.plan.machine());
        let metrics = final_evaluation(trainer.net(), &self.plan, &self.data, folder.path(), run, &watch)?;
        drop(watch);
        let report = write_report(folder.path(), talk)?;
        tell_results(&metrics, &report)?;
        Ok(Exit::Done)
    }

    fn trainer(&self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Trainer> {
        let options = TrainOptions {
            recipe_name: self.sources.recipe.clone(),
            strict: self.strict,
            max_time: self.max_time,
            init: self.init.clone(),
        };
        let trainer = Trainer::new(self.plan.clone(), self.data.train.clone(), folder, options)?;
        if let Some(report) = trainer.init_report() {
            talk.say(report.to_string());
        }
        Ok(trainer)
    }

    fn train(&self, trainer: &mut Trainer, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Outcome> {
        if trainer.is_finished() && folder.says_done(trainer.step())? {
            return Ok(Outcome::Finished { steps: 0 }); // only the evaluation is missing
        }
        let stop = StopFlag::new();
        let _signals = signals::handle(&stop, talk)?;
        let mut recorders: Vec<Box<dyn Recorder>> = folder.recorders()?;
        recorders.push(Box::new(Progress::new(talk).fitted_to(self.fitted_to)));
        let mut evaluator = OnlineEvaluator::new(self.data.clone());
        Ok(trainer.run(Some(&mut evaluator), &mut recorders, &stop)?)
    }
}

/// Says that a run has nothing left to train and evaluate; writes its report when the process that should have written it was
/// killed before.
pub(crate) fn already_finished(run: &Path, talk: &Talk) -> anyhow::Result<Exit> {
    if report_lags(run) {
        talk.say(format!("{} is finished already; its report is written now", run.display()));
        let report = write_report(run, talk)?;
        to_stdout(format!("report: {}", report.path.display()))?;
    } else {
        talk.say(format!("{} is finished already, nothing to do", run.display()));
    }
    Ok(Exit::Done)
}

/// Whether the report is missing, or older than the figures that it should show. It is the last file of a run.
fn report_lags(run: &Path) -> bool {
    let written = |name: &str| fs_err::metadata(run.join(name)).and_then(|file| file.modified()).ok();
    written(files::REPORT) < written(files::METRICS)
}

/// Says how training ended where that is not its end; `None` when there is something to evaluate. `again` is the command
/// that goes on, up to the folder.
pub(crate) fn early_exit(
    outcome: Outcome,
    total: u64,
    again: &str,
    folder: &Path,
    talk: &Talk,
) -> anyhow::Result<Option<Exit>> {
    Ok(match outcome {
        Outcome::Finished { .. } => None,
        Outcome::Stopped { reason, step } => {
            let percent = 100 * step / total.max(1);
            talk.say(format!("stopped and saved after step {step} of {total} ({percent} %); go on with:"));
            talk.say(format!("  {again} {}", shell_word(folder)));
            match reason {
                StopReason::Signal(signal) => Some(Exit::Signal(signal)),
                StopReason::MaxTime => {
                    talk.say(format!(
                        "training is {percent} % done, so the figures and classes below are not usable yet:"
                    ));
                    None
                }
            }
        }
        Outcome::Collapsed { kind, step, saved } => {
            talk.warn(format!("training collapsed at step {step} ({kind}): {}", kind.advice()));
            talk.warn(format!("the offending step is in {}", saved.display()));
            write_report(folder, talk)?;
            Some(Exit::Collapsed)
        }
    })
}

/// Writes the report of a run, with what it has to say of missing parts.
pub(crate) fn write_report(run: &Path, talk: &Talk) -> anyhow::Result<ReportSummary> {
    let written = twist_report::report(&[run], &run.join(files::REPORT))?;
    for note in &written.notes {
        talk.detail(note);
    }
    Ok(written)
}

/// The figures that people ask for first, whether the classes can be used, as the report says it, and where everything else is.
pub(crate) fn tell_results(metrics: &Map<String, Value>, report: &ReportSummary) -> anyhow::Result<()> {
    for line in summary::lines(metrics) {
        to_stdout(line)?;
    }
    for (_, verdict) in &report.verdicts {
        to_stdout(verdict.to_string())?;
    }
    to_stdout(format!("report: {}", report.path.display()))?;
    Ok(())
}
