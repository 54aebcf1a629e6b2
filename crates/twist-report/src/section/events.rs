//! What happened on the way.

use std::collections::BTreeSet;

use serde::Serialize;
use twist_run::{EventKind, LogLine, StartFigures};

use crate::run::History;
use crate::text::{count, minutes, plural};

/// Events shown at most, from the end; skipped images and checkpoints are counted instead.
const MOST_EVENTS: usize = 200;
/// Skipped images named.
const MOST_SKIPPED: usize = 50;

#[derive(Serialize)]
pub(crate) struct Events {
    rows: Vec<Row>,
    /// Events before those in `rows`.
    earlier: usize,
    /// "12 checkpoints were saved, the last at step 1,200."
    checkpoints: String,
    skipped: Vec<Skipped>,
    skipped_text: String,
    skipped_more: usize,
}

#[derive(Serialize)]
struct Row {
    /// `good`, `plain`, `warn` or `bad`.
    tone: &'static str,
    kind: &'static str,
    step: String,
    time: String,
    text: String,
}

#[derive(Serialize)]
struct Skipped {
    path: String,
    reason: String,
}

impl Events {
    /// Whether the log names one.
    pub(super) fn has_any(&self) -> bool {
        !self.rows.is_empty() || !self.checkpoints.is_empty() || !self.skipped.is_empty()
    }
}

pub(crate) fn events(log: &History) -> Events {
    let mut rows: Vec<Row> = log.events.iter().filter_map(row).collect();
    let earlier = rows.len().saturating_sub(MOST_EVENTS);
    rows.drain(..earlier);

    let saves = log.events.iter().filter(|line| matches!(line.event.kind, EventKind::Checkpoint { .. }));
    let saved: Vec<u64> = saves.map(|line| line.event.step).collect();
    let checkpoints = saved.last().map(|last| {
        // A run that went on after a kill saves some of them a second time.
        let different = saved.iter().collect::<BTreeSet<_>>().len();
        let many = plural(different, "checkpoint was saved", "checkpoints were saved");
        format!("{many}, the last at step {}.", count(*last))
    });

    let skipped = log.skipped();
    let different = skipped.len();
    let skipped: Vec<Skipped> = skipped
        .into_iter()
        .take(MOST_SKIPPED)
        .map(|(path, reason)| Skipped { path: path.to_owned(), reason: reason.to_owned() })
        .collect();
    let skipped_text = match different {
        0 => String::new(),
        _ => format!(
            "{} could not be read and {} skipped; `twist data verify` lists such files.",
            plural(different, "image", "images"),
            if different == 1 { "was" } else { "were" }
        ),
    };
    Events {
        rows,
        earlier,
        checkpoints: checkpoints.unwrap_or_default(),
        skipped_more: different - skipped.len(),
        skipped,
        skipped_text,
    }
}

/// One row of the table; `None` for events that are counted.
fn row(line: &LogLine) -> Option<Row> {
    let step = count(line.event.step);
    let (tone, kind, text) = match &line.event.kind {
        EventKind::Start(start) => ("plain", "start", started(start)),
        EventKind::Resumed { .. } => {
            ("plain", "resumed", format!("Continued from the checkpoint of step {step}."))
        }
        EventKind::Warning { message } => ("warn", "warning", message.clone()),
        EventKind::Collapse { kind, advice, saved } => {
            let saved = match saved.as_str() {
                "" => String::new(),
                saved => format!(" The offending step is in {saved}."),
            };
            ("bad", "collapse", format!("{kind}: {advice}{saved}"))
        }
        EventKind::Stopped { reason } => {
            ("warn", "stopped", format!("Stopped ({reason}); `--resume` continues."))
        }
        EventKind::Done { seconds } => {
            let took = Some(seconds).filter(|seconds| seconds.is_finite());
            let took = took.map(|seconds| format!(" after {}", minutes(seconds / 60.0))).unwrap_or_default();
            ("good", "done", format!("All epochs trained{took}."))
        }
        EventKind::Step(_)
        | EventKind::Eval(_)
        | EventKind::Checkpoint { .. }
        | EventKind::SkippedImage { .. } => return None,
    };
    Some(Row { tone, kind, step, time: readable(&line.time), text })
}

fn started(start: &StartFigures) -> String {
    let about = [("Twist ", &start.version), ("recipe ", &start.recipe_name), ("on ", &start.device)];
    let known = about.into_iter().filter(|(_, value)| !value.is_empty());
    let images = (start.images > 0).then(|| plural(start.images, "image", "images"));
    known.map(|(lead, value)| format!("{lead}{value}")).chain(images).collect::<Vec<_>>().join(", ")
}

/// `2026-01-31T12:30:45.123Z` → `2026-01-31 12:30:45`.
fn readable(time: &str) -> String {
    time.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lose_their_tail() {
        assert_eq!(readable("2026-01-31T12:30:45.123Z"), "2026-01-31 12:30:45");
        assert_eq!(readable(""), "");
    }
}
