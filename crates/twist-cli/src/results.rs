//! What an evaluation found: printed, and kept beside the run that it is about.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};
use twist_io::{UpdateLock, append_lines};
use twist_run::files;

use crate::model::Opened;
use crate::talk::{Talk, chain, to_stdout};

/// Key of a protocol: the classes that were measured on, by which the report tells one data set from another.
pub(crate) const CLASS_NAMES: &str = "class_names";

/// Prints the figures, as one JSON object or as lines for people, and adds them to the evaluations of the model's run.
/// `classes` are those of the images that were measured on.
pub(crate) fn emit(
    opened: &Opened,
    evaluation: &str,
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
    record(opened, evaluation, &figures, talk);
    printed
}

/// Adds the figures to the evaluations of the model's run; a weight file outside of a run has none. A run that cannot be
/// written to, such as a shared one, is not a failure: the figures are there, and a warning says so.
pub(crate) fn record(opened: &Opened, evaluation: &str, figures: &Map<String, Value>, talk: &Talk) {
    let Some(folder) = &opened.model.folder else { return };
    let mut entry = Map::new();
    entry.insert("evaluation".into(), evaluation.into());
    entry.extend(figures.clone());
    if let Err(error) = append(&folder.join(files::EVALUATIONS), &Value::Object(entry)) {
        let why = chain(&error);
        talk.warn(format!("the figures are not kept in the run, so its report will not show them: {why}"));
    }
}

/// Adds a line to the file at `path`, behind those of other processes.
fn append(path: &Path, entry: &Value) -> anyhow::Result<()> {
    let _lock = UpdateLock::of(path)?;
    append_lines(path)?.write_all(format!("{entry}\n").as_bytes())?;
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
