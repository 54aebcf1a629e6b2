//! Opening and reading files: whole ones, and parts of many without locks.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::stamp::{FileState, Stamp};
use crate::DataError;
use crate::decode::MAX_FILE_BYTES;

/// Files of a data set that stay open: at most 256, because ImageNet as shards has more files than a process may usually open
/// (1,024), and a quarter of what this process may, because several data sets may be in use at once.
pub(crate) fn kept_open() -> usize {
    const MOST: usize = 256;
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    allowed.map_or(MOST, |allowed| usize::try_from(allowed / 4).unwrap_or(MOST).min(MOST))
}

/// Read-only files, addressed by number. A read is one `pread`: threads share the handles and take no lock.
#[derive(Debug)]
pub(crate) struct FilePool {
    files: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    size: u64,
    /// When it was opened.
    state: FileState,
    /// Beyond [`kept_open`], a file is opened for each read.
    handle: Option<File>,
}

impl FilePool {
    /// Opens the files in the given order. The error carries the number of the file that failed.
    pub(crate) fn open(paths: Vec<PathBuf>) -> Result<Self, (PathBuf, io::Error)> {
        let mut files = Vec::with_capacity(paths.len());
        let kept_open = kept_open();
        for (number, path) in paths.into_iter().enumerate() {
            let opened = open_file(&path).and_then(|file| Ok((file.metadata()?, file)));
            match opened {
                Ok((found, file)) => {
                    let (size, state) = (found.len(), FileState::of(&found));
                    files.push(Shard { path, size, state, handle: (number < kept_open).then_some(file) });
                }
                Err(error) => return Err((path, error)),
            }
        }
        Ok(Self { files })
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn path(&self, file: usize) -> &Path {
        &self.files[file].path
    }

    /// Size of a file in bytes when it was opened.
    pub(crate) fn size(&self, file: usize) -> u64 {
        self.files[file].size
    }

    /// The stamp of a part of a file; `None` where the file is not the one that was opened any more.
    pub(crate) fn stamp(&self, file: usize, part: [u64; 2]) -> Option<Stamp> {
        let shard = &self.files[file];
        let now = match &shard.handle {
            Some(handle) => handle.metadata().ok()?,
            None => fs_err::metadata(&shard.path).ok()?,
        };
        let name = shard.path.file_name().unwrap_or_default().as_encoded_bytes();
        (FileState::of(&now) == shard.state).then(|| Stamp::new(name, part, shard.state))
    }

    /// Fills `buffer` from `offset` on; less than that many bytes is an error.
    pub(crate) fn read_exact_at(&self, file: usize, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let shard = &self.files[file];
        match &shard.handle {
            Some(handle) => handle.read_exact_at(buffer, offset),
            None => open_file(&shard.path)?.read_exact_at(buffer, offset),
        }
    }
}

/// File names where they tell the archives apart, whole paths otherwise.
pub(crate) fn titles(files: &FilePool) -> Vec<String> {
    let paths = || (0..files.len()).map(|file| files.path(file));
    let names: Vec<String> =
        paths().map(|p| p.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let distinct: HashSet<&String> = names.iter().collect();
    if distinct.len() == names.len() { names } else { paths().map(|p| p.display().to_string()).collect() }
}

/// Opens a file to read. The callers' errors carry the path.
#[expect(
    clippy::disallowed_methods,
    reason = "the errors of this crate name the path, fs_err's would name it again"
)]
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A whole file.
#[expect(
    clippy::disallowed_methods,
    reason = "the errors of this crate name the path, fs_err's would name it again"
)]
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|source| DataError::read(path, source))
}

/// A whole image file, unless it is larger than any image that could be decoded.
///
/// # Errors
/// It cannot be read, or is too large: then nothing of it is read.
pub fn read_image(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::read(path, source);
    let too_large = |bytes| DataError::too_large_file(path.display(), bytes, MAX_FILE_BYTES);
    let file = open_file(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        return Err(too_large(size));
    }
    // The size is asked for before it is believed: a device has none, and a file may grow.
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Memory for an image of `size` bytes inside of a larger file, unless that is larger than any image that could be decoded.
pub(crate) fn room(path: impl FnOnce() -> String, size: u64) -> Result<Vec<u8>, DataError> {
    if size > MAX_FILE_BYTES {
        return Err(DataError::too_large_file(path(), size, MAX_FILE_BYTES));
    }
    Ok(vec![0; size as usize])
}
