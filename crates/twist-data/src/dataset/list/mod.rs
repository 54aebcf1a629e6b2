//! Lists: a text file that names images and, if known, their classes.

mod lines;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub(crate) use self::lines::read as read_lines;
pub(crate) use self::table::labels as table_labels;
pub(crate) use self::table::read as read_table;
use super::classes::Labels;
use super::file_pool::read_image;
use super::folder::sizes;
use super::identity::Identity;
use super::{Dataset, Stored};
use crate::DataError;

/// One image of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// One-based line in the list.
    pub(crate) line: u64,
    /// As written.
    pub(crate) path: String,
    /// As written: a class number or name.
    pub(crate) label: Option<String>,
    /// Name of the class, where `label` is its number.
    pub(crate) class: Option<String>,
}

/// Images in the order of a list. Relative paths start at the list's folder.
#[derive(Debug)]
pub(crate) struct List {
    folder: PathBuf,
    names: Vec<String>,
    labels: Labels,
}

impl List {
    /// Reads the list and looks whether every file is there, so that a misspelt path is found now and with its line.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        let rows = if is_csv { table::read(path)? } else { lines::read(path)? };
        if rows.is_empty() {
            return Err(DataError::NoImages {
                path: path.display().to_string(),
                found: "the list is empty".to_owned(),
                remedy: "Write one path per line; a label may follow after a tab".to_owned(),
            });
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        refuse_duplicates(path, &rows)?;
        refuse_missing(path, &folder, &rows)?;
        let labels = table::labels(path, &rows, &[])?;
        Ok(Self { folder, names: rows.into_iter().map(|r| r.path).collect(), labels })
    }

    /// Where image `index` lies.
    fn file(&self, index: usize) -> Result<PathBuf, DataError> {
        let name = self.names.get(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        Ok(self.folder.join(name))
    }
}

/// An image listed twice would be counted twice in every figure.
fn refuse_duplicates(path: &Path, rows: &[Row]) -> Result<(), DataError> {
    let mut seen: HashMap<&str, u64> = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Some(first) = seen.insert(&row.path, row.line) {
            let reason = format!("{} is already listed in line {first}: remove one of them", row.path);
            return Err(DataError::Line { path: path.to_path_buf(), line: row.line, reason });
        }
    }
    Ok(())
}

/// All files of the list exist.
fn refuse_missing(path: &Path, folder: &Path, rows: &[Row]) -> Result<(), DataError> {
    let missing: Vec<&Row> =
        rows.par_iter().with_min_len(64).filter(|row| !folder.join(&row.path).is_file()).collect();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let others = match missing.len() - 1 {
        0 => String::new(),
        others => format!("; so are {others} more of {}", rows.len()),
    };
    let reason = format!(
        "the file {} is missing{others}. Relative paths start at the folder of the list",
        folder.join(&first.path).display()
    );
    Err(DataError::Line { path: path.to_path_buf(), line: first.line, reason })
}

impl Dataset for List {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let path = self.file(index)?;
        read_image(&path).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_default()
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.get(index)
    }

    fn classes(&self) -> &[String] {
        self.labels.names()
    }

    /// Names, sizes and labels.
    fn fingerprint(&self) -> String {
        let sizes = sizes(self.len(), |index| self.file(index).ok());
        let mut identity = Identity::new("list");
        for (index, size) in sizes.into_iter().enumerate() {
            identity.bytes(self.names[index].as_bytes());
            identity.number(size);
            identity.label(self.label(index));
        }
        identity.finish()
    }
}
