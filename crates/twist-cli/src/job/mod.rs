//! A run from its folder to its report: what all commands that train share.

mod heads;
mod images;
mod labels;

use std::path::{Path, PathBuf};
use std::time::Duration;

use twist_io::{printable, shell_word};
use twist_report::ReportSummary;
use twist_run::{Carried, Metrics, OnExisting, Recorder, RunFolder, files};
use twist_train::{Outcome, RunPlan, StopFlag, StopReason};

pub(crate) use self::heads::HeadJob;
pub(crate) use self::images::ImageJob;
pub(crate) use self::labels::LabelJob;
use crate::bar::Busy;
use crate::commands::report::tell_notes;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::signals::Asking;
use crate::summary;
use crate::talk::{Talk, to_stdout};

/// Where a run goes.
pub(crate) struct Target {
    pub(crate) folder: PathBuf,
    pub(crate) on_existing: OnExisting,
    /// The command that resumes it, up to the folder.
    pub(crate) again: &'static str,
}

/// Everything that is decided before anything is written.
pub(crate) trait Job {
    type Begun: Begun;

    /// Makes everything ready for the first step, and describes the run in its folder. `None`: nothing is left to do.
    fn begin(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<Option<Ready<Self::Begun>>>;
}

/// What [`Job::begin`] has made.
pub(crate) struct Ready<B> {
    begun: B,
    /// The time that the number of epochs was chosen for.
    fitted_to: Option<Duration>,
    /// Warnings that were given before the first step.
    told: Vec<String>,
}

/// A run that is ready for its next step.
pub(crate) trait Begun {
    /// Whether what a run has learned is evaluated when its time is over before its end.
    const EVALUATED_EARLY: bool;

    fn plan(&self) -> &RunPlan;

    fn step(&self) -> u64;

    /// Trains to the end, or to the first reason to stop.
    fn train(&mut self, recorders: &mut [Box<dyn Recorder>], stop: &StopFlag) -> anyhow::Result<Outcome>;

