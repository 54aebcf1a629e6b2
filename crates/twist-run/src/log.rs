//! `log.jsonl` as it is read.
//!
//! A kill can cut the last line. So a line that is not an event is counted and left out.

use std::path::Path;

use serde::Deserialize;

use crate::{Event, EventKind, RunError, figure, files, time};

/// An event with the time at which it was recorded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LogLine {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// When, as RFC 3339 text in UTC.
    #[serde(default)]
    pub time: String,
}

/// The log of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Every event, in the order of the file.
    pub lines: Vec<LogLine>,
    /// Lines that are not events.
    pub damaged: usize,
}

impl Log {
    /// The log of the run in `folder`; empty if it does not exist.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let bytes = twist_io::read_if_there(folder.join(files::LOG))?;
        Ok(bytes.map(|bytes| Self::parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default())
    }

    /// The log in `text`.
    pub fn parse(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(line) => log.lines.push(line),
                Err(_) => log.damaged += 1,
            }
        }
        log
    }

    /// Whether it says that the run ended after `step` steps. A process that was killed right after its last checkpoint did not
    /// come to say so.
    pub fn says_done(&self, step: u64) -> bool {
        self.has(step, |what| matches!(what, EventKind::Done { .. }))
    }

    /// Whether it says that the checkpoint after `step` steps is on disk.
    pub fn says_saved(&self, step: u64) -> bool {
        self.has(step, |what| matches!(what, EventKind::Checkpoint { .. }))
    }

    fn has(&self, step: u64, is: impl Fn(&EventKind) -> bool) -> bool {
        self.lines.iter().any(|line| line.event.step == step && is(&line.event.kind))
    }

    /// Source images per second: the median over the logged steps, so that a pause or a busy minute does not count.
    pub fn images_per_second(&self) -> Option<f64> {
        let mut rates: Vec<f64> = self
            .lines
            .iter()
            .filter_map(|line| match &line.event.kind {
                EventKind::Step(figures) => figures.get(figure::IMAGES_PER_SECOND),
                _ => None,
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    }

    /// Minutes of work, all processes of the run together: from each start to the last event before the next.
    pub fn minutes(&self) -> Option<f64> {
        let (mut total, mut begun, mut last) = (0.0, None, None);
        for line in &self.lines {
            let time = time::seconds(&line.time)?;
            if matches!(line.event.kind, EventKind::Start(_)) {
                total += span(begun, last);
                begun = Some(time);
            }
            last = Some(time);
        }
        begun.map(|_| (total + span(begun, last)) / 60.0)
    }
}

fn span(begun: Option<f64>, last: Option<f64>) -> f64 {
    begun.zip(last).map_or(0.0, |(begun, last)| (last - begun).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_by_kind_and_step() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Log::read(folder.path()).unwrap().says_done(8));
        let text = b"nonsense\n{\"event\":\"step\",\"step\":8,\"loss\":1}\n\xff\n{\"event\":\"done\",\"step\":8}\n{\"event\":\"done\",\"st";
        fs_err::write(folder.path().join(files::LOG), text).unwrap();
        let log = Log::read(folder.path()).unwrap();
        assert_eq!((log.lines.len(), log.damaged), (2, 3));
        assert!(log.says_done(8) && !log.says_done(9) && !log.says_saved(8));
    }

    #[test]
    fn pauses_between_processes_do_not_count() {
        let at =
            |event: &str, time: &str| format!("{{\"event\":\"{event}\",\"time\":\"2026-01-01T{time}Z\"}}\n");
        let text = at("start", "10:00:00")
            + &at("step", "10:03:00")
            + &at("start", "12:00:00")
            + &at("resumed", "12:00:00")
            + &at("done", "12:01:30");
        assert_eq!(Log::parse(&text).minutes(), Some(4.5));
        assert_eq!(Log::parse("").minutes(), None);
    }

    #[test]
    fn speed_is_the_median() {
        let step = |rate: f64| format!("{{\"event\":\"step\",\"images_per_second\":{rate}}}\n");
        let text = [3.0, 900.0, 100.0].map(step).concat();
        assert_eq!(Log::parse(&text).images_per_second(), Some(100.0));
        assert_eq!(Log::parse("").images_per_second(), None);
    }
}
