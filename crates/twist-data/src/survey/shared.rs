//! Images that are in two data sets.

use std::collections::HashSet;

use super::info::content_hash;
use crate::{Dataset, Decoder, Stored, pixels};

/// With more images in both, nothing is read: to read them takes longer than what is to be measured may.
const MOST: usize = 20_000;
/// Up to so many bytes are decoded: about two seconds.
const DECODED: usize = 64 << 20;

/// How many images of `test` are in `train` as well: with the same pixels, or in large data sets with the same bytes. Of more than
/// 20,000 images in both, none.
pub fn shared(train: &dyn Dataset, test: &dyn Dataset) -> usize {
    if train.len() + test.len() > MOST {
        return 0;
    }
    let decodes = [train, test].map(stored_bytes).iter().sum::<usize>() <= DECODED;
    let mut decoder = Decoder::default();
    let mut keys = |of: &dyn Dataset| -> Vec<[u8; 16]> {
        let stored = |index: usize| match of.read(index) {
            Ok(Stored::Encoded(bytes)) if !decodes => Some(content_hash(&bytes)),
            _ => pixels(of, index, &mut decoder).ok().map(|image| content_hash(&image.pixels)),
        };
        (0..of.len()).filter_map(stored).collect()
    };
    let known: HashSet<[u8; 16]> = keys(train).into_iter().collect();
    keys(test).iter().filter(|key| known.contains(*key)).count()
}

/// Bytes of all images that have to be decoded.
fn stored_bytes(of: &dyn Dataset) -> usize {
    let stored = |index: usize| match of.read(index) {
        Ok(Stored::Encoded(bytes)) => bytes.len(),
        _ => 0,
    };
    (0..of.len()).map(stored).sum()
}
