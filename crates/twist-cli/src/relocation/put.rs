//! One image gets another place, and what was there stays: nothing here overwrites or deletes what is not elsewhere already.

use std::fs::FileTimes;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use twist_io::AtomicFile;

/// A link to `from`.
pub(super) fn linked(from: &Path, to: &Path) -> anyhow::Result<()> {
    Ok(symlink(from, to)?)
}

/// Gives a link another place, unless something is there, where it leads to `target`: it may have been written from where it lay.
pub(super) fn moved_link(from: &Path, to: &Path, target: &Path) -> anyhow::Result<()> {
    // A call that was killed made the link already.
    if !fs_err::read_link(to).is_ok_and(|known| known == target) {
        symlink(target, to)?;
    }
    Ok(fs_err::remove_file(from)?)
}

/// Gives a file another place, unless something is there.
pub(super) fn moved(from: &Path, to: &Path) -> anyhow::Result<()> {
    if is_copied(from, to)? {
        return Ok(fs_err::remove_file(from)?);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Another file system, or one that cannot rename so.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            copied(from, to)?;
            Ok(fs_err::remove_file(from)?)
        }
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// A copy with the permissions and the time of the file, which has its name only when all of it is on the disk.
pub(super) fn copied(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut source = fs_err::File::open(from)?;
    let metadata = source.metadata()?;
    written(to, |out| {
        io::copy(&mut source, out)?;
        out.flush()?;
        let file = out.get_ref();
        file.set_permissions(metadata.permissions())?;
        // A file system without times is one that can lose them.
        let time = metadata.modified().map(|time| FileTimes::new().set_modified(time));
        time.map_or(Ok(()), |time| file.set_times(time))
    })
}

/// A file of these bytes, which has its name only when all of it is on the disk.
pub(super) fn written(
    to: &Path,
    write: impl FnOnce(&mut BufWriter<std::fs::File>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(to)?;
    file.write(write)?;
    Ok(file.finish_new()?)
}

/// Whether `to` is another file with the same bytes.
pub(crate) fn is_copied(from: &Path, to: &Path) -> io::Result<bool> {
    if !is_file(to) || !from.is_file() || from.metadata()?.len() != to.metadata()?.len() {
        return Ok(false);
    }
    let is_same = fs_err::canonicalize(from)? == fs_err::canonicalize(to)?;
    Ok(!is_same && fs_err::read(from)? == fs_err::read(to)?)
}

/// Whether `to` is a file with these bytes.
pub(super) fn holds(to: &Path, bytes: &[u8]) -> io::Result<bool> {
    Ok(is_file(to) && to.metadata()?.len() == bytes.len() as u64 && fs_err::read(to)? == bytes)
}

/// Whether a file, not a link to one, has this name.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|data| data.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn copies_never_replace_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs_err::write(path("a"), "a").unwrap();
        fs_err::write(path("b"), "b").unwrap();
        for attempt in [copied, moved, linked] {
            assert!(attempt(&path("a"), &path("b")).is_err());
            assert_eq!(fs_err::read(path("b")).unwrap(), b"b");
            assert_eq!(fs_err::read(path("a")).unwrap(), b"a");
        }
        copied(&path("a"), &path("c")).unwrap();
        moved(&path("c"), &path("d")).unwrap();
        assert_eq!(fs_err::read(path("d")).unwrap(), b"a");
        assert!(path("a").exists() && !path("c").exists());
        // As a call that was killed leaves it.
        fs_err::write(path("e"), "a").unwrap();
        moved(&path("e"), &path("d")).unwrap();
        assert!(!path("e").exists() && path("d").exists());
        symlink("d", path("link")).unwrap();
        symlink(path("d"), path("there")).unwrap();
        assert!(moved_link(&path("link"), &path("there"), &path("other")).is_err(), "another link is there");
        moved_link(&path("link"), &path("there"), &path("d")).unwrap();
        assert!(!path("link").is_symlink() && path("there").is_file());
    }

    #[test]
    fn a_copy_keeps_permissions_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs_err::write(&from, "a").unwrap();
        fs_err::set_permissions(&from, PermissionsExt::from_mode(0o640)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let file = fs_err::OpenOptions::new().write(true).open(&from).unwrap();
        file.file().set_times(FileTimes::new().set_modified(time)).unwrap();
        copied(&from, &to).unwrap();
        let metadata = to.metadata().unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.modified().unwrap()), (0o640, time));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn copies_are_known_by_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a", "one"), ("same", "one"), ("other", "two")] {
            fs_err::write(path(name), bytes).unwrap();
        }
        symlink(path("a"), path("link")).unwrap();
        let is = |to: &str| is_copied(&path("a"), &path(to)).unwrap();
        assert!(is("same"));
        assert!(!is("other") && !is("link") && !is("a") && !is("none"));
        assert!(is_copied(&path("link"), &path("same")).unwrap(), "what a link leads to");
        assert!(holds(&path("a"), b"one").unwrap() && !holds(&path("a"), b"two").unwrap());
        assert!(!holds(&path("link"), b"one").unwrap());
    }
}
