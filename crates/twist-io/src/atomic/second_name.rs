//! One file under two names.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use super::target::{check_place, folder_of};
use super::unfinished::SUFFIX;
use super::write_atomic;
use crate::error::IoError;

/// Gives the file `from` the second name `to` in the same folder, so that `to` is at every moment either what it was before or
/// the whole file: by a hard link, or by a copy where the file system has no links.
///
/// # Errors
/// As [`write_atomic`].
pub fn second_name(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), IoError> {
    let (from, to) = (from.as_ref(), to.as_ref());
    match linked(from, to).map_err(|source| IoError::os("write", to, None, source))? {
        true => Ok(()),
        false => write_atomic(to, |file| io::copy(&mut fs::File::open(from)?, file).map(drop)),
    }
}

/// Whether there could be a link.
fn linked(from: &Path, to: &Path) -> io::Result<bool> {
    let original = fs::File::open(from)?;
    // A name of the same file is left alone by a rename, and the unfinished one would stay.
    if is_same(&original, to)? {
        return Ok(true);
    }
    check_place(to)?;
    // As for every unfinished file: nobody takes it for a leftover.
    let _ = flock(&original, FlockOperation::NonBlockingLockExclusive);
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    let link = builder
        .prefix(&prefix)
        .suffix(SUFFIX)
        .make_in(folder_of(to), |unfinished| fs::hard_link(from, unfinished));
    let Ok(link) = link else { return Ok(false) };
    link.into_temp_path().persist(to).map_err(|failed| failed.error)?;
    fs::File::open(folder_of(to))?.sync_all()?;
    Ok(true)
}

fn is_same(original: &fs::File, to: &Path) -> io::Result<bool> {
    let Ok(other) = fs::symlink_metadata(to) else { return Ok(false) };
    let original = original.metadata()?;
    Ok((original.dev(), original.ino()) == (other.dev(), other.ino()))
}
