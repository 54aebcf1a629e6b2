//! What an evaluation found: printed, and kept beside the run that it is about.

use serde_json::{Map, Value};
use twist_run::evaluations::{self, CLASS_NAMES, Kind};

use crate::model::Opened;
use crate::talk::{Talk, to_stdout};

/// Prints the figures, as one JSON object or as lines for people, and adds them to the evaluations of the model's run.
/// `classes` are those of the images that were measured on.
pub(crate) fn emit(
    opened: &Opened,
    kind: &Kind,
    classes: &[String],
    mut figures: Map<String, Value>,
    json: bool,
    lines: &[String],
    talk: &Talk,
) -> anyhow::Result<()> {
    if let Some(protocol) = figures.get_mut("protocol") {
        protocol[CLASS_NAMES] = classes.into();
    }
    let printed = print(figures.clone(), json, lines);
    record(opened, kind, &figures, talk);
    printed
}

/// Adds the figures to the evaluations of the model's run; a weight file outside of a run has none. A run that cannot be
/// written to, such as a shared one, is not a failure: the figures are there, and a warning says so.
pub(crate) fn record(opened: &Opened, kind: &Kind, figures: &Map<String, Value>, talk: &Talk) {
    let Some(folder) = &opened.model.folder else { return };
    if let Err(error) = evaluations::append(folder, kind, figures) {
        talk.warn(format!("the figures are not kept in the run, so its report will not show them: {error}"));
    }
}

/// Prints the figures: one JSON object, or lines for people.
pub(crate) fn print(figures: Map<String, Value>, json: bool, lines: &[String]) -> anyhow::Result<()> {
    if json {
        to_stdout(serde_json::to_string_pretty(&Value::Object(figures))?)?;
    } else {
        for line in lines {
            to_stdout(line)?;
        }
    }
    Ok(())
}
