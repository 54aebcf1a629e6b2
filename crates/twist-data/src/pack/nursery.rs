//! The hidden folder in which shards grow, and from which all of them get their names or none.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fs_err::File;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::error::DataError;

/// Its name begins so.
const PREFIX: &str = ".packing-";
/// The file in it that lists the shards while they get their names: one line `INODE NAME` each.
const PUBLISHING: &str = "publishing";

/// A folder beside the shards to be, locked while this process packs, so that the next one can tell what a killed one left.
/// Dropping it removes it.
pub(super) struct Nursery {
    folder: TempDir,
    _lock: File,
}

impl Nursery {
    /// Makes one in `folder`, after what killed processes left there is gone.
    pub(super) fn in_folder(folder: &Path) -> Result<Self, DataError> {
        let write = |source| DataError::write(folder, source);
        remove_abandoned(folder).map_err(write)?;
        loop {
            let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder).map_err(write)?;
            // Somebody may have taken it for abandoned before it was locked.
            let lock = match File::open(made.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(write)?,
            };
            // A file system without locks has no abandoned ones.
            let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
            if made.path().is_dir() {
                return Ok(Self { folder: made, _lock: lock });
            }
        }
    }

    /// The file of a shard while it grows.
    pub(super) fn place(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.tar"))
    }

    /// Notes that the files at these places are about to get these names: a process that is killed before all have theirs
    /// leaves a part of a data set, which the next one removes by this list.
    pub(super) fn will_publish<'a>(
        &self,
        shards: impl Iterator<Item = (&'a Path, &'a Path)>,
    ) -> io::Result<()> {
        let mut list = File::create(self.folder.path().join(PUBLISHING))?;
        for (place, path) in shards {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            writeln!(list, "{} {name}", fs_err::metadata(place)?.ino())?;
        }
        list.sync_all()
    }
}

/// Removes the hidden folders of processes that were killed, with the shards of a set that is not complete.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(opened) = File::open(entry.path()) else { continue };
        if flock(&opened, FlockOperation::NonBlockingLockExclusive).is_ok() {
            take_back(folder, &entry.path())?;
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Removes what was published of a set of which a part still lies in the nursery. Whatever else has such a name by now is
/// another file, and stays.
fn take_back(folder: &Path, nursery: &Path) -> io::Result<()> {
    let list = fs_err::read_to_string(nursery.join(PUBLISHING)).unwrap_or_default();
    let waits = fs_err::read_dir(nursery)?
        .any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "tar")));
    if !waits {
        return Ok(());
    }
    for (inode, name) in list.lines().filter_map(|line| line.split_once(' ')) {
        let path = folder.join(name);
        if fs_err::symlink_metadata(&path).is_ok_and(|found| inode == found.ino().to_string()) {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}
