//! Unfinished files of killed processes.

use std::path::Path;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use super::target::folder_of;
use super::unfinished::SUFFIX;
use crate::error::IoError;

/// Removes what killed processes left unfinished of the file `path`, and says how many files that were. What a living
/// process writes stays.
///
/// # Errors
/// [`IoError::Os`] when the folder cannot be listed or a file not removed.
pub fn remove_leftovers_of(path: impl AsRef<Path>) -> Result<usize, IoError> {
    let path = path.as_ref();
    let Some(name) = path.file_name() else { return Ok(0) };
    let start = format!(".{}.", name.to_string_lossy());
    remove_abandoned(folder_of(path), |name| {
        let random = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(SUFFIX));
        random.is_some_and(|random| !random.contains('.'))
    })
}

/// Removes what killed processes left unfinished in `folder`, and says how many files that were. What a living process
/// writes stays.
///
/// # Errors
/// [`IoError::Os`] when the folder cannot be listed or a file not removed.
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<usize, IoError> {
    remove_abandoned(folder.as_ref(), |name| name.starts_with('.') && name.ends_with(SUFFIX))
}

/// Removes the files of `folder` whose name `is_ours` and that no process holds the lock of.
fn remove_abandoned(folder: &Path, is_ours: impl Fn(&str) -> bool) -> Result<usize, IoError> {
    let list = |source| IoError::os("list", folder, None, source);
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(list)? {
        let entry = entry.map_err(list)?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !is_ours(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // The lock is held until the file is gone, so that a process that has just made it notices.
        let path = entry.path();
        let Ok(file) = fs::File::open(&path) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_file(&path).map_err(|source| IoError::os("remove", &path, None, source))?;
            removed += 1;
        }
    }
    Ok(removed)
}
