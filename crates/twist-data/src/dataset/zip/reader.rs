//! An archive as a stream that many threads read at once: each has its own place in the file that all share.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use crate::dataset::file_pool::FilePool;

/// A place in a file of a pool.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    files: Arc<FilePool>,
    file: usize,
    at: u64,
}

impl Reader {
    /// At the beginning of a file.
    pub(super) fn new(files: Arc<FilePool>, file: usize) -> Self {
        Self { files, file, at: 0 }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.files.size(self.file).saturating_sub(self.at);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.files.read_exact_at(self.file, &mut buffer[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.files.size(self.file).checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let outside =
            || io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning of the archive");
        self.at = place.ok_or_else(outside)?;
        Ok(self.at)
    }
}
