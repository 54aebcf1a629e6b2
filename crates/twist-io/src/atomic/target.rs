//! Resolves the path to write to.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Links that lead from one to the next at most, as in the kernel.
const MOST_LINKS: usize = 40;

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether bytes written to `path` go through it, as with `/dev/null` and `/dev/stdout`: nothing can take its place.
pub(super) fn takes_bytes(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_char_device() || found.file_type().is_fifo())
}

/// The file that `path` leads to when it is a symbolic link, there or not yet; else `path` itself. For a name that a user
/// gave: the file behind the link is what is to be written, not the link.
pub fn followed(path: impl AsRef<Path>) -> PathBuf {
    let mut path = path.as_ref().to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // A pipe or a terminal has no name to write beside.
            Ok(target) if !takes_bytes(&path) => path = folder_of(&path).join(target),
            _ => break,
        }
    }
    path
}
