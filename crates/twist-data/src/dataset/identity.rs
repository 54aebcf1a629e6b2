//! Fingerprints: has the data changed since the run began?
//!
//! It is a hash of names, content and labels. Reading everything would take as long as an epoch, so the content is the size of
//! every image, with its first and last 4 KiB: of every image up to 20,000, of 20,000 at equal distances where there are more.
//! That is a second or two on a disk without moving parts. Another picture of the same size is noticed wherever it is looked at.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::file_pool::open_file;

/// Images whose bytes are looked at.
const SAMPLED: usize = 20_000;
/// Bytes looked at, at the beginning and at the end.
const ENDS: usize = 4_096;

/// Builds a fingerprint from whatever identifies a data set cheaply. The same sequence of calls gives the same text.
pub(crate) struct Identity(Sha256);

impl Identity {
    /// Starts with the kind of reader, so that two kinds never agree by accident.
    pub(crate) fn new(kind: &str) -> Self {
        let mut identity = Self(Sha256::new());
        identity.name(kind.as_bytes());
        identity
    }

    /// Adds a name, of any length.
    pub(crate) fn name(&mut self, name: &[u8]) {
        self.number(name.len() as u64);
        self.0.update(name);
    }

    /// Adds what is known of the bytes of an image or of a file.
    pub(crate) fn content(&mut self, content: Content) {
        self.number(content.size);
        self.0.update(content.ends);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    pub(crate) fn label(&mut self, label: Option<u32>) {
        self.number(label.map_or(u64::MAX, u64::from));
    }

    /// 32 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// What is known of the bytes of an image or of a file.
#[derive(Clone, Copy)]
pub(crate) struct Content {
    size: u64,
    ends: [u8; 16],
}

impl Content {
    /// Of `size` bytes that `read_at` reads from a position on; with `look` their ends count, else the size alone.
    fn of(size: u64, look: bool, read_at: impl Fn(&mut [u8], u64) -> io::Result<()>) -> Self {
        let mut hash = Sha256::new();
        if look {
            let mut bytes = vec![0; usize::try_from(size).map_or(ENDS, |size| size.min(ENDS))];
            for at in [0, size - bytes.len() as u64] {
                // What cannot be read is found out, and said, where it is needed.
                if read_at(&mut bytes, at).is_ok() {
                    hash.update(&bytes);
                }
            }
        }
        let digest = hash.finalize();
        Self { size, ends: std::array::from_fn(|i| digest[i]) }
    }

    /// Of a whole file; one that cannot be opened counts as of `u64::MAX` bytes.
    pub(crate) fn of_file(path: &Path, look: bool) -> Self {
        let opened = open_file(path).and_then(|file: File| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => Self::of(size, look, |bytes, at| file.read_exact_at(bytes, at)),
            Err(_) => Self::of(u64::MAX, false, |_, _| Ok(())),
        }
    }
}

/// Whether the bytes of image `index` of `len` are looked at.
fn is_sampled(index: usize, len: usize) -> bool {
    len <= SAMPLED || {
        let place = |index: usize| index as u128 * SAMPLED as u128 / len as u128;
        index == 0 || place(index) != place(index - 1)
    }
}

/// The content of many files, asked for in parallel: on network file systems each answer takes a while.
pub(crate) fn of_files(len: usize, path: impl Fn(usize) -> Option<PathBuf> + Sync) -> Vec<Content> {
    let of = |index| Content::of_file(&path(index).unwrap_or_default(), is_sampled(index, len));
    (0..len).into_par_iter().with_min_len(64).map(of).collect()
}

/// The content of many pieces of files, of which `place` says the size; `read_at(piece, bytes, at)` reads from a position in
/// the piece on.
pub(crate) fn of_pieces(
    len: usize,
    size: impl Fn(usize) -> u64 + Sync,
    read_at: impl Fn(usize, &mut [u8], u64) -> io::Result<()> + Sync,
) -> Vec<Content> {
    let of = |index| Content::of(size(index), is_sampled(index, len), |bytes, at| read_at(index, bytes, at));
    (0..len).into_par_iter().with_min_len(64).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count() {
        let of = |parts: &[&str]| {
            let mut identity = Identity::new("test");
            parts.iter().for_each(|p| identity.name(p.as_bytes()));
            identity.finish()
        };
        assert_eq!(of(&["ab", "c"]).len(), 32);
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }

    #[test]
    fn samples_are_as_many_as_said() {
        for len in [1, SAMPLED, SAMPLED + 1, 3 * SAMPLED - 7] {
            assert_eq!((0..len).filter(|&index| is_sampled(index, len)).count(), len.min(SAMPLED));
        }
    }

    #[test]
    fn both_ends_count() {
        let of = |bytes: &[u8]| {
            let content = Content::of(bytes.len() as u64, true, |buffer, at| {
                buffer.copy_from_slice(&bytes[at as usize..at as usize + buffer.len()]);
                Ok(())
            });
            (content.size, content.ends)
        };
        let long = vec![7; 3 * ENDS];
        for place in [0, long.len() - 1] {
            let mut other = long.clone();
            other[place] = 8;
            assert_ne!(of(&long), of(&other), "{place}");
        }
        assert_eq!(of(&[]), of(&[]));
        assert_ne!(of(&[1]), of(&[2]));
    }
}
