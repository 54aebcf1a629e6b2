//! What a data set holds, byte by byte.

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use twist_data::{Dataset, Stored};

use crate::model::hex;

/// SHA-256 over the stored bytes of every image in order, the first 32 hexadecimal digits. Names and labels do not
/// count: features do not depend on them.
///
/// Reading everything costs a small part of what features cost, and a picture that was exchanged under its old name is
/// noticed. An image that cannot be read counts as such.
pub(super) fn content_hash(dataset: &dyn Dataset) -> String {
    let each: Vec<[u8; 32]> =
        (0..dataset.len()).into_par_iter().map(|index| of_image(dataset, index)).collect();
    let mut all = Sha256::new();
    each.iter().for_each(|hash| all.update(hash));
    hex(&all.finalize()[..16])
}

fn of_image(dataset: &dyn Dataset, index: usize) -> [u8; 32] {
    let mut hash = Sha256::new();
    match dataset.read(index) {
        Ok(Stored::Encoded(bytes)) => {
            hash.update(b"file");
            hash.update(&bytes);
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
