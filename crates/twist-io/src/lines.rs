//! Files of lines that grow at their end.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use rustix::fs::OFlags;

use crate::error::IoError;
use crate::refused::Refused;
use crate::regular::regular;

/// Longest line that is looked for, in bytes: an evaluation has some thousand.
const LONGEST_LINE: u64 = 1 << 24;

/// Opens the file at `path`, which is ours, to append lines to it; it is created if it is missing.
///
/// A process that was killed, or a full disk, leaves half a line; it is cut off, so that every line before and after it
/// stands by itself.
///
/// # Errors
/// It is a symbolic link; [`IoError::Os`] when the file cannot be opened, has no line where one must end, or its half line cannot
/// be removed.
pub fn append_lines(path: impl AsRef<Path>) -> Result<File, IoError> {
    let path = path.as_ref();
    let mut file = open_own(path, OpenOptions::new().read(true).append(true).create(true))?;
    let length = file.metadata().map_err(|source| IoError::os("read", path, None, source))?.len();
    let cut = end_of_last_line(&mut file).and_then(|whole| match whole {
        None => Err(io::Error::other("it does not consist of lines; move it away")),
        Some(whole) if whole < length => file.set_len(whole),
        Some(_) => Ok(()),
    });
    cut.map_err(|source| IoError::os("write", path, None, source))?;
    Ok(file)
}

/// Opens a file whose name is ours and not a user's: a symbolic link there leads to a file of somebody else, which is neither
/// written nor emptied.
///
/// # Errors
/// It is a symbolic link; [`IoError::Os`] for everything else, a pipe or a device among it.
pub fn open_own(path: impl AsRef<Path>, options: &mut OpenOptions) -> Result<File, IoError> {
    let path = path.as_ref();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.custom_flags(flags.bits() as i32).open(path).and_then(regular);
    opened.map_err(|source| match fs_err::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            let what = "is a symbolic link, and Twist does not write through links in its own folders";
            let remedy = "remove it, or put the file itself there";
            Refused::new(format!("{} {what}", path.display())).remedy(remedy).into()
        }
        _ => IoError::os("open", path, None, source),
    })
}

/// Offset behind the last newline, found from the end; `None` where the last [`LONGEST_LINE`] bytes have none.
fn end_of_last_line(file: &mut File) -> io::Result<Option<u64>> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let least = end.saturating_sub(LONGEST_LINE);
    let mut block = [0u8; 4096];
    while end > least {
        let start = end.saturating_sub(block.len() as u64);
        let length = (end - start) as usize;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(newline) = block[..length].iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(start + newline as u64 + 1));
        }
        end = start;
    }
    Ok((least == 0).then_some(0))
}
