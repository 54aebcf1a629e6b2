//! Files of lines that grow at their end.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use rustix::fs::OFlags;

use crate::error::IoError;
use crate::refused::Refused;

/// Opens the file at `path`, which is ours, to append lines to it; it is created if it is missing.
///
/// A process that was killed, or a full disk, leaves half a line; it is cut off, so that every line before and after it
/// stands by itself.
///
/// # Errors
/// It is a symbolic link; [`IoError::Os`] when the file cannot be opened or its half line not be removed.
pub fn append_lines(path: impl AsRef<Path>) -> Result<File, IoError> {
    let path = path.as_ref();
    let mut file = open_own(path, OpenOptions::new().read(true).append(true).create(true))?;
    let cut = end_of_last_line(&mut file).and_then(|whole| {
        let length = file.metadata()?.len();
        if whole < length { file.set_len(whole) } else { Ok(()) }
    });
    cut.map_err(|source| IoError::os("write", path, None, source))?;
    Ok(file)
}

/// Opens a file whose name is ours and not a user's: a symbolic link there leads to a file of somebody else, which is neither
/// written nor emptied.
///
/// # Errors
/// It is a symbolic link; [`IoError::Os`] for everything else.
pub fn open_own(path: impl AsRef<Path>, options: &mut OpenOptions) -> Result<File, IoError> {
    let path = path.as_ref();
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path).map_err(|source| {
        match fs_err::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => {
                let what = "is a symbolic link, and Twist does not write through links in its own folders";
                let remedy = "remove it, or put the file itself there";
                Refused::new(format!("{} {what}", path.display())).remedy(remedy).into()
            }
            _ => IoError::os("open", path, None, source),
        }
    })
}

/// Offset behind the last newline, found from the end.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = (end - start) as usize;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(newline) = block[..length].iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
