//! One call at a time for a folder that images are sorted into.

use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use twist_io::Refused;

/// Held while a call sorts images into a folder. The lock is the kernel's, on the folder itself: it leaves no file, and it is gone when
/// the process ends. A file system without locks keeps nobody out.
#[derive(Debug)]
pub(super) struct FolderLock {
    _folder: fs_err::File,
    /// The folder that was made for it.
    made: Option<PathBuf>,
}

impl FolderLock {
    /// # Errors
    /// Another call works in the folder; it cannot be opened.
    pub(super) fn take(folder: &Path) -> anyhow::Result<Self> {
        let opened = fs_err::File::open(folder)?;
        if flock(&opened, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            let what = format!("another command is sorting images into {}", folder.display());
            return Err(Refused::new(what).remedy("wait until it ends, then call this one again").into());
        }
        Ok(Self { _folder: opened, made: None })
    }

    /// As [`FolderLock::take`], for a folder that does not exist yet. If nothing is put into it, it goes with the lock.
    ///
    /// # Errors
    /// As [`FolderLock::take`]; it cannot be made.
    pub(super) fn take_new(folder: &Path) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let mut lock = Self::take(folder)?;
        lock.made = Some(folder.to_owned());
        Ok(lock)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A folder with files in it stays.
        self.made.iter().for_each(|folder| drop(fs_err::remove_dir(folder)));
    }
}
