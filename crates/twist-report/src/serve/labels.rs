//! `labels.csv`: the labels that a user gives, kept beside the run at once.
//!
//! Columns `path,label`, which is what `twist finetune --labels` reads.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use twist_io::{text_of_cell, text_to_cell};

use crate::error::ReportError;

/// The table of labels in a run folder.
pub(crate) const LABELS_FILE: &str = "labels.csv";

/// Longest label in characters.
const LONGEST: usize = 100;

/// Labels by the path of the image, also of images that this run does not show.
pub(super) struct Labels {
    file: PathBuf,
    given: BTreeMap<String, String>,
}

impl Labels {
    /// Reads the labels at `file`; without one there are none.
    ///
    /// # Errors
    /// The file is there and is no table with the columns `path` and `label`: it is not ours to write.
    pub(super) fn open(file: PathBuf) -> Result<Self, ReportError> {
        let bytes = match fs_err::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { file, given: BTreeMap::new() });
            }
            Err(source) => return Err(ReportError::Read { source }),
        };
        match given(&bytes) {
            Some(given) => Ok(Self { file, given }),
            None => Err(ReportError::NoLabels { path: file }),
        }
    }

    /// The label of an image.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        self.given.get(path).map(String::as_str)
    }

    /// How many images have one.
    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    /// Every different label with its number of images, the most frequent first.
    pub(super) fn counts(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.given.values().for_each(|label| *counts.entry(label).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        counts
    }

    /// Gives the images at `paths` the label, or takes theirs away when it is empty, and writes the file. When it cannot be
    /// written nothing is changed.
    pub(super) fn set(&mut self, paths: &[&str], label: &str) -> Result<(), String> {
        let label = label.trim();
        if label.chars().count() > LONGEST || label.chars().any(char::is_control) {
            return Err("a label has at most 100 characters and no line breaks".into());
        }
        let before = self.given.clone();
        for path in paths {
            match label {
                "" => drop(self.given.remove(*path)),
                _ => drop(self.given.insert((*path).to_owned(), label.to_owned())),
            }
        }
        write(&self.file, &self.given).inspect_err(|_| self.given = before).map_err(|error| error.to_string())
    }
}

/// Labels by path in a table with the columns `path` and `label`; `None` where it is none.
pub(crate) fn given(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().ok()?.clone();
    let place = |name: &str| header.iter().position(|field| field.trim() == name);
    let (path, label) = (place("path")?, place("label")?);
    let mut given = BTreeMap::new();
    for record in reader.records() {
        let record = record.ok()?;
        let field =
            |at: usize| record.get(at).map(|cell| text_of_cell(cell.trim())).filter(|text| !text.is_empty());
        if let (Some(path), Some(label)) = (field(path), field(label)) {
            given.insert(path.to_owned(), label.to_owned());
        }
    }
    Some(given)
}

fn write(path: &Path, given: &BTreeMap<String, String>) -> Result<(), twist_io::IoError> {
    twist_io::write_atomic(path, |file| {
        let mut table = csv::Writer::from_writer(file);
        table.write_record(["path", "label"])?;
        for (path, label) in given {
            table.write_record([text_to_cell(path).as_ref(), text_to_cell(label).as_ref()])?;
        }
        table.flush()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_on_the_disk_at_once_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        let mut labels = Labels::open(file.clone()).unwrap();
        labels.set(&["a.png", "b,c.png"], " cat ").unwrap();
        labels.set(&["d.png"], "=dog").unwrap();
        labels.set(&["a.png"], "").unwrap();
        assert!(labels.set(&["a.png"], "two\nlines").is_err());
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "path,label\n\"b,c.png\",cat\nd.png,'=dog\n");
        let again = Labels::open(file.clone()).unwrap();
        assert_eq!((again.of("b,c.png"), again.of("a.png"), again.len()), (Some("cat"), None, 2));
        assert_eq!(again.of("d.png"), Some("=dog"), "marked as text in the file, and read as it was");

        fs_err::write(&file, "something,else\n").unwrap();
        assert!(matches!(Labels::open(file), Err(ReportError::NoLabels { .. })));
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut labels = Labels::open(folder.path().join("gone/labels.csv")).unwrap();
        assert!(labels.set(&["a.png"], "cat").is_err());
        assert_eq!(labels.len(), 0);
    }
}
