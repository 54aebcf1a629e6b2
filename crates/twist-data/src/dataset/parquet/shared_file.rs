//! A file of tables, read by position from many threads.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::dataset::file_pool::open_file;
use crate::dataset::{FileState, Stamp};

/// A file read by position. (The crate's own reader for files shares one cursor between threads.)
#[derive(Clone)]
pub(super) struct SharedFile {
    path: Arc<Path>,
    /// `None` where there are too many files: it is opened for each read.
    file: Option<Arc<File>>,
    size: u64,
    /// When it was opened.
    state: FileState,
}

impl SharedFile {
    /// Opens the file, and keeps it open when `kept`.
    pub(super) fn open(path: &Path, kept: bool) -> io::Result<Self> {
        let file = open_file(path)?;
        let found = file.metadata()?;
        let (size, state) = (found.len(), FileState::of(&found));
        Ok(Self { path: path.into(), file: kept.then(|| Arc::new(file)), size, state })
    }

    /// The stamp of a row of a row group; `None` where the file is not the one that was opened any more.
    pub(super) fn stamp(&self, group: usize, row: usize) -> Option<Stamp> {
        let now = match &self.file {
            Some(file) => file.metadata().ok()?,
            None => fs_err::metadata(&self.path).ok()?,
        };
        let name = self.path.file_name().unwrap_or_default().as_encoded_bytes();
        (FileState::of(&now) == self.state).then(|| Stamp::new(name, [group as u64, row as u64], self.state))
    }

    fn file(&self) -> io::Result<Arc<File>> {
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => open_file(&self.path).map(Arc::new),
        }
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Cursor { file: self.file()?, at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} lie beyond the end, {}",
                self.size
            )));
        }
        let mut bytes = vec![0; length];
        self.file()?.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// Reads on from a position.
pub(super) struct Cursor {
    file: Arc<File>,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
