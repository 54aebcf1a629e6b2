//! How long a run took, over all processes that worked on it, from the times in its log.

use std::path::Path;

use serde_json::Value;
use twist_eval::RunFigures;
use twist_run::{files, seconds_of};
use twist_train::Machine;

/// Speed, duration and memory of the run in `folder` after `steps` steps. What the log does not tell is absent.
pub(crate) fn of_run(folder: &Path, steps: u64, machine: &Machine) -> RunFigures {
    let log = fs_err::read_to_string(folder.join(files::LOG)).unwrap_or_default();
    let events: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    RunFigures {
        steps,
        images_per_second: images_per_second(&events),
        minutes: minutes(&events),
        peak_memory_gib: twist_train::peak_memory_gib(machine.device),
    }
}

/// The median over the logged steps, so that a pause or a busy minute does not count.
fn images_per_second(events: &[Value]) -> Option<f64> {
    let mut rates: Vec<f64> = events
        .iter()
        .filter(|event| event["event"] == "step")
        .filter_map(|event| event["images_per_second"].as_f64())
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

/// From each start to the last event before the next, added up.
fn minutes(events: &[Value]) -> Option<f64> {
    let (mut total, mut begun, mut last) = (0.0, None, None);
    for event in events {
        let time = event["time"].as_str().and_then(seconds_of)?;
        if event["event"] == "start" {
            total += span(begun, last);
            begun = Some(time);
        }
        last = Some(time);
    }
    begun.map(|_| (total + span(begun, last)) / 60.0)
}

fn span(begun: Option<f64>, last: Option<f64>) -> f64 {
    begun.zip(last).map_or(0.0, |(begun, last)| (last - begun).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pauses_between_processes_do_not_count() {
        let at = |event: &str, time: &str| json!({"event": event, "time": format!("2026-01-01T{time}Z")});
        let events = [
            at("start", "10:00:00"),
            at("step", "10:03:00"),
            at("start", "12:00:00"),
            at("resumed", "12:00:00"),
            at("done", "12:01:30"),
        ];
        assert_eq!(minutes(&events), Some(4.5));
        assert_eq!(minutes(&[]), None);
    }

    #[test]
    fn speed_is_the_median() {
        let step = |rate: f64| json!({"event": "step", "images_per_second": rate});
        assert_eq!(images_per_second(&[step(3.0), step(900.0), step(100.0)]), Some(100.0));
        assert_eq!(images_per_second(&[]), None);
    }
}
