//! The content of a data set, byte by byte.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use twist_data::{DataError, Dataset, Stored};

use crate::model::hex;

/// SHA-256 over the stored bytes of every image in order, the first 32 hexadecimal digits. Names and labels do not
/// count: features do not depend on them.
///
/// Reading everything costs a small part of what features cost, and a picture that was exchanged under its old name is
/// noticed. An image that cannot be read counts as such.
pub(super) fn content_hash(dataset: &dyn Dataset) -> String {
    let each: Vec<[u8; 32]> =
        (0..dataset.len()).into_par_iter().map(|index| of_image(&dataset.read(index))).collect();
    hash_of_all(&each)
}

fn hash_of_all(each: &[[u8; 32]]) -> String {
    let mut all = Sha256::new();
    each.iter().for_each(|hash| all.update(hash));
    hex(&all.finalize()[..16])
}

fn of_image(read: &Result<Stored, DataError>) -> [u8; 32] {
    let mut hash = Sha256::new();
    match read {
        Ok(Stored::Encoded(bytes)) => {
            hash.update(b"file");
            hash.update(bytes);
        }
        Ok(Stored::Pixels(image)) => {
            hash.update(b"pixels");
            hash.update(image.width.to_le_bytes());
            hash.update(image.height.to_le_bytes());
            hash.update(&image.pixels);
        }
        Err(_) => hash.update(b"unreadable"),
    }
    hash.finalize().into()
}

/// A data set that remembers what was read of it, so that nobody has to take it for what lay there a moment before.
pub(super) struct Witness {
    inner: Arc<dyn Dataset>,
    /// The hash of each image as it was read last.
    seen: Mutex<Vec<[u8; 32]>>,
}

impl Witness {
    pub(super) fn of(inner: &Arc<dyn Dataset>) -> Self {
        Self { inner: Arc::clone(inner), seen: Mutex::new(vec![[0; 32]; inner.len()]) }
    }

    /// What [`content_hash`] would have said of the bytes that were read, once every image was.
    pub(super) fn content_hash(&self) -> String {
        hash_of_all(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Dataset for Witness {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let read = self.inner.read(index);
        let hash = of_image(&read);
        if let Some(place) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            *place = hash;
        }
        read
    }

    fn path(&self, index: usize) -> String {
        self.inner.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.inner.label(index)
    }

    fn classes(&self) -> &[String] {
        self.inner.classes()
    }

    fn fingerprint(&self) -> String {
        self.inner.fingerprint()
    }
}
