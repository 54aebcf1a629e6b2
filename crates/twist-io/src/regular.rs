//! Opening files that may come from elsewhere.
//!
//! A run folder that somebody sends can hold a pipe that never says anything, a link to a device that never ends, or a file
//! that is mostly a hole. None of them may hold a command up or fill the memory.

use std::io::{self, Read};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use rustix::fs::OFlags;

/// Most bytes of a file that is read whole: a log, a table of labels, a recipe. No run has written as much.
const MOST_BYTES: u64 = 1 << 28;

/// Opens a file to read, through links. A pipe or a device is refused, without waiting for it.
///
/// # Errors
/// As the operating system says, with the path; [`io::ErrorKind::InvalidInput`] for what is not a file.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    regular(OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)?)
}

/// A file that was opened, unless it is a pipe or a device.
pub(crate) fn regular(file: File) -> io::Result<File> {
    let kind = file.metadata()?.file_type();
    // Reading a folder fails by itself, in words of its own.
    if kind.is_file() || kind.is_dir() {
        return Ok(file);
    }
    Err(refused(file.path(), "it is a pipe or a device, not a file; replace or remove it"))
}

/// All bytes of a file that is small where nobody meddled with it.
///
/// # Errors
/// As [`open_regular`]; [`io::ErrorKind::InvalidInput`] for more than 256 MiB, before memory is taken.
pub fn read_small(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let mut file = open_regular(path)?;
    let too_large = |length: u64| {
        let (length, most) = (length.div_ceil(1 << 20), MOST_BYTES >> 20);
        refused(
            path,
            &format!("it has {length} MiB, and at most {most} are read; it is not what its name says"),
        )
    };
    let length = file.metadata()?.len();
    if length > MOST_BYTES {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // It may grow meanwhile.
    file.by_ref().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// As [`read_small`]; `None` where there is no file.
///
/// # Errors
/// As [`read_small`], but for a file that is not there.
pub fn read_if_there(path: impl AsRef<Path>) -> io::Result<Option<Vec<u8>>> {
    match read_small(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`read_small`], for text.
///
/// # Errors
/// As [`read_small`]; [`io::ErrorKind::InvalidInput`] for bytes that are not UTF-8.
pub fn read_small_text(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref();
    String::from_utf8(read_small(path)?).map_err(|_| refused(path, "it is damaged: it is not UTF-8 text"))
}

/// An error in the words of `fs_err`, which callers that name the path themselves know how to shorten.
fn refused(path: &Path, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("cannot read `{}`: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_not_a_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs_err::write(path("a.txt"), "words").unwrap();
        fs_err::os::unix::fs::symlink("a.txt", path("link")).unwrap();
        assert_eq!(read_small_text(path("link")).unwrap(), "words");
        fs_err::write(path("b.txt"), b"\xff").unwrap();
        assert!(read_small_text(path("b.txt")).unwrap_err().to_string().contains("b.txt`: it is damaged"));

        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        fs_err::os::unix::fs::symlink("/dev/zero", path("endless")).unwrap();
        for name in ["pipe", "endless"] {
            let error = read_small(path(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(name), "{error}");
        }
        let hole = fs_err::File::create(path("hole")).unwrap();
        hole.set_len(1 << 40).unwrap();
        let error = read_small(path("hole")).unwrap_err();
        assert!(error.to_string().contains("hole`: it has 1048576 MiB, and at most 256"), "{error}");
        assert_eq!(read_small(path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read_small(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