    /// Evaluates, writes the report, and says what came of the run.
    fn finish(self, folder: &RunFolder, talk: &Talk) -> anyhow::Result<()>;
}

/// Whether a run begins in `folder`: one without a plan holds none.
fn begins(folder: &RunFolder) -> bool {
    !folder.resume() || !folder.path().join(files::PLAN).is_file()
}

/// Trains to the end (or to the first reason to stop), evaluates, and writes the report.
///
/// A run that was finished and evaluated before is left alone. A signal leaves evaluation and report to the process that
/// resumes.
pub(crate) fn run<J: Job>(job: J, target: &Target, talk: &Talk) -> anyhow::Result<Exit> {
    let folder = RunFolder::open(&target.folder, target.on_existing)?;
    folder.warnings().iter().for_each(|sentence| talk.warn(sentence));
    let Some(Ready { mut begun, fitted_to, told }) = job.begin(&folder, talk)? else {
        return already_finished(folder.path(), talk);
    };
    let progress = Progress::new(talk).fitted_to(fitted_to).told(&told);
    let outcome = train(&mut begun, progress, &folder, talk)?;
    if let Some(exit) = early_exit::<J::Begun>(outcome, begun.plan().total_steps, target, talk)? {
        return Ok(exit);
    }
    talk.say("evaluating");
    begun.finish(&folder, talk)?;
    Ok(Exit::Done)
}

fn train(
    begun: &mut impl Begun,
    progress: Progress,
    folder: &RunFolder,
    talk: &Talk,
) -> anyhow::Result<Outcome> {
    if begun.step() >= begun.plan().total_steps && folder.says_done(begun.step())? {
        return Ok(Outcome::Finished { steps: 0 }); // only the evaluation is missing
    }
    let stop = StopFlag::new();
    let (raised, told) = (stop.clone(), talk.clone());
    let _asking = Asking::to(move |signal| {
        raised.raise(signal);
        told.say("stopping after this step and saving; press Ctrl-C again to end at once, without saving");
    });
    let mut recorders: Vec<Box<dyn Recorder>> = folder.recorders()?;
    recorders.push(Box::new(progress));
    begun.train(&mut recorders, &stop)
}

/// Says that a run has nothing left to train and evaluate; writes its report when the process that should have written it was
/// killed before.
fn already_finished(run: &Path, talk: &Talk) -> anyhow::Result<Exit> {
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

/// Says how training ended where that is not its end; `None` when there is something to evaluate.
fn early_exit<B: Begun>(
    outcome: Outcome,
    total: u64,
    Target { folder, again, .. }: &Target,
    talk: &Talk,
) -> anyhow::Result<Option<Exit>> {
    Ok(match outcome {
        Outcome::Finished { .. } => None,
        Outcome::Stopped { reason, step } => {
            let percent = 100 * step / total.max(1);
            let why = match reason {
                StopReason::Signal(_) => "",
                StopReason::MaxTime => ", because the time of --max-time is over",
            };
            talk.say(format!(
                "stopped and saved after step {step} of {total} ({percent} %){why}; resume with:"
            ));
            talk.say(format!("  {again} {}", shell_word(folder)));
            match reason {
                StopReason::Signal(signal) => Some(Exit::Signal(signal)),
                StopReason::MaxTime if B::EVALUATED_EARLY => {
                    talk.say(format!(
                        "training is {percent} % done, so the figures and classes below are not usable yet:"
                    ));
                    None
                }
                StopReason::MaxTime => Some(Exit::Done),
            }
        }
        Outcome::Collapsed { kind, step, advice, saved } => {
            talk.warn(format!("training collapsed at step {step} ({kind}): {advice}"));
            saved.iter().for_each(|saved| talk.warn(format!("the offending step is in {}", saved.display())));
            write_report(folder, talk)?;
            Some(Exit::Collapsed)
        }
    })
}

/// Writes the report of a run, with what it has to say of missing parts.
pub(crate) fn write_report(run: &Path, talk: &Talk) -> anyhow::Result<ReportSummary> {
    let busy = Busy::new("writing the report", talk);
    let written = twist_report::report(&[run], &run.join(files::REPORT))?;
    drop(busy);
    tell_notes(&written, talk);
    Ok(written)
}

/// What became of the names that people gave to classes before the run went on.
fn tell_names(names: Option<&Carried>, run: &Path, talk: &Talk) {
    let Some(Carried { from, to, kept, lost, aside }) = names else { return };
    if !kept.is_empty() {
        let kept = printable_list(kept);
        talk.say(format!(
            "names of step {from} go on to the classes of step {to} that hold most of the same images: {kept}"
        ));
    }
    if !lost.is_empty() {
        let lost = printable_list(lost);
        let rest = match aside {
            Some(aside) => format!("the names as they were are in {}", aside.display()),
            None => format!(
                "they stay those of step {from} and are not used: `twist clusters {} keep` takes them over if they still fit",
                shell_word(run)
            ),
        };
        talk.warn(format!("no class of step {to} holds most of the images of {lost}; {rest}"));
    }
}

fn printable_list(names: &[String]) -> String {
    names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", ")
}

/// The figures that people ask for first, whether the classes can be used, as the report says it, and where everything else is.
fn tell_results(metrics: &Metrics, report: &ReportSummary) -> anyhow::Result<()> {
    for line in summary::lines(metrics) {
        to_stdout(line)?;
    }
    tell_verdicts(report)?;
    to_stdout(format!("report: {}", report.path.display()))?;
    Ok(())
}

/// Whether the classes or the classifier can be used, as the report says it.
fn tell_verdicts(report: &ReportSummary) -> anyhow::Result<()> {
    Ok(report.verdicts.iter().try_for_each(|(_, verdict)| to_stdout(verdict.to_string()))?)
}
