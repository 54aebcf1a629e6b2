//! What happened on the way.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::run::{Log, LogEvent};
use crate::text::{count, minutes, plural};

/// Events shown at most, from the end; skipped images and checkpoints are counted instead.
const MOST_EVENTS: usize = 200;
/// Skipped images named.
const MOST_SKIPPED: usize = 50;

/// The events of a run.
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

/// The events of `log`.
pub(crate) fn events(log: &Log) -> Events {
    let mut rows: Vec<Row> = log.events.iter().filter_map(row).collect();
    let earlier = rows.len().saturating_sub(MOST_EVENTS);
    rows.drain(..earlier);

    let of_kind = |kind: &'static str| log.events.iter().filter(move |event| event.kind == kind);
    // A run that went on after a kill saves some of them a second time.
    let saved = of_kind("checkpoint").map(|event| event.step).collect::<BTreeSet<_>>().len();
    let checkpoints = of_kind("checkpoint").next_back().map(|last| {
        let many = plural(saved, "checkpoint was saved", "checkpoints were saved");
        format!("{many}, the last at step {}.", count(last.step))
    });

    let mut skipped: Vec<Skipped> = Vec::new();
    let mut different = 0;
    for event in of_kind("skipped_image") {
        let path = event.text("path");
        if skipped.iter().any(|known| known.path == path) {
            continue;
        }
        different += 1;
        if skipped.len() < MOST_SKIPPED {
            skipped.push(Skipped { path, reason: event.text("reason") });
        }
    }
    let skipped_text = match different {
        0 => String::new(),
        _ => format!(
            "{} could not be read and {} replaced by the next one; `twist data info` lists such files.",
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
fn row(event: &LogEvent) -> Option<Row> {
    let (tone, kind, text) = match event.kind.as_str() {
        "start" => ("plain", "start", started(event)),
        "resumed" => {
            ("plain", "resumed", format!("Continued from the checkpoint of step {}.", count(event.step)))
        }
        "warning" => ("warn", "warning", event.text("message")),
        "collapse" => {
            let saved = event.text("saved");
            let saved =
                if saved.is_empty() { String::new() } else { format!(" The offending step is in {saved}.") };
            ("bad", "collapse", format!("{}: {}{saved}", event.text("kind"), event.text("advice")))
        }
        "stopped" => {
            ("warn", "stopped", format!("Stopped ({}); `--resume` continues.", event.text("reason")))
        }
        "done" => {
            let took = event.fields.get("seconds").and_then(serde_json::Value::as_f64);
            let took = took.map(|s| format!(" after {}", minutes(s / 60.0))).unwrap_or_default();
            ("good", "done", format!("All epochs trained{took}."))
        }
        _ => return None,
    };
    Some(Row { tone, kind, step: count(event.step), time: readable(&event.time), text })
}

fn started(event: &LogEvent) -> String {
    let about =
        [("version", "Twist "), ("recipe_name", "recipe "), ("device", "on "), ("images", "images: ")];
    let parts: Vec<String> = about
        .into_iter()
        .map(|(key, lead)| (lead, event.text(key)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(lead, value)| format!("{lead}{value}"))
        .collect();
    parts.join(", ")
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
