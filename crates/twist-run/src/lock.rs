//! One process per run folder.

use std::io::{Seek, Write};
use std::path::Path;

use fs_err::{File, OpenOptions};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use twist_io::{Refused, open_own, read_small_text};

use crate::{RunError, files};

/// Holds the lock of a run folder while it lives.
///
/// The lock is the kernel's (`flock`), not a file's existence: when the process ends, however it ends, the lock is
/// gone, so a file that a killed run left behind does not matter. Two things are locked: `twist.lock`, which works on file
/// systems that lock no folders and holds the process id for the error message; and the folder `checkpoints`, so that a
/// second process stays outside when somebody has removed `twist.lock`.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
    _checkpoints: File,
    /// Whether the lock keeps others out; a file system without locks gives none.
    pub(crate) is_held: bool,
}

impl RunLock {
    /// Takes the lock of `folder`, in which `checkpoints` must exist.
    ///
    /// # Errors
    /// Another process works on the run; its id is said.
    pub(crate) fn take(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(files::LOCK);
        let busy = || {
            let text = read_small_text(&path).ok();
            let pid: Option<u32> = text.and_then(|text| text.trim().parse().ok());
            let (who, stop) = match pid {
                Some(pid) => (format!("process {pid}"), format!("stop it with `kill {pid}`")),
                None => ("another process".into(), "stop it".into()),
            };
            let remedy = format!("wait for it, {stop}, or name another folder with --out");
            Refused::new(folder.display().to_string())
                .because(format!("{who} is working on this run"))
                .remedy(remedy)
        };
        let checkpoints = File::open(folder.join(files::CHECKPOINTS))?;
        let folder_is_held = is_held(flock(&checkpoints, FlockOperation::NonBlockingLockExclusive));
        let folder_is_held = folder_is_held.ok_or_else(busy)?;
        let mut file = open_own(&path, OpenOptions::new().write(true).create(true).truncate(false))?;
        let file_is_held =
            is_held(flock(&file, FlockOperation::NonBlockingLockExclusive)).ok_or_else(busy)?;
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { _file: file, _checkpoints: checkpoints, is_held: folder_is_held || file_is_held })
    }
}

/// Whether a lock was given; `None` when another process has it. Any other refusal is that of a file system without locks.
fn is_held(result: Result<(), Errno>) -> Option<bool> {
    match result {
        Ok(()) => Some(true),
        Err(Errno::WOULDBLOCK) => None,
        Err(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join(files::CHECKPOINTS)).unwrap();
        folder
    }

    #[test]
    fn the_second_is_refused_with_the_pid_until_the_first_is_gone() {
        let folder = folder();
        let first = RunLock::take(folder.path()).unwrap();
        assert!(first.is_held);
        let message = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {} ", std::process::id())), "{message}");
        drop(first);
        RunLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_removed_file_lets_nobody_in() {
        let folder = folder();
        let first = RunLock::take(folder.path()).unwrap();
        fs_err::remove_file(folder.path().join(files::LOCK)).unwrap();
        let message = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains("another process is working on this run"), "{message}");
        assert!(!folder.path().join(files::LOCK).exists(), "the refused one leaves nothing");
        drop(first);
        RunLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_stale_file_is_no_obstacle() {
        let folder = folder();
        fs_err::write(folder.path().join(files::LOCK), "4194304999\nand more text than a pid has").unwrap();
        let _lock = RunLock::take(folder.path()).unwrap();
        let pid = fs_err::read_to_string(folder.path().join(files::LOCK)).unwrap();
        assert_eq!(pid.trim(), std::process::id().to_string());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = folder();
        let diary = folder.path().join("diary.txt");
        fs_err::write(&diary, "dear diary").unwrap();
        std::os::unix::fs::symlink(&diary, folder.path().join(files::LOCK)).unwrap();
        let message = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains("symbolic link"), "{message}");
        assert_eq!(fs_err::read_to_string(diary).unwrap(), "dear diary");
    }

    #[test]
    fn only_a_lock_of_another_process_is_a_refusal() {
        assert_eq!(is_held(Ok(())), Some(true));
        assert_eq!(is_held(Err(Errno::WOULDBLOCK)), None);
        // What NFS without a lock daemon, a folder on NFS and other network file systems say.
        for error in [Errno::NOLCK, Errno::BADF, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL] {
            assert_eq!(is_held(Err(error)), Some(false), "{error}");
        }
    }
}
