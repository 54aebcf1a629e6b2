//! `labels.csv`: the labels that a user gives, kept beside the run at once.
//!
//! Columns `path,label`, which is what `twist finetune --labels` reads. Others write it too: an editor, a second page, a run of
//! fine-tuning. So each change reads the file as it is now, under a lock, and writes back everything that it had.

mod table;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use twist_io::{UpdateLock, printable};

use self::table::Table;
use crate::error::ReportError;

/// Longest label in characters.
const LONGEST: usize = 100;

/// Labels by the path of the image, also of images that this run does not show.
pub(super) struct Labels {
    file: PathBuf,
    given: BTreeMap<String, String>,
    /// Length and time of the file when it was read last.
    seen: Option<(u64, SystemTime)>,
}

impl Labels {
    /// Reads the labels at `file`; without one there are none.
    ///
    /// # Errors
    /// The file is there and is not a table with the columns `path` and `label`: it is not ours to write.
    pub(super) fn open(file: PathBuf) -> Result<Self, ReportError> {
        let mut labels = Self { file, given: BTreeMap::new(), seen: None };
        labels.seen = labels.stamp();
        labels.given = labels.read()?.labels();
        Ok(labels)
    }

    /// Takes over what others wrote meanwhile; a file that cannot be used is reported when something is to be changed.
    pub(super) fn refresh(&mut self) {
        let stamp = self.stamp();
        if stamp != self.seen
            && let Ok(table) = self.read()
        {
            (self.given, self.seen) = (table.labels(), stamp);
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

    /// Gives the images at `paths` the label, or takes theirs away when it is empty, in the file as it is now. When that
    /// cannot be read or written nothing is changed.
    pub(super) fn set(&mut self, paths: &[&str], label: &str) -> Result<(), String> {
        let label = label.trim();
        if label.chars().count() > LONGEST {
            return Err("a label has at most 100 characters".into());
        }
        if printable(label) != label {
            return Err("a label has no line breaks and no characters that cannot be seen".into());
        }
        let _lock = UpdateLock::of(&self.file).map_err(|error| error.to_string())?;
        let mut table = self.read().map_err(|error| error.to_string())?;
        table.set(paths, label);
        twist_io::write_atomic(&self.file, |file| table.write(file)).map_err(|error| error.to_string())?;
        (self.given, self.seen) = (table.labels(), self.stamp());
        Ok(())
    }

    fn stamp(&self) -> Option<(u64, SystemTime)> {
        let found = fs_err::metadata(&self.file).ok()?;
        Some((found.len(), found.modified().ok()?))
    }

    fn read(&self) -> Result<Table, ReportError> {
        match fs_err::read(&self.file) {
            Ok(bytes) => Table::read(&bytes).ok_or_else(|| ReportError::NoLabels { path: self.file.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::new()),
            Err(source) => Err(ReportError::Read { source }),
        }
    }
}

/// Labels by path in a table with the columns `path` and `label`; `None` for anything else.
pub(crate) fn given(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    Table::read(bytes).map(|table| table.labels())
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
        for bad in ["two\nlines", "\u{202e}tac", "\u{1b}[2J"] {
            assert!(labels.set(&["a.png"], bad).is_err(), "{bad:?}");
        }
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "path,label\n\"b,c.png\",cat\nd.png,'=dog\n");
        let again = Labels::open(file.clone()).unwrap();
        assert_eq!((again.of("b,c.png"), again.of("a.png"), again.len()), (Some("cat"), None, 2));
        assert_eq!(again.of("d.png"), Some("=dog"), "marked as text in the file, and read as it was");

        fs_err::write(&file, "something,else\n").unwrap();
        assert!(matches!(Labels::open(file), Err(ReportError::NoLabels { .. })));
    }

    /// What an editor or a second page wrote meanwhile is there after the next click.
    #[test]
    fn two_that_label_keep_each_others_labels() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        let (mut one, mut other) = (Labels::open(file.clone()).unwrap(), Labels::open(file.clone()).unwrap());
        one.set(&["a.png"], "cat").unwrap();
        other.set(&["b.png"], "dog").unwrap();
        fs_err::write(&file, "path,label,by\na.png,cat,Ann\nb.png,dog,\nx.png,,Ann\n").unwrap();
        one.set(&["c.png"], "cow").unwrap();
        assert_eq!(
            fs_err::read_to_string(&file).unwrap(),
            "path,label,by\na.png,cat,Ann\nb.png,dog,\nx.png,,Ann\nc.png,cow,\n"
        );
        other.refresh();
        assert_eq!((other.len(), other.of("c.png")), (3, Some("cow")));

        fs_err::write(&file, "{").unwrap();
        let why = one.set(&["d.png"], "cat").unwrap_err();
        assert!(why.contains("labels.csv") && one.of("d.png").is_none(), "{why}");
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "{", "a file that is not a table stays as it is");
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut labels = Labels::open(folder.path().join("gone/labels.csv")).unwrap();
        assert!(labels.set(&["a.png"], "cat").is_err());
        assert_eq!(labels.len(), 0);
    }
}
