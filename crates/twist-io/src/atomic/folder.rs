//! Folders that appear whole or not at all.

use std::io;
use std::path::Path;

use fs_err as fs;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::ending::Listed;
use super::target::folder_of;
use super::unfinished::SUFFIX;
use crate::error::IoError;

/// Writes a folder through `write`, which fills an empty folder beside it, so that `path` is at every moment either what it was
/// before or complete. A folder that is there already is replaced. A failure leaves nothing.
///
/// # Errors
/// Those of `write`; the folder cannot be made, or something else than a folder is there.
pub fn write_folder<E: From<IoError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| IoError::os("write", path, None, source);
    let unfinished = unfinished(path).map_err(failed)?;
    let _listed = Listed::new(unfinished.path());
    write(unfinished.path())?;
    Ok(finish(unfinished, path).map_err(failed)?)
}

/// An empty folder in that of `path`.
fn unfinished(path: &Path) -> io::Result<tempfile::TempDir> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no folder"))?
        .to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777)); // the umask takes its share
    builder.tempdir_in(folder_of(path))
}

/// Gives a folder its name; the one that had it before is removed.
fn finish(unfinished: tempfile::TempDir, path: &Path) -> io::Result<()> {
    fs::File::open(unfinished.path())?.sync_all()?;
    if path.is_dir() {
        renameat_with(CWD, unfinished.path(), CWD, path, RenameFlags::EXCHANGE)?;
        unfinished.close()?;
    } else {
        renameat_with(CWD, unfinished.path(), CWD, path, RenameFlags::NOREPLACE)?;
        // Under its old name there is nothing to remove.
        let _ = unfinished.keep();
    }
    fs::File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(folder: &Path, text: &str) -> Result<(), IoError> {
        fs::write(folder.join("a"), text).map_err(|source| IoError::os("write", folder, None, source))
    }

    #[test]
    fn a_folder_is_replaced_as_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model");
        write_folder(&path, |folder| {
            assert!(!path.exists());
            fill(folder, "one")
        })
        .unwrap();
        fs::write(path.join("b"), "old").unwrap();
        write_folder(&path, |folder| fill(folder, "two")).unwrap();
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "two");
        assert!(!path.join("b").exists());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model");
        let failing = |folder: &Path| {
            fill(folder, "half")?;
            Err(IoError::from(crate::Refused::new("no")))
        };
        assert!(write_folder(&path, failing).is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        fs::write(&path, "a file").unwrap();
        assert!(write_folder(&path, |folder| fill(folder, "two")).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
