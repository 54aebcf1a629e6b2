//! What `metrics.json` and `evaluations.jsonl` hold, one entry for each protocol.

use std::path::Path;

use twist_run::{Evaluation, Evaluations};

use super::figures::{Measured, Origin};
use super::notes::Notes;
use super::optional::read_optional_text;
use crate::error::ReportError;

/// Evaluations that a page shows, the last ones.
const MOST: usize = 200;

/// The final figures and, after them, the evaluations in the file at `path`.
pub(super) fn read(
    path: &Path,
    measured: Option<&Measured>,
    notes: &mut Notes,
) -> Result<Vec<Evaluation>, ReportError> {
    let mut all = Evaluations::default();
    let last = measured.filter(|measured| measured.origin == Origin::Final);
    last.into_iter().for_each(|measured| all.add_metrics(&measured.metrics));
    all.add_lines(&read_optional_text(path)?.unwrap_or_default());
    if all.damaged > 0 {
        let lines = if all.damaged == 1 { "line" } else { "lines" };
        notes.damaged(format!(
            "{} {lines} of evaluations.jsonl could not be read and were left out.",
            all.damaged
        ));
    }
    let mut all = all.list;
    if all.len() > MOST {
        notes.missing(format!(
            "evaluations.jsonl and metrics.json hold {} evaluations by different protocols; the last {MOST} are shown.",
            all.len()
        ));
        all.drain(..all.len() - MOST);
    }
    Ok(all)
}
