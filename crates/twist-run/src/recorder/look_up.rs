//! What a log says already.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;

use serde::Deserialize;

use crate::{RunError, files};

/// The part of a line that says which event it is.
#[derive(Deserialize)]
struct Line {
    event: String,
    step: u64,
}

/// Whether the log of the run in `folder` says that it ended after `step` steps.
///
/// # Errors
/// The log cannot be read.
pub fn says_done(folder: &Path, step: u64) -> Result<bool, RunError> {
    Ok(has_event(&folder.join(files::LOG), "done", step)?)
}

/// Whether the log of the run in `folder` says that the checkpoint after `step` steps is on disk.
///
/// # Errors
/// The log cannot be read.
pub fn says_saved(folder: &Path, step: u64) -> Result<bool, RunError> {
    Ok(has_event(&folder.join(files::LOG), "checkpoint", step)?)
}

/// Whether the log at `path` has this event of this step. A file that is missing has none; lines that are cut or of
/// something else are passed over.
fn has_event(path: &Path, event: &str, step: u64) -> io::Result<bool> {
    let file = match fs_err::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    for line in BufReader::new(file).split(b'\n') {
        let line: Result<Line, _> = serde_json::from_slice(&line?);
        if line.is_ok_and(|line| line.event == event && line.step == step) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_by_kind_and_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        assert!(!has_event(&path, "done", 8).unwrap());
        let text = "nonsense\n{\"event\":\"step\",\"step\":8,\"loss\":1}\n\u{ff}\n{\"event\":\"done\",\"step\":8}\n{\"event\":\"done\",\"st";
        fs_err::write(&path, text).unwrap();
        assert!(has_event(&path, "done", 8).unwrap() && has_event(&path, "step", 8).unwrap());
        assert!(!has_event(&path, "done", 9).unwrap() && !has_event(&path, "eval", 8).unwrap());
    }
}
