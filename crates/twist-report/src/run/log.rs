//! `log.jsonl`, put in order.
//!
//! A resumed run repeats the steps between its checkpoint and the kill. So a `resumed` event takes back what was logged after
//! its step, and of two lines for one step the later one holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use twist_run::{EventKind, Figures, Log, LogLine, StartFigures};

use super::notes::Notes;
use super::optional::read_optional_text;
use crate::error::ReportError;

/// Numbers beyond this count as infinite: neither sums of them nor axes can be worked out.
const LARGEST: f64 = 1e300;

/// The figures of one `step` or `eval` line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Epochs done, with fraction.
    pub(crate) epoch: f64,
    /// Every number of the line that can be drawn.
    pub(crate) figures: Figures,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// `done`: all epochs were trained, in this many seconds.
    Finished(Option<f64>),
    /// `stopped`: by a signal or the time limit.
    Stopped(String),
    /// `collapse`: the guard ended the run.
    Collapsed { kind: String, advice: String },
    /// None of these: still running, or killed.
    Open,
}

/// The course of a run.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The last `start` event: the environment.
    pub(crate) start: Option<StartFigures>,
    /// `step` lines by step.
    pub(crate) steps: BTreeMap<u64, Record>,
    /// `eval` lines by step.
    pub(crate) evals: BTreeMap<u64, Record>,
    /// Everything else, in file order.
    pub(crate) events: Vec<LogLine>,
    pub(crate) ending: Ending,
}

impl History {
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.ending, Ending::Finished(_))
    }

    /// The epoch of a logged step, by the nearest `step` line at or before it.
    pub(crate) fn epoch_at(&self, step: u64) -> Option<f64> {
        self.steps.range(..=step).next_back().map(|(_, record)| record.epoch)
    }
}

/// Reads the log at `path`; without one the history is empty and a note says so.
pub(super) fn read(path: &Path, notes: &mut Notes) -> Result<History, ReportError> {
    let text = read_optional_text(path)?;
    if text.is_none() {
        notes.missing("The run folder has no log.jsonl, so the report has no curves and no events.".into());
    }
    let log = Log::parse(text.as_deref().unwrap_or_default());
    if log.damaged > 0 {
        let lines = if log.damaged == 1 { "line" } else { "lines" };
        notes.missing(format!(
            "{} {lines} of log.jsonl could not be read and were left out; a run that is killed while it writes leaves such \
             a line, and `--resume` continues behind it.",
            log.damaged
        ));
    }
    Ok(log.into())
}

impl From<Log> for History {
    fn from(log: Log) -> Self {
        let mut history = Self {
            start: None,
            steps: BTreeMap::new(),
            evals: BTreeMap::new(),
            events: Vec::new(),
            ending: Ending::Open,
        };
        log.lines.into_iter().for_each(|line| history.take(line));
        history
    }
}

impl History {
    /// The images that could not be read, each once, with the reason.
    pub(crate) fn skipped(&self) -> Vec<(&str, &str)> {
        let mut known = BTreeSet::new();
        let skipped = self.events.iter().filter_map(|line| match &line.event.kind {
            EventKind::SkippedImage { path, reason } => Some((path.as_str(), reason.as_str())),
            _ => None,
        });
        skipped.filter(|(path, _)| known.insert(*path)).collect()
    }

    /// Files one line where it belongs.
    fn take(&mut self, line: LogLine) {
        let (step, epoch) = (line.event.step, line.event.epoch);
        match &line.event.kind {
            EventKind::Step(figures) | EventKind::Eval(figures) => {
                let of_step = matches!(line.event.kind, EventKind::Step(_));
                let table = if of_step { &mut self.steps } else { &mut self.evals };
                let mut figures = figures.clone();
                figures.retain(|value| value.abs() <= LARGEST);
                table.insert(step, Record { epoch, figures });
                return;
            }
            EventKind::Start(start) => self.start = Some((**start).clone()),
            EventKind::Resumed { .. } => {
                self.steps.split_off(&step.saturating_add(1));
                self.evals.split_off(&step.saturating_add(1));
                self.ending = Ending::Open;
            }
            EventKind::Done { seconds } => {
                self.ending = Ending::Finished(Some(*seconds).filter(|seconds| seconds.is_finite()));
            }
            EventKind::Stopped { reason } => self.ending = Ending::Stopped(reason.clone()),
            EventKind::Collapse { kind, advice, .. } => {
                self.ending = Ending::Collapsed { kind: kind.clone(), advice: advice.clone() };
            }
            EventKind::Checkpoint { .. } | EventKind::SkippedImage { .. } | EventKind::Warning { .. } => {}
        }
        self.events.push(line);
    }
}

#[cfg(test)]
mod tests {
    use twist_run::figure;

    use super::*;

    fn parse(text: &str) -> (History, usize) {
        let log = Log::parse(text);
        let damaged = log.damaged;
        (log.into(), damaged)
    }

    #[test]
    fn a_cut_last_line_is_left_out_and_counted() {
        let (log, damaged) =
            parse("{\"event\":\"step\",\"step\":1,\"epoch\":0.5,\"loss\":2.0}\n{\"event\":\"ste");
        assert_eq!((log.steps.len(), damaged), (1, 1));
        assert_eq!(log.steps[&1].figures.get(figure::LOSS), Some(2.0));
        assert_eq!(log.ending, Ending::Open);
    }

    #[test]
    fn a_resume_takes_back_what_it_repeats() {
        let line = |step: u64, loss: f64| {
            format!("{{\"event\":\"step\",\"step\":{step},\"epoch\":1,\"loss\":{loss}}}\n")
        };
        let text = line(10, 1.0)
            + &line(20, 2.0)
            + &line(25, 9.0)
            + "{\"event\":\"resumed\",\"step\":15}\n"
            + &line(20, 3.0);
        let (log, damaged) = parse(&text);
        assert_eq!(damaged, 0);
        assert_eq!(log.steps.keys().copied().collect::<Vec<_>>(), [10, 20]);
        assert_eq!(log.steps[&20].figures.get(figure::LOSS), Some(3.0));
    }

    #[test]
    fn of_two_lines_for_one_step_the_later_one_holds() {
        let (log, _) = parse(
            "{\"event\":\"eval\",\"step\":5,\"nmi\":0.1}\n{\"event\":\"eval\",\"step\":5,\"nmi\":0.2}\n",
        );
        assert_eq!(log.evals[&5].figures.get(figure::NMI), Some(0.2));
    }

    #[test]
    fn what_cannot_be_drawn_is_no_number() {
        let (log, _) =
            parse("{\"event\":\"step\",\"step\":5,\"loss\":null,\"kl\":1,\"grad_norm\":1.7e308}\n");
        assert_eq!(log.steps[&5].figures.iter().collect::<Vec<_>>(), [("kl", 1.0)]);
    }
}
