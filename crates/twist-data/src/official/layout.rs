//! Finding the files of a published data set, and saying where they come from when they are not there.

use std::path::{Path, PathBuf};

use twist_io::{MatValue, Refused, load_mat};

use super::kind::OfficialKind;
use crate::DataError;
use crate::dataset::read_file;

/// An archive, or a file that is published on its own.
pub(super) type Archive = &'static str;

/// A data set and the folder in which its files begin.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) kind: OfficialKind,
    base: PathBuf,
}

impl Layout {
    pub(super) fn new(kind: OfficialKind, base: PathBuf) -> Self {
        Self { kind, base }
    }

    /// Where `name` lies, whether it exists or not.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    /// The file or folder `name`, which `archive` brings.
    pub(super) fn find(&self, name: &str, archive: Archive) -> Result<PathBuf, DataError> {
        let path = self.path(name);
        if path.exists() { Ok(path) } else { Err(self.missing(path, archive)) }
    }

    /// The first of `names` that exists.
    pub(super) fn find_one(&self, names: &[&str], archive: Archive) -> Result<PathBuf, DataError> {
        match names.iter().map(|name| self.path(name)).find(|path| path.exists()) {
            Some(path) => Ok(path),
            None => Err(self.missing(self.path(names.first().copied().unwrap_or_default()), archive)),
        }
    }

    /// The error for a file that is not there.
    pub(super) fn missing(&self, path: PathBuf, archive: Archive) -> DataError {
        let why =
            format!("{} is missing. It comes with {archive}, from {}", path.display(), self.kind.page());
        Refused::new(self.kind.title()).because(why).into()
    }

    /// The error for files that contradict each other.
    pub(super) fn damaged(&self, path: &Path, reason: impl Into<String>) -> DataError {
        Refused::new(format!("{}: {}", self.kind.title(), path.display())).because(reason).into()
    }

    /// The lines of a text file that are not empty.
    pub(super) fn lines(&self, name: &str, archive: Archive) -> Result<Lines, DataError> {
        Lines::read(self.find(name, archive)?)
    }

    /// The variable `name` of a MATLAB file.
    pub(super) fn variable(&self, path: &Path, name: &str) -> Result<MatValue, DataError> {
        let mut variables = load_mat(path)?;
        let found = variables.keys().cloned().collect::<Vec<_>>().join(", ");
        variables.remove(name).ok_or_else(|| {
            self.damaged(path, format!("it has no variable `{name}`; its variables are {found}"))
        })
    }
}

#[derive(Debug)]
pub(super) struct Lines {
    pub(super) path: PathBuf,
    pub(super) lines: Vec<Line>,
}

/// One line, without the spaces around it.
#[derive(Debug)]
pub(super) struct Line {
    /// From 1 on.
    pub(super) number: u64,
    pub(super) text: String,
}

impl Lines {
    pub(super) fn read(path: PathBuf) -> Result<Self, DataError> {
        let bytes = read_file(&path)?;
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            let text = str::from_utf8(line).map_err(|_| {
                DataError::line(path.clone(), number, "not UTF-8 text: unpack the archive again")
            })?;
            if !text.trim().is_empty() {
                lines.push(Line { number, text: text.trim().to_owned() });
            }
        }
        Ok(Self { path, lines })
    }

    pub(super) fn bad(&self, line: &Line, reason: impl Into<String>) -> DataError {
        DataError::line(self.path.clone(), line.number, reason.into())
    }

    /// What `read` makes of every line.
    pub(super) fn map<T>(
        &self,
        mut read: impl FnMut(&Line) -> Result<T, DataError>,
    ) -> Result<Vec<T>, DataError> {
        self.lines.iter().map(&mut read).collect()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.text.clone()).collect()
    }
}
