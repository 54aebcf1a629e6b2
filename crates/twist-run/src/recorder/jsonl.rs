//! `log.jsonl`: one event a line.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err::File;
use twist_io::append_lines;

use super::Recorder;
use crate::{Event, EventKind, RunError, time};

/// Appends every event to a file as one JSON object with its time, flushed line by line.
///
/// A process that was killed while writing leaves half a line; opening the file again cuts it off, so that every line
/// of a resumed log parses. A log that somebody removes or replaces while the run goes on is started again, with a
/// warning as its first line.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
}

impl JsonLines {
    /// Opens `path` for appending, creating it if it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened or its cut last line not be removed.
    pub fn append(path: &Path) -> Result<Self, RunError> {
        Ok(Self { path: path.into(), file: append_lines(path)? })
    }

    /// Whether the name still leads to the file that is written to.
    fn has_its_name(&self) -> Result<bool, RunError> {
        let own = self.file.metadata()?;
        let named = fs_err::symlink_metadata(&self.path);
        Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (own.dev(), own.ino())))
    }

    fn write(&mut self, event: &Event) -> Result<(), RunError> {
        let mut line = serde_json::to_value(event).map_err(std::io::Error::from)?;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("time".into(), time::now().into());
        }
        // One write for the whole line: a reader that follows the file never sees half of it.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.flush()?;
        Ok(())
    }
}

impl Recorder for JsonLines {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        if !self.has_its_name()? {
            self.file = append_lines(&self.path)?;
            let message =
                "log.jsonl was removed or replaced while the run was going on: what it said before is lost";
            let what = EventKind::Warning { message: message.into() };
            self.write(&Event { step: event.step, epoch: event.epoch, kind: what })?;
        }
        self.write(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: u64) -> Event {
        Event {
            step,
            epoch: step as f64 / 4.0,
            kind: EventKind::Warning { message: "a \"quoted\" line\nbreak".into() },
        }
    }

    #[test]
    fn lines_are_whole_objects_with_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = JsonLines::append(&path).unwrap();
        log.record(&event(1)).unwrap();
        // Readable while the recorder is alive.
        let text = fs_err::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((line["event"].as_str(), line["step"].as_u64()), (Some("warning"), Some(1)));
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_cut_last_line_is_removed_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = JsonLines::append(&path).unwrap();
        (0..100).for_each(|step| log.record(&event(step)).unwrap());
        let whole = fs_err::read(&path).unwrap();
        for cut in [1, 7, 5_000] {
            fs_err::write(&path, &whole[..whole.len() - cut]).unwrap();
            JsonLines::append(&path).unwrap().record(&event(1_000)).unwrap();
            let text = fs_err::read_to_string(&path).unwrap();
            let lines: Vec<serde_json::Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(lines.len() > 40);
            assert_eq!(lines.last().unwrap()["step"], 1_000);
            assert_eq!(lines[lines.len() - 2]["step"], lines.len() - 2);
        }
        fs_err::write(&path, "no newline at all").unwrap();
        JsonLines::append(&path).unwrap();
        assert_eq!(fs_err::read(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_log_that_was_removed_or_replaced_is_started_again_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = JsonLines::append(&path).unwrap();
        let kinds = || -> Vec<(String, u64)> {
            let lines = fs_err::read_to_string(&path).unwrap();
            let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines.map(|line| (line["message"].to_string(), line["step"].as_u64().unwrap())).collect()
        };
        log.record(&event(1)).unwrap();
        fs_err::remove_file(&path).unwrap();
        log.record(&event(2)).unwrap();
        log.record(&event(3)).unwrap();
        let found = kinds();
        assert_eq!(found.iter().map(|(_, step)| *step).collect::<Vec<_>>(), [2, 2, 3]);
        assert!(found[0].0.contains("was removed or replaced"), "{found:?}");

        let other = folder.path().join("other");
        fs_err::write(&other, "").unwrap();
        fs_err::rename(&other, &path).unwrap();
        log.record(&event(4)).unwrap();
        assert_eq!(kinds().iter().map(|(_, step)| *step).collect::<Vec<_>>(), [4, 4]);
    }
}
