//! Lists: a text file that names images and, if known, their classes.

mod lines;
mod table;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use twist_io::{composed, decomposed, shown};

pub(crate) use self::lines::read as read_lines;
pub(crate) use self::table::labels as table_labels;
pub(crate) use self::table::read as read_table;
use super::classes::{Labels, labelled};
use super::file_pool::read_image;
use super::identity::{Identity, of_files};
use super::left_out::{LeftOut, Leftovers};
use super::names::NameTable;
use super::real::RealPaths;
use super::{Dataset, Stamp, Stored};
use crate::DataError;

/// What to say of bytes that are not text. UTF-16 is full of zeros where it is not invalid.
const NOT_TEXT: &str = "not UTF-8 text: save the list as UTF-8";

/// One image of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// One-based line in the list.
    pub(crate) line: u64,
    /// As written; bytes that are not UTF-8 as `\xNN`.
    pub(crate) path: String,
    /// The path as written, where it is not UTF-8.
    pub(crate) bytes: Option<Vec<u8>>,
    /// As written: a class number or name.
    pub(crate) label: Option<String>,
    /// Name of the class, where `label` is its number.
    pub(crate) class: Option<String>,
}

impl Row {
    /// The path as the file system takes it.
    fn name(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.path.as_bytes())
    }

    /// The path from `folder` on.
    fn file(&self, folder: &Path) -> PathBuf {
        folder.join(OsStr::from_bytes(self.name()))
    }
}

/// Images in the order of a list. Relative paths start at the list's folder.
#[derive(Debug)]
pub(crate) struct List {
    folder: PathBuf,
    names: NameTable,
    labels: Labels,
    left_out: Vec<LeftOut>,
}

impl List {
    /// Reads the list and looks which files are there, so that a misspelt path is found now and with its line.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        let rows = if is_csv { table::read(path)? } else { lines::read(path)? };
        Self::of_rows(rows, path, path.parent().unwrap_or(Path::new("")).to_path_buf())
    }

    /// The images that a text lists, from the working directory on. `what` is where the text comes from.
    pub(crate) fn of_lines(text: &[u8], what: &Path) -> Result<Self, DataError> {
        Self::of_rows(lines::parse(text, what)?, what, PathBuf::new())
    }

    fn of_rows(rows: Vec<Row>, path: &Path, folder: PathBuf) -> Result<Self, DataError> {
        if rows.is_empty() {
            return Err(DataError::no_images(
                path.display(),
                "the list is empty",
                "Write one path per line; a label may follow after a tab",
            ));
        }
        let (rows, left_out) = present(path, &folder, rows)?;
        refuse_duplicates(path, &folder, &rows)?;
        let labels = table::labels(path, &rows, &[])?;
        let mut names = NameTable::default();
        rows.iter().for_each(|row| names.push(row.name()));
        Ok(Self { folder, names, labels, left_out })
    }
}

/// An image listed twice would be counted twice in every figure, also where its path is written in another way.
fn refuse_duplicates(path: &Path, folder: &Path, rows: &[Row]) -> Result<(), DataError> {
    let mut places = RealPaths::default();
    let mut seen: HashMap<PathBuf, u64> = HashMap::with_capacity(rows.len());
    for row in rows {
        if let Some(first) = seen.insert(places.of(&row.file(folder)), row.line) {
            let name = shown(&row.path);
            let reason = format!("{name} is already listed in line {first}: remove one of them");
            return Err(DataError::line(path, row.line, reason));
        }
    }
    Ok(())
}

/// The rows whose file exists, called as the file system calls it. A few that are missing are left out; when it is half of them,
/// the list belongs to another folder.
fn present(path: &Path, folder: &Path, rows: Vec<Row>) -> Result<(Vec<Row>, Vec<LeftOut>), DataError> {
    let found: Vec<Option<String>> =
        rows.par_iter().with_min_len(64).map(|row| existing(folder, row)).collect();
    let missing = || rows.iter().zip(&found).filter(|(_, name)| name.is_none()).map(|(row, _)| row);
    let (count, first) = (missing().count(), missing().next());
    if let Some(torn) = missing().find(|row| row.path.contains('\n')) {
        let reason =
            format!("\"{}\" is one cell: a quote that opens there does not close", shown(&torn.path));
        return Err(DataError::line(path, torn.line, reason));
    }
    if let Some(odd) = missing().find(|row| row.bytes.is_some()) {
        let reason = format!("{NOT_TEXT}. No file is called \"{}\" either", shown(&odd.path));
        return Err(DataError::line(path, odd.line, reason));
    }
    if let Some(first) = first
        && 2 * count >= rows.len()
    {
        let others = match count - 1 {
            0 => String::new(),
            others => format!("; so are {others} more of {}", rows.len()),
        };
        let reason = format!(
            "the file {} is missing{others}. Relative paths start at {}",
            shown(&folder.join(&first.path).to_string_lossy()),
            if folder.as_os_str().is_empty() { "the working directory" } else { "the folder of the list" }
        );
        return Err(DataError::line(path, first.line, reason));
    }
    let mut leftovers = Leftovers::default();
    let kind = ["line of the list whose file is missing", "lines of the list whose file is missing"];
    missing().for_each(|row| leftovers.add(kind, format!("line {}: {}", row.line, row.path)));
    let there = rows.into_iter().zip(found).filter_map(|(row, name)| Some(Row { path: name?, ..row }));
    Ok((there.collect(), leftovers.finish()))
}

/// The name under which a file of a list exists: as it is written, or in the other form of Unicode.
fn existing(folder: &Path, row: &Row) -> Option<String> {
    let name = &row.path;
    if row.file(folder).is_file() {
        return Some(name.clone());
    }
    if row.bytes.is_some() {
        return None;
    }
    [composed(name).into_owned(), decomposed(name)].into_iter().find(|form| folder.join(form).is_file())
}

impl Dataset for List {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let path = self.file(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        read_image(&path).map(Stored::Encoded)
    }

    fn path(&self, index: usize) -> String {
        self.names.text(index)
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        Some(self.folder.join(self.names.path(index)?))
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Stamp::of_file(self.names.get(index)?, &self.file(index)?)
    }

    labelled!(left_out);

    /// Names, content and labels.
    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("list");
        for (index, content) in of_files(self.len(), |index| self.file(index)).into_iter().enumerate() {
            identity.name(self.names.get(index).unwrap_or_default());
            identity.content(content);
            identity.label(self.label(index));
        }
        identity.finish()
    }
}
