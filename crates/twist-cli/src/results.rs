//! What an evaluation found: printed, and kept beside the run that it is about.

use std::io::Write;

use serde_json::{Map, Value};

use crate::model::Opened;
use crate::talk::to_stdout;

/// The file of a run folder with one JSON object a line, one for each evaluation.
pub(crate) const EVALUATIONS: &str = "evaluations.jsonl";

/// Prints the figures, as one JSON object or as lines for people, and adds them to the evaluations of the model's run.
pub(crate) fn emit(
    opened: &Opened,
    evaluation: &str,
    figures: Map<String, Value>,
    json: bool,
    lines: &[String],
) -> anyhow::Result<()> {
    if let Some(folder) = &opened.model.folder {
        let mut entry = Map::new();
        entry.insert("evaluation".into(), evaluation.into());
        entry.extend(figures.clone());
        // One write of one line: two evaluations at the same time do not mix their lines.
        let line = format!("{}\n", Value::Object(entry));
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(folder.join(EVALUATIONS))?;
        file.write_all(line.as_bytes())?;
    }
    if json {
        to_stdout(serde_json::to_string_pretty(&Value::Object(figures))?)?;
    } else {
        for line in lines {
            to_stdout(line)?;
        }
    }
    Ok(())
}
