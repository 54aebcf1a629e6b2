//! One form of Unicode for all names that are compared.
//!
//! `é` is one character or two, and file systems, archives and editors disagree on which. Names of classes are kept in the
//! composed form (NFC), and paths are compared in it; the bytes of a path stay as the file system has them.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The text in the composed form.
pub fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// The text in the decomposed form, as macOS once stored the names of files.
pub fn decomposed(text: &str) -> String {
    text.nfd().collect()
}
