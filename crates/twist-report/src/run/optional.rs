//! Files that need not be there.

use std::path::Path;

use crate::error::ReportError;

/// The bytes of `path`, or `None` if the file does not exist.
pub(super) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, ReportError> {
    twist_io::read_if_there(path).map_err(ReportError::read)
}

/// The text of `path` with damaged UTF-8 replaced, or `None` if the file does not exist.
pub(super) fn read_optional_text(path: &Path) -> Result<Option<String>, ReportError> {
    Ok(read_optional(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
