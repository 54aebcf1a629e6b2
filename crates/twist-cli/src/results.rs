//! What an evaluation found: printed, and kept beside the run that it is about.

use std::io::Write;

use serde_json::{Map, Value};

use crate::model::Opened;
use crate::talk::to_stdout;

/// Key of a protocol: the classes that were measured on, by which the report tells one data set from another.
pub(crate) const CLASS_NAMES: &str = "class_names";

/// The file of a run folder with one JSON object a line, one for each evaluation.
pub(crate) const EVALUATIONS: &str = "evaluations.jsonl";

/// Prints the figures, as one JSON object or as lines for people, and adds them to the evaluations of the model's run.
/// `classes` are those of the images that were measured on.
pub(crate) fn emit(
    opened: &Opened,
    evaluation: &str,
    classes: &[String],
    mut figures: Map<String, Value>,
    json: bool,
    lines: &[String],
) -> anyhow::Result<()> {
    if let Some(protocol) = figures.get_mut("protocol") {
        protocol[CLASS_NAMES] = classes.into();
    }
    record(opened, evaluation, &figures)?;
    print(figures, json, lines)
}

/// Adds the figures to the evaluations of the model's run; a weight file outside of a run has none.
pub(crate) fn record(opened: &Opened, evaluation: &str, figures: &Map<String, Value>) -> anyhow::Result<()> {
    if let Some(folder) = &opened.model.folder {
        let mut entry = Map::new();
        entry.insert("evaluation".into(), evaluation.into());
        entry.extend(figures.clone());
        // One write of one line: two evaluations at the same time do not mix their lines.
        let line = format!("{}\n", Value::Object(entry));
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(folder.join(EVALUATIONS))?;
        file.write_all(line.as_bytes())?;
    }
    Ok(())
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
