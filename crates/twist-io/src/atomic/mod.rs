//! Files and folders that appear whole or not at all.

mod ending;
mod folder;
mod leftovers;
mod second_name;
mod target;
mod unfinished;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub use self::ending::remove_unfinished;
pub use self::folder::write_folder;
pub use self::leftovers::{remove_leftovers, remove_leftovers_of};
pub use self::second_name::second_name;
pub(crate) use self::target::folder_of;
pub use self::target::{check_place, followed};
use serde::Serialize;

use self::unfinished::Unfinished;
use crate::error::IoError;

/// Writes a file through `write`, so that `path` is at every moment either what it was before or complete.
///
/// The bytes go to a file beside it, which is flushed to the disk and renamed; then the folder is flushed, so that
/// the new name survives a power failure too. A failure removes the unfinished file. A link of this name is replaced, not
/// followed, so that a folder from elsewhere cannot redirect writes to other places ([`followed`] follows links
/// that a user means). A device or a pipe of the system (`/dev/null`, `/dev/stdout`) is written to as it is; any other one in the
/// place of the file is an error, before it is opened.
///
/// # Errors
/// [`IoError::StorageFull`] if the disk is full, [`IoError::Os`] for everything else, `write`'s own errors included.
pub fn write_atomic(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), IoError> {
    write_sized(path.as_ref(), None, write)
}

/// Writes `value` as JSON that people can read, as [`write_atomic`] does.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<(), IoError> {
    write_atomic(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}

/// As [`write_atomic`], with the size that a "disk full" message tells.
pub(crate) fn write_sized(
    path: &Path,
    size: Option<u64>,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), IoError> {
    replace(path, write).map_err(|source| IoError::os("write", path, size, source))
}

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = Unfinished::of(path)?;
    write(&mut unfinished.writer)?;
    unfinished.finish(path)
}

/// A file that is written bit by bit and appears under its name when it is [finished](AtomicFile::finish); dropped
/// before, it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    unfinished: Unfinished,
}

impl AtomicFile {
    /// Begins a file that will be called `path`; links, devices and pipes are met as by [`write_atomic`].
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref().to_owned();
        match Unfinished::of(&path) {
            Ok(unfinished) => Ok(Self { path, unfinished }),
            Err(source) => Err(IoError::os("write", &path, None, source)),
        }
    }

    /// Writes more of it.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn write<T>(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
    ) -> Result<T, IoError> {
        write(&mut self.unfinished.writer).map_err(|source| IoError::os("write", &self.path, None, source))
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes what is written to the disk, so that only the name is missing: where several files belong together, none gets its name
    /// before all of them have room.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn seal(&mut self) -> Result<(), IoError> {
        self.unfinished.seal().map_err(|source| IoError::os("write", &self.path, None, source))
    }

    /// Flushes the file to the disk and gives it its name.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn finish(self) -> Result<(), IoError> {
        let Self { path, unfinished } = self;
        unfinished.finish(&path).map_err(|source| IoError::os("write", &path, None, source))
    }

    /// As [`AtomicFile::finish`], where nothing may have the name yet.
    ///
    /// # Errors
    /// As [`write_atomic`], and [`io::ErrorKind::AlreadyExists`] where something has the name: it stays as it is.
    pub fn finish_new(self) -> Result<(), IoError> {
        let Self { path, unfinished } = self;
        unfinished.finish_new(&path).map_err(|source| IoError::os("write", &path, None, source))
    }
}
