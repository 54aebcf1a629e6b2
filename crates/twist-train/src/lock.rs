//! One process per run folder.

use std::io::{Read, Seek, Write};
use std::path::Path;

use fs_err::{File, OpenOptions};
use rustix::fs::{FlockOperation, flock};

use crate::TrainError;

/// Holds `twist.lock` of a run folder while it lives.
///
/// The lock is the kernel's (`flock`), not the file's existence: when the process ends, however it ends, the lock is
/// gone, so a file left behind by a killed run is no obstacle. The file holds the process id for the error message.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of `folder`, which must exist.
    ///
    /// # Errors
    /// [`TrainError::Locked`] with the other process's id when the run is being worked on.
    pub fn take(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join("twist.lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        if flock(file.file(), FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            return Err(TrainError::Locked { path: folder.into(), pid: pid.trim().into() });
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_pid_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunLock::take(folder.path()).unwrap();
        let message = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {} ", std::process::id())), "{message}");
        drop(first);
        RunLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_stale_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("twist.lock"), "4194304999\nand more text than a pid has").unwrap();
        let _lock = RunLock::take(folder.path()).unwrap();
        let pid = fs_err::read_to_string(folder.path().join("twist.lock")).unwrap();
        assert_eq!(pid.trim(), std::process::id().to_string());
    }
}
