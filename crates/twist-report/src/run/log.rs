//! `log.jsonl`: one JSON object a line.
//!
//! Two things happen to logs of real runs. A kill can cut the last line, and a resumed run repeats the steps between its
//! checkpoint and the kill. So a line that is no JSON is counted and left out, a `resumed` event takes back what was
//! logged after its step, and of two lines for one step the later one holds.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Note;
use crate::error::ReportError;

/// Numbers beyond this count as infinite: neither sums of them nor axes can be worked out.
const LARGEST: f64 = 1e300;

/// The numbers of one `step` or `eval` line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// Epochs done, with fraction.
    pub(crate) epoch: f64,
    /// Every number of the line that can be drawn, by its key.
    pub(crate) values: BTreeMap<String, f64>,
}

/// Any other line: something that happened.
#[derive(Clone, Debug)]
pub(crate) struct LogEvent {
    /// The line's `event`.
    pub(crate) kind: String,
    /// Optimizer steps done when it happened.
    pub(crate) step: u64,
    /// When, as written (RFC 3339).
    pub(crate) time: String,
    /// The whole line.
    pub(crate) fields: Map<String, Value>,
}

impl LogEvent {
    /// The text of a field; numbers are written out, other values are empty.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.fields.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => String::new(),
        }
    }
}

/// How the log ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// `done`: all epochs were trained, in this many seconds.
    Finished(Option<f64>),
    /// `stopped`: by a signal or the time limit.
    Stopped(String),
    /// `collapse`: the guard ended the run.
    Collapsed {
        /// What kind of collapse.
        kind: String,
        /// What the guard advises.
        advice: String,
    },
    /// None of these: still running, or killed.
    Open,
}

/// The whole log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// The last `start` event: the environment.
    pub(crate) start: Option<LogEvent>,
    /// `step` lines by step.
    pub(crate) steps: BTreeMap<u64, Record>,
    /// `eval` lines by step.
    pub(crate) evals: BTreeMap<u64, Record>,
    /// Everything else, in file order.
    pub(crate) events: Vec<LogEvent>,
    /// How the run ended.
    pub(crate) ending: Ending,
}

impl Log {
    /// Whether all epochs were trained.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.ending, Ending::Finished(_))
    }

    /// The epoch of a logged step, by the nearest `step` line at or before it.
    pub(crate) fn epoch_at(&self, step: u64) -> Option<f64> {
        self.steps.range(..=step).next_back().map(|(_, record)| record.epoch)
    }
}

/// Reads the log at `path`; without one the log is empty and a note says so.
pub(super) fn read(path: &Path, notes: &mut Vec<Note>) -> Result<Log, ReportError> {
    let text = super::read_optional_text(path)?;
    if text.is_none() {
        notes.push("There is no log.jsonl in the run folder, so there are no curves and no events.".into());
    }
    let (log, damaged) = parse(text.as_deref().unwrap_or_default());
    if damaged > 0 {
        let lines = if damaged == 1 { "line" } else { "lines" };
        notes.push(format!(
            "{damaged} {lines} of log.jsonl could not be read and were left out; a run that is killed while it \
             writes leaves such a line, and `--resume` continues behind it."
        ));
    }
    Ok(log)
}

/// The log in `text`, and how many lines of it are no JSON object.
fn parse(text: &str) -> (Log, usize) {
    let mut log = Log {
        start: None,
        steps: BTreeMap::new(),
        evals: BTreeMap::new(),
        events: Vec::new(),
        ending: Ending::Open,
    };
    let mut damaged = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(fields)) => log.take(fields),
            _ => damaged += 1,
        }
    }
    (log, damaged)
}

impl Log {
    /// Files one line where it belongs.
    fn take(&mut self, fields: Map<String, Value>) {
        let kind = fields.get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
        let step = fields.get("step").and_then(Value::as_u64).unwrap_or_default();
        let time = fields.get("time").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind == "step" || kind == "eval" {
            let epoch = fields.get("epoch").and_then(Value::as_f64).unwrap_or_default();
            let values = fields
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "step" | "epoch"))
                .filter_map(|(key, value)| {
                    Some((key.clone(), value.as_f64().filter(|x| x.abs() <= LARGEST)?))
                })
                .collect();
            let table = if kind == "step" { &mut self.steps } else { &mut self.evals };
            table.insert(step, Record { epoch, values });
            return;
        }
        let event = LogEvent { kind, step, time, fields };
        match event.kind.as_str() {
            "start" => self.start = Some(event.clone()),
            "resumed" => {
                self.steps.split_off(&(step + 1));
                self.evals.split_off(&(step + 1));
                self.ending = Ending::Open;
            }
            "done" => self.ending = Ending::Finished(event.fields.get("seconds").and_then(Value::as_f64)),
            "stopped" => self.ending = Ending::Stopped(event.text("reason")),
            "collapse" => {
                self.ending = Ending::Collapsed { kind: event.text("kind"), advice: event.text("advice") };
            }
            _ => {}
        }
        self.events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_last_line_is_left_out_and_counted() {
        let (log, damaged) =
            parse("{\"event\":\"step\",\"step\":1,\"epoch\":0.5,\"loss\":2.0}\n{\"event\":\"ste");
        assert_eq!((log.steps.len(), damaged), (1, 1));
        assert_eq!(log.steps[&1].values["loss"], 2.0);
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
        assert_eq!(log.steps[&20].values["loss"], 3.0);
    }

    #[test]
    fn of_two_lines_for_one_step_the_later_one_holds() {
        let (log, _) = parse(
            "{\"event\":\"eval\",\"step\":5,\"nmi\":0.1}\n{\"event\":\"eval\",\"step\":5,\"nmi\":0.2}\n",
        );
        assert_eq!(log.evals[&5].values["nmi"], 0.2);
    }

    #[test]
    fn what_cannot_be_drawn_is_no_number() {
        let (log, _) =
            parse("{\"event\":\"step\",\"step\":5,\"loss\":null,\"kl\":1,\"grad_norm\":1.7e308}\n");
        assert_eq!(log.steps[&5].values.keys().collect::<Vec<_>>(), ["kl"]);
    }
}
