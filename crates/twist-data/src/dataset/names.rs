//! Millions of short names in two allocations.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// File names, kept as the bytes the operating system uses: a data set of ImageNet's size needs some 50 MB instead of
/// several hundred for as many `PathBuf`s, and names that are not UTF-8 still open.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl NameTable {
    pub(crate) fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of name `index`, or `None` beyond the end.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    /// Name `index` as a path.
    pub(crate) fn path(&self, index: usize) -> Option<&Path> {
        self.get(index).map(|bytes| Path::new(OsStr::from_bytes(bytes)))
    }

    /// Name `index` for people; empty beyond the end.
    pub(crate) fn text(&self, index: usize) -> String {
        self.get(index).map(readable).unwrap_or_default()
    }
}

/// A name as text, with bytes that are not UTF-8 written as `\xNN`: two different names stay different.
pub(crate) fn readable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let mut names = NameTable::default();
        for name in [&b"cat/1.png"[..], b"", b"dog/\xff.png"] {
            names.push(name);
        }
        assert_eq!(names.len(), 3);
        assert_eq!(names.get(0), Some(&b"cat/1.png"[..]));
        assert_eq!(names.get(1), Some(&b""[..]));
        assert_eq!(names.text(2), "dog/\\xff.png");
        assert_eq!(names.path(2).map(|p| p.as_os_str().as_bytes()), Some(&b"dog/\xff.png"[..]));
        assert_eq!(names.get(3), None);
    }
}
