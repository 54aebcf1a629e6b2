//! `data.json`: where the images of a run come from.

use std::path::Path;

use twist_run::{Sources, files};

use super::notes::Notes;
use super::optional::read_optional_text;
use crate::error::ReportError;

/// The held-out images that the file at `path` names; `None` if it names none or does not exist.
pub(super) fn held_out(path: &Path, notes: &mut Notes) -> Result<Option<String>, ReportError> {
    let Some(text) = read_optional_text(path)? else { return Ok(None) };
    let so = "what the run was measured on is not known.";
    Ok(notes.parse::<Sources>(files::DATA, &text, so).and_then(|sources| sources.held_out))
}
