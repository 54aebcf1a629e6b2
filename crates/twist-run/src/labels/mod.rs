//! `labels.csv`: the labels that a user gives, kept beside the run at once.
//!
//! Columns `path,label`, which is what `twist finetune --labels` reads. Others write it too: an editor, a second page, a run of
//! fine-tuning. So each change reads the file as it is now, under a lock, and writes back everything that it had.

mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use twist_io::{
    Refused, UpdateLock, composed, label_read_of, printable, read_if_there, read_small, write_atomic,
};

use self::table::{Table, image};
use crate::{RunError, RunFolder, files};

/// Longest label in characters.
const LONGEST: usize = 100;

/// Labels by the path of the image, also of images that this run does not show.
#[derive(Debug)]
pub struct Labels {
    file: PathBuf,
    given: GivenLabels,
    /// Length and time of the file when it was read last.
    seen: Option<(u64, SystemTime)>,
}

impl Labels {
    /// Reads the labels at `file`; none if the file does not exist.
    ///
    /// # Errors
    /// The file is there and is not a table with the columns `path` and `label`: it is not ours to write.
    pub fn open(file: PathBuf) -> Result<Self, RunError> {
        let mut labels = Self { file, given: GivenLabels::default(), seen: None };
        labels.seen = labels.stamp();
        labels.given = GivenLabels(labels.read()?.labels());
        Ok(labels)
    }

    /// Takes over what others wrote meanwhile; a file that cannot be used is reported when something is to be changed.
    pub fn refresh(&mut self) {
        let stamp = self.stamp();
        if stamp != self.seen
            && let Ok(table) = self.read()
        {
            (self.given, self.seen) = (GivenLabels(table.labels()), stamp);
        }
    }

    /// The label of an image.
    pub fn of(&self, path: &str) -> Option<&str> {
        self.given.of(path)
    }

    /// How many images have one.
    pub fn count(&self) -> usize {
        self.given.0.len()
    }

    /// Every different label with its number of images, the most frequent first.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.given.0.values().for_each(|label| *counts.entry(label).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
        counts
    }

    /// Gives the images at `paths` the label, or takes theirs away when it is empty, in the file as it is now. When that
    /// cannot be read or written nothing is changed.
    ///
    /// # Errors
    /// A sentence that says why the label cannot be given.
    pub fn set(&mut self, paths: &[&str], label: &str) -> Result<(), String> {
        let label = label.trim();
        if label.chars().count() > LONGEST {
            return Err("a label has at most 100 characters".into());
        }
        if printable(label) != label {
            return Err("a label has no line breaks and no characters that cannot be seen".into());
        }
        match label_read_of(label) {
            None if !label.is_empty() => {
                return Err(format!("`{label}` means \"no label\" in a file of labels; choose another word"));
            }
            Some(read) if read != composed(label) => {
                return Err(format!("`{label}` would be read as `{read}`; write that, or add a word"));
            }
            _ => {}
        }
        let _lock = UpdateLock::of(&self.file).map_err(|error| error.to_string())?;
        let mut table = self.read().map_err(|error| error.to_string())?;
        table.set(paths, label);
        write_atomic(&self.file, |file| table.write(file)).map_err(|error| error.to_string())?;
        (self.given, self.seen) = (GivenLabels(table.labels()), self.stamp());
        Ok(())
    }

    fn stamp(&self) -> Option<(u64, SystemTime)> {
        let found = fs_err::metadata(&self.file).ok()?;
        Some((found.len(), found.modified().ok()?))
    }

    fn read(&self) -> Result<Table, RunError> {
        let Some(bytes) = read_if_there(&self.file)? else { return Ok(Table::new()) };
        Ok(Table::read(&bytes).map_err(|reason| {
            let what = format!("{} cannot be used as labels", self.file.display());
            Refused::new(what).because(reason).remedy("correct it, or move it away")
        })?)
    }
}

/// Labels by image.
#[derive(Debug, Default)]
pub struct GivenLabels(BTreeMap<String, String>);

impl GivenLabels {
    /// The label of the image at a path, in whichever form of Unicode.
    pub fn of(&self, path: &str) -> Option<&str> {
        self.0.get(&*image(path)).map(String::as_str)
    }
}

/// The labels in a table with the columns `path` and `label`.
///
/// # Errors
/// A sentence that says why it is not one.
pub fn labels_in(bytes: &[u8]) -> Result<GivenLabels, String> {
    Table::read(bytes).map(|table| GivenLabels(table.labels()))
}

/// Writes `labels.csv` of the run in `folder` anew, from paths and labels. A table with others, from a run that was here before, is
/// set aside.
///
/// # Errors
/// A file cannot be read or written.
pub fn replace_labels<'a>(
    folder: &RunFolder,
    labels: impl IntoIterator<Item = (String, &'a str)>,
) -> Result<(), RunError> {
    let mut table = Table::new();
    labels.into_iter().for_each(|(path, label)| table.push(&path, label));
    let mut bytes = Vec::new();
    table.write(&mut bytes)?;
    let file = folder.path().join(files::LABELS);
    if read_small(&file).is_ok_and(|known| known != bytes) {
        folder.set_aside(files::LABELS)?;
    }
    Ok(write_atomic(file, |file| file.write_all(&bytes))?)
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
        for bad in ["two\nlines", "\u{202e}tac", "\u{1b}[2J", "-1", "-1.0", "3.0"] {
            assert!(labels.set(&["a.png"], bad).is_err(), "{bad:?}");
        }
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "path,label\n\"b,c.png\",cat\nd.png,'=dog\n");
        let again = Labels::open(file.clone()).unwrap();
        assert_eq!((again.of("b,c.png"), again.of("a.png"), again.count()), (Some("cat"), None, 2));
        assert_eq!(again.of("d.png"), Some("=dog"), "marked as text in the file, and read as it was");

        fs_err::write(&file, "something,else\n").unwrap();
        let error = Labels::open(file).unwrap_err().to_string();
        assert!(error.contains("labels.csv cannot be used as labels: its first line must name"), "{error}");
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
        assert_eq!((other.count(), other.of("c.png")), (3, Some("cow")));

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
        assert_eq!(labels.count(), 0);
    }
}
