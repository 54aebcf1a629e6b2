//! Hashes by which weights are told apart.

use std::path::Path;

use sha2::{Digest, Sha256};
use twist_io::{HostTensor, Refused, StateDict};

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

/// The prefix of a backbone's tensors.
const BACKBONE: &str = "backbone.";

/// The prefix of the tensors that divide classes after training.
const SPLITS: &str = "splits.";

/// SHA-256 of all tensors of a network by their names, the first 32 hexadecimal digits: it tells weights apart wherever they lie.
/// What splits of classes added is left out, because they change neither the numbers of the other classes nor their images.
pub fn weights_hash(state: &StateDict) -> String {
    hash_beside(&backbone_hash(state), state)
}

/// The same where the hash of the backbone is known.
pub(super) fn hash_beside(backbone: &str, state: &StateDict) -> String {
    let is_other = |name: &str| ![BACKBONE, SPLITS].iter().any(|prefix| name.starts_with(prefix));
    let others = state.iter().filter(|(name, _)| is_other(name));
    hash_of_tensors(Sha256::new().chain_update(backbone), others)
}

/// SHA-256 of the backbone's tensors by their names, the first 32 hexadecimal digits.
pub(super) fn backbone_hash(state: &StateDict) -> String {
    hash_of_tensors(Sha256::new(), state.iter().filter(|(name, _)| name.starts_with(BACKBONE)))
}

fn hash_of_tensors<'a>(mut hash: Sha256, tensors: impl Iterator<Item = (&'a str, &'a HostTensor)>) -> String {
    for (name, tensor) in tensors {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&tensor.data);
    }
    hex(&hash.finalize()[..16])
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
