//! A file before it gets its name.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{FlockOperation, OFlags, fcntl_getfl, fcntl_setfl, flock, fstat};
use rustix::io::Errno;
use tempfile::TempPath;

use super::ending::Listed;
use super::target::{check_place, folder_of, takes_bytes};

/// Ending of unfinished files, so that those of a killed process can be told from everything else.
pub(super) const SUFFIX: &str = ".twist-tmp";

/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;

/// Takes the bytes of a file; dropping it removes them.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) writer: BufWriter<File>,
    /// `None` for a device, which has its name already.
    name: Option<(TempPath, Listed)>,
}

impl Unfinished {
    /// A new file in the folder of `path`, or the device or pipe that `path` is.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        if takes_bytes(path) {
            // Without waiting for a reader of a pipe that has gone; writing waits for one that is slow.
            let flags = OFlags::NONBLOCK.bits() as i32;
            let device = fs::OpenOptions::new().write(true).custom_flags(flags).open(path)?.into_file();
            fcntl_setfl(&device, fcntl_getfl(&device)? - OFlags::NONBLOCK)?;
            return Ok(Self { writer: BufWriter::with_capacity(BUFFER, device), name: None });
        }
        check_place(path)?;
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
            .to_string_lossy();
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // the umask takes its share
        loop {
            let (file, name) = builder.tempfile_in(folder_of(path))?.into_parts();
            if is_ours(&file) {
                let listed = Listed::new(&name);
                return Ok(Self {
                    writer: BufWriter::with_capacity(BUFFER, file),
                    name: Some((name, listed)),
                });
            }
        }
    }

    /// Flushes it to the disk; a device has no disk.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        if self.name.is_some() { self.writer.get_ref().sync_all() } else { Ok(()) }
    }

    /// Gives it its name, in the place of what had it before.
    pub(super) fn finish(self, path: &Path) -> io::Result<()> {
        self.named(path, |name| name.persist(path))
    }

    /// Gives it its name, unless something has it.
    pub(super) fn finish_new(self, path: &Path) -> io::Result<()> {
        self.named(path, |name| name.persist_noclobber(path))
    }

    fn named(
        mut self,
        path: &Path,
        persist: impl FnOnce(TempPath) -> Result<(), tempfile::PathPersistError>,
    ) -> io::Result<()> {
        self.seal()?;
        let Self { writer, name } = self;
        let Some((name, _listed)) = name else { return Ok(()) };
        persist(name).map_err(|failed| failed.error)?;
        drop(writer); // and with it the lock, which is needed as long as the file has its unfinished name
        fs::File::open(folder_of(path))?.sync_all()
    }
}

/// Locks a new file while this process lives, so that nobody takes it for a leftover. False when somebody did so before it
/// was locked. A file system without locks refuses it, and there nobody gets the lock that says the file is a leftover.
fn is_ours(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(error) => error != Errno::WOULDBLOCK,
        Ok(()) => fstat(file).map_or(true, |found| found.st_nlink > 0),
    }
}
