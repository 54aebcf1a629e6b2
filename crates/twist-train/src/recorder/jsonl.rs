//! `log.jsonl`: one event a line.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use fs_err::{File, OpenOptions};

use super::{Recorder, clock};
use crate::{Event, TrainError};

/// Appends every event to a file as one JSON object with its time, flushed line by line.
///
/// A process that was killed while writing leaves half a line; opening the file again cuts it off, so that every line
/// of a resumed log parses.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
}

impl JsonLines {
    /// Opens `path` for appending, creating it if it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened or its cut last line not be removed.
    pub fn append(path: &Path) -> Result<Self, TrainError> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let whole = end_of_last_line(&mut file)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file })
    }
}

impl Recorder for JsonLines {
    fn record(&mut self, event: &Event) -> Result<(), TrainError> {
        let mut line = serde_json::to_value(event).map_err(std::io::Error::from)?;
        if let Some(fields) = line.as_object_mut() {
            fields.insert("time".into(), clock::now().into());
        }
        // One write for the whole line: a reader that follows the file never sees half of it.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.flush()?;
        Ok(())
    }
}

/// Offset behind the last newline, found from the end.
fn end_of_last_line(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = (end - start) as usize;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(newline) = block[..length].iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::What;

    fn event(step: u64) -> Event {
        Event {
            step,
            epoch: step as f64 / 4.0,
            what: What::Warning { message: "a \"quoted\" line\nbreak".into() },
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
}
