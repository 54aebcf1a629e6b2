//! Compares a weight file with what the hub states of it.

use std::path::Path;

use super::{HubError, HubName};
use crate::model::sha256_of;

/// The SHA-256 of a file of a snapshot, compared with the name of the blob behind it: the hub names large files by their
/// SHA-256, and small ones by an identity of git that says nothing about transfers. A file that differs is removed, so
/// that the next transfer brings it anew.
pub(super) fn checked(name: &HubName, folder: &Path, file: &str) -> Result<String, HubError> {
    let path = folder.join(file);
    let got = sha256_of(&path)?;
    let Ok(blob) = fs_err::canonicalize(&path) else { return Ok(got) };
    let stated = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if stated.len() != got.len() || stated == got {
        return Ok(got);
    }
    fs_err::remove_file(&blob)?;
    fs_err::remove_file(&path)?;
    let reason = format!("{file} is damaged: its SHA-256 is {got}, and the hub states {stated}");
    Err(HubError::new(name, reason, "The file was removed; run the command again"))
}
