//! Hashes by which weights are told apart.

use std::path::Path;

use sha2::{Digest, Sha256};
use twist_io::Refused;

use crate::ModelError;

/// SHA-256 of a file, the first 32 hexadecimal digits.
pub(crate) fn hash_of(path: &Path) -> Result<String, ModelError> {
    let hash = sha256_of(path).map_err(|source| Refused::reading(path, source))?;
    Ok(hash[..32].to_owned())
}

/// SHA-256 of a file, 64 hexadecimal digits.
///
/// # Errors
/// The file cannot be read; the error names it.
pub fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut twist_io::open_regular(path)?, &mut HashWriter(&mut hash))?;
    Ok(hex(&hash.finalize()))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
