//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use crate::error::IoError;

/// Ending of unfinished files, so that those of a killed process can be told from everything else.
const SUFFIX: &str = ".twist-tmp";

/// Writes a file through `write`, so that `path` is at every moment either what it was before or complete.
///
/// The bytes go to a file beside it, which is flushed to the disk and renamed; then the folder is flushed, so that
/// the new name survives a power failure too. A failure removes the unfinished file.
///
/// # Errors
/// [`IoError::StorageFull`] when there is no room, [`IoError::Os`] for everything else, `write`'s own errors included.
pub fn write_atomic(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), IoError> {
    write_sized(path.as_ref(), None, write)
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
    let mut unfinished = Unfinished::beside(path)?;
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
    /// Begins a file that will be called `path`.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let path = path.as_ref().to_owned();
        match Unfinished::beside(&path) {
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

    /// Flushes the file to the disk and gives it its name.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn finish(self) -> Result<(), IoError> {
        let Self { path, unfinished } = self;
        unfinished.finish(&path).map_err(|source| IoError::os("write", &path, None, source))
    }
}

/// A file without its name yet; dropping it removes it.
#[derive(Debug)]
struct Unfinished {
    writer: BufWriter<File>,
    name: tempfile::TempPath,
}

impl Unfinished {
    /// A new file in the folder of `path`.
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
            .to_string_lossy();
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // the umask takes its share
        let (file, name) = builder.tempfile_in(folder_of(path))?.into_parts();
        // Held while this process lives, so that nobody takes the file for a leftover. A file system without locks
        // refuses it, and there nobody gets the lock that says the file is one.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { writer: BufWriter::with_capacity(1 << 20, file), name })
    }

    fn finish(self, path: &Path) -> io::Result<()> {
        let Self { mut writer, name } = self;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        drop(writer);
        name.persist(path).map_err(|failed| failed.error)?;
        fs::File::open(folder_of(path))?.sync_all()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes what killed processes left unfinished of the file `path`, and says how many files that were. What a living
/// process writes stays.
///
/// # Errors
/// [`IoError::Os`] when the folder cannot be listed or a file not removed.
pub fn remove_leftovers_of(path: impl AsRef<Path>) -> Result<usize, IoError> {
    let path = path.as_ref();
    let Some(name) = path.file_name() else { return Ok(0) };
    let start = format!(".{}.", name.to_string_lossy());
    remove_unfinished(folder_of(path), |unfinished, name| {
        let random = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(SUFFIX));
        random.is_some_and(|random| !random.contains('.')) && is_abandoned(unfinished)
    })
}

/// Whether no process holds the lock of an unfinished file.
fn is_abandoned(path: &Path) -> bool {
    let file = fs::File::open(path);
    file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// Removes what killed processes left unfinished in `folder`, and says how many files that were.
///
/// Call it only when nobody else can be writing there, as the holder of a run folder's lock knows.
///
/// # Errors
/// [`IoError::Os`] when the folder cannot be listed or a file not removed.
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<usize, IoError> {
    remove_unfinished(folder.as_ref(), |_, name| name.starts_with('.') && name.ends_with(SUFFIX))
}

/// Removes the files of `folder` that `is_ours` says so of, by path and name.
fn remove_unfinished(folder: &Path, is_ours: impl Fn(&Path, &str) -> bool) -> Result<usize, IoError> {
    let list = |source| IoError::os("list", folder, None, source);
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(list)? {
        let entry = entry.map_err(list)?;
        let name = entry.file_name();
        let path = entry.path();
        if is_ours(&path, &name.to_string_lossy()) {
            fs::remove_file(&path).map_err(|source| IoError::os("remove", &path, None, source))?;
            removed += 1;
        }
    }
    Ok(removed)
}
