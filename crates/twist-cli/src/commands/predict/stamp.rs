//! What tells an image from another one that had its name.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use twist_data::{Stored, content_key};
use twist_model::hex;

/// Of a file: its size in bytes, and when it was written last, in nanoseconds since 1970. A link stands for the file behind it.
pub(super) fn stamp_of_file(file: &Path) -> io::Result<String> {
    let found = fs_err::metadata(file)?;
    let written = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    Ok(format!("{} {written}", found.len()))
}

/// Of an image in an archive: a hash of its bytes. They are read anyway, to be written out.
pub(super) fn stamp_of_bytes(image: &Stored) -> String {
    hex(&content_key(image))
}
