//! The verdict on a run folder.

use serde_json::{Value, json};

use super::{Training, Verdict, verdict};
use crate::run::{Ending, Run};

/// The verdict on `run`: by its figures, and where an older version or a kill left one out, by its images and its log.
pub(crate) fn verdict_on(run: &Run) -> Option<Verdict> {
    let mut metrics = run.figures.as_ref().map(|figures| figures.values().clone()).unwrap_or_default();
    let mut missing = |key: &str, value: Option<Value>| {
        if let (false, Some(value)) = (metrics.contains_key(key), value) {
            metrics.insert(key.into(), value);
        }
    };
    let samples = run.samples.as_ref();
    missing(
        "mean_confidence",
        samples.map(|samples| {
            let sum: f64 = samples.said.confidence.iter().map(|p| f64::from(*p)).sum();
            json!(sum / samples.len() as f64)
        }),
    );
    missing(
        "classes_in_use",
        samples.map(|samples| {
            let mut used = samples.said.cluster.clone();
            used.sort_unstable();
            used.dedup();
            json!(used.len())
        }),
    );
    missing("protocol", Some(json!({})));
    if let Some(Value::Object(protocol)) = metrics.get_mut("protocol")
        && let (false, Some(outputs)) = (protocol.contains_key("clusters"), run.outputs())
    {
        protocol.insert("clusters".into(), outputs.into());
    }
    let training = match &run.log.ending {
        // Without a log nothing says that the figures are not final.
        Ending::Finished(_) => Training::Finished,
        Ending::Open if run.log.start.is_none() && run.log.steps.is_empty() => Training::Finished,
        Ending::Collapsed { kind, .. } => Training::Collapsed { kind },
        Ending::Stopped(_) | Ending::Open => Training::Unfinished(done(run)),
    };
    verdict(&metrics, training)
}

/// The part of the steps that is done.
fn done(run: &Run) -> Option<f64> {
    let last = *run.log.steps.keys().next_back()? as f64;
    let total = run.log.start.as_ref()?.fields.get("total_steps")?.as_f64()?;
    (total > 0.0).then(|| (last / total).min(1.0))
}
