//! Paths of files as text, also those that are not text.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// How a path is written that is not text: as the address of the file, in which `%FF` is the byte 255. Other paths begin with `/`.
const ADDRESS: &str = "file://";

/// A path from the root on as text from which it can be had again.
pub(super) fn name_of_file(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let mut address = ADDRESS.to_owned();
    for &byte in path.as_os_str().as_bytes() {
        if plain(byte) { address.push(byte.into()) } else { address.push_str(&format!("%{byte:02X}")) }
    }
    address
}

/// The path that [`name_of_file`] wrote.
pub(super) fn file_of_name(name: &str) -> PathBuf {
    let Some(mut rest) = name.strip_prefix(ADDRESS) else { return name.into() };
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((before, escape)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &escape[2..];
            }
            None => {
                bytes.push(b'%');
                rest = escape;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_text_come_back() {
        let of = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        assert_eq!(name_of_file(Path::new("/data/100%41 ä.jpg")), "/data/100%41 ä.jpg");
        assert_eq!(name_of_file(&of(b"/data/a b\xff%.jpg")), "file:///data/a%20b%FF%25.jpg");
        for bytes in [&b"/data/a b\xff%.jpg"[..], b"/data/100%41.jpg", b"/\x80%41", b"/%zz\xfe%"] {
            assert_eq!(file_of_name(&name_of_file(&of(bytes))), of(bytes));
        }
    }
}
