//! What a process has to remove before a signal ends it: no destructor runs then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fs_err as fs;

/// Files and folders of this process that have no name yet.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn change<T>(change: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    change(&mut UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// An unfinished file or folder, for as long as this lives.
#[derive(Debug)]
pub(super) struct Listed(PathBuf);

impl Listed {
    pub(super) fn new(path: &Path) -> Self {
        // A path from the root on holds in any working directory.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        change(|listed| listed.insert(path.clone()));
        Self(path)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        change(|listed| listed.remove(&self.0));
    }
}

/// Removes what this process has written and not finished. To be called right before the process ends: what is written afterwards
/// may be lost, and gets no name.
pub fn remove_unfinished() {
    for path in change(std::mem::take) {
        // What has got its name meanwhile is not there any more.
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
}
