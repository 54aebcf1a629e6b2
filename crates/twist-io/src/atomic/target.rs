//! Resolves the path to write to.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Links that lead from one to the next at most, as in the kernel.
const MOST_LINKS: usize = 40;

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether bytes written to `path` go through it, as with `/dev/null`, `/dev/stdout` and the pipe of `>(PROGRAM)`: a device or a
/// pipe that has its name from the system.
pub(super) fn takes_bytes(path: &Path) -> bool {
    let of_system = fs::canonicalize(folder_of(path))
        .is_ok_and(|folder| ["/dev", "/proc"].iter().any(|system| folder.starts_with(system)));
    of_system
        && fs::metadata(path)
            .is_ok_and(|found| found.file_type().is_char_device() || found.file_type().is_fifo())
}

/// Checks that a file called `path` would take the place of a file, of a link or of nothing, unless `path` is a device or a pipe of
/// the system. A pipe in a folder would hold up whoever opens it.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`], with the remedy and without the path.
pub fn check_place(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    // A folder cannot be replaced, which is said in the system's words.
    if found.is_file() || found.is_symlink() || found.is_dir() || takes_bytes(path) {
        return Ok(());
    }
    let what = "it is a pipe, a socket or a device, and a file belongs there: remove it, or give another name (/dev/stdout and \
                >(PROGRAM) lead to other programs)";
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
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
