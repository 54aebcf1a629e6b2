//! Serialises changes of files that several processes read, change and write.

use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::atomic::folder_of;
use crate::error::IoError;
use crate::refused::Refused;

/// A change takes milliseconds: a process that holds the lock for longer than this is doing something else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Held while a file is read, changed and written, so that no other process changes it in between.
///
/// The lock is the kernel's (`flock`), on the folder of the file: nothing is left behind by a process that was killed, and
/// a file that is replaced by another of its name is locked as before. A second lock of the same folder waits, in another
/// thread of this process too; so take one at a time and keep it for a moment only. On a file system without locks it
/// keeps nobody out.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("count.txt");
/// let lock = twist_io::UpdateLock::of(&path)?;
/// let count: u32 = std::fs::read_to_string(&path).unwrap_or_default().parse().unwrap_or(0);
/// twist_io::write_atomic(&path, |file| std::io::Write::write_all(file, (count + 1).to_string().as_bytes()))?;
/// drop(lock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is held while this value lives"]
pub struct UpdateLock {
    _folder: fs::File,
}

impl UpdateLock {
    /// Waits until nobody else changes a file of the folder of `path`, which need not exist yet.
    ///
    /// # Errors
    /// The folder cannot be opened; somebody holds it for half a minute.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, IoError> {
        let folder = folder_of(path.as_ref());
        let opened = fs::File::open(folder).map_err(|source| IoError::os("open", folder, None, source))?;
        let began = Instant::now();
        loop {
            match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if began.elapsed() > PATIENCE => {
                    let folder = folder.display();
                    let what = format!(
                        "another process has been working in {folder} for half a minute, so nothing was changed"
                    );
                    return Err(Refused::new(what).remedy("wait until it ends, then try again").into());
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(Duration::from_millis(2)),
                // A file system without locks refuses; the change is then made without a lock.
                Ok(()) | Err(_) => return Ok(Self { _folder: opened }),
            }
        }
    }
}
