//! What an evaluation found: printed, and kept beside the run that it is about.

use twist_run::Metrics;
use twist_run::evaluations::{self, CLASS_NAMES, Kind};

use crate::model::Opened;
use crate::talk::{Talk, to_stdout};

/// Prints the figures, as one JSON object or as lines for people, and adds them to the evaluations of the model's run.
/// `classes` are those of the images that were measured on.
pub(crate) fn emit(
    opened: &Opened,
    kind: &Kind,
    classes: &[String],
    mut metrics: Metrics,
    json: bool,
    lines: &[String],
    talk: &Talk,
) -> anyhow::Result<()> {
    metrics.protocol[CLASS_NAMES] = classes.into();
    let printed = print(&metrics, json, lines);
    record(opened, kind, &metrics, talk);
    printed
}

/// Adds the figures to the evaluations of the model's run; a weight file outside of a run has none. A run that cannot be
/// written to, such as a shared one, is not a failure: the figures are there, and a warning says so.
pub(crate) fn record(opened: &Opened, kind: &Kind, metrics: &Metrics, talk: &Talk) {
    let Some(folder) = &opened.model.folder else { return };
    if let Err(error) = evaluations::append(folder, kind, metrics) {
        talk.warn(format!("the figures are not kept in the run, so its report will not show them: {error}"));
    }
}

/// Prints the figures: one JSON object, or lines for people.
pub(crate) fn print(metrics: &Metrics, json: bool, lines: &[String]) -> anyhow::Result<()> {
    match json {
        true => to_stdout(serde_json::to_string_pretty(metrics)?)?,
        false => lines.iter().try_for_each(to_stdout)?,
    }
    Ok(())
}
